"""What persons spend net of refunds, and the shop's average that a short history is drawn towards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import CodeArray, FloatArray, IntArray
from features.histories.histories import MICROSECONDS_PER_DAY, AsOf, same_order
from features.histories.reversals import Reversals, is_taken_back, net_value
from features.tables import EVENT_NAMES

SPEND_DAYS: Final = 365
"""Orders of that many days count."""

_WINDOW: Final = SPEND_DAYS * MICROSECONDS_PER_DAY
_PURCHASE: Final = EVENT_NAMES.index("purchase")


@dataclass(frozen=True, eq=False)
class Spend:
    """Standing orders of n_rows (person, time) rows: orders of which something was not taken back before the time.

    Attributes:
        orders_ever: shape (n_rows,), standing orders.
        first_days: shape (n_rows,), days since the first of them, NaN = none.
        last_days: shape (n_rows,), days since the last of them, NaN = none.
        orders: shape (n_rows,), standing orders of 365 days.
        money: shape (n_rows,), money of 365 days less what was taken back.
        gross: shape (n_rows,), money of 365 days, refunds not taken off.
        known_days: shape (n_rows,), days since the first event of any kind, NaN = no event.
    """

    orders_ever: FloatArray
    first_days: FloatArray
    last_days: FloatArray
    orders: FloatArray
    money: FloatArray
    gross: FloatArray
    known_days: FloatArray

    @classmethod
    def of(cls, history: AsOf) -> Spend:
        """Spend of each row's person, from events strictly before the row's time."""
        columns = history.histories
        scanned = _scan(
            history.start,
            history.stop,
            history.time,
            columns.time,
            columns.event,
            columns.transaction,
            columns.quantity,
            columns.value,
            columns.reversals,
        )
        return cls(*scanned)

    @property
    def watched_days(self) -> FloatArray:
        """Days of the last 365 in which the person was known, shape (n_rows,); 0 without an event."""
        return np.minimum(np.nan_to_num(self.known_days), float(SPEND_DAYS))


@dataclass(frozen=True)
class SpendCounts:
    """Orders, money and days watched of the persons of some part, before `as_of`.

    Attributes:
        as_of: microseconds since 1970 UTC.
        orders: standing orders of 365 days.
        money: their money less what was taken back.
        days: days of the last 365 in which persons were known, added up over persons.

    Invariants: the counts of two parts with different persons add up to those of both together.
    """

    as_of: int
    orders: float
    money: float
    days: float

    @classmethod
    def of(cls, history: AsOf) -> SpendCounts:
        """Counts over the persons of a part.

        Args:
            history: one row per person, all at one time.

        Raises:
            ValueError: the rows have different times, or there are none.
        """
        moments = np.unique(history.time)
        if len(moments) != 1:
            raise ValueError(f"{len(moments)} different times, must be one for all rows")
        spend = Spend.of(history)
        sums = (spend.orders.sum(), spend.money.sum(), spend.watched_days.sum())
        return cls(int(moments[0]), *(float(value) for value in sums))

    def __add__(self, other: SpendCounts) -> SpendCounts:
        """The counts over the persons of both parts.

        Raises:
            ValueError: the parts were counted as of different moments.
        """
        if self.as_of != other.as_of:
            raise ValueError(f"as_of is {self.as_of} and {other.as_of}, must be one moment")
        return SpendCounts(
            self.as_of,
            self.orders + other.orders,
            self.money + other.money,
            self.days + other.days,
        )


@numba.njit(cache=True, nogil=True)
def _scan(
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    transaction: CodeArray,
    quantity: FloatArray,
    value: FloatArray,
    reversals: Reversals,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """One pass over each row's slice, newest first."""
    rows = len(start)
    orders_ever = np.zeros(rows)
    first_days = np.full(rows, np.nan)
    last_days = np.full(rows, np.nan)
    orders = np.zeros(rows)
    money = np.zeros(rows)
    gross = np.zeros(rows)
    known_days = np.full(rows, np.nan)
    for row in range(rows):
        if stop[row] > start[row]:
            known_days[row] = (cutoff[row] - time[start[row]]) / MICROSECONDS_PER_DAY
        newer = -1
        for position in range(stop[row] - 1, start[row] - 1, -1):
            if event[position] != _PURCHASE:
                continue
            age = cutoff[row] - time[position]
            recent = age <= _WINDOW
            if recent and not np.isnan(value[position]):
                gross[row] += value[position]
                money[row] += net_value(position, cutoff[row], value, reversals)
            if is_taken_back(position, cutoff[row], quantity, reversals):
                continue
            if not same_order(position, newer, time, transaction):
                orders_ever[row] += 1
                orders[row] += recent
                first_days[row] = age / MICROSECONDS_PER_DAY
                if np.isnan(last_days[row]):
                    last_days[row] = first_days[row]
            newer = position
    return orders_ever, first_days, last_days, orders, money, gross, known_days
