"""What happened in a declared window after a decision: visits, conversion, revenue, net of refunds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import FloatArray, IntArray
from features.histories.histories import MICROSECONDS_PER_DAY, Histories, microseconds, same_order
from features.histories.reversals import EVERYTHING, Reversals, is_taken_back, net_value
from features.tables import EVENT_NAMES

_PURCHASE: Final = EVENT_NAMES.index("purchase")


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Outcomes of n_rows (person, time) rows in [time, time + horizon).

    Attributes:
        visits: shape (n_rows,), orders in the window of which something was kept.
        revenue: shape (n_rows,), money less what was taken back, 0 without an order.
        first_day: shape (n_rows,), whole days from the decision to the first of these orders, -1 = no order.
    """

    visits: IntArray
    revenue: FloatArray
    first_day: IntArray

    @property
    def conversion(self) -> IntArray:
        """1 where there was at least one order."""
        return (self.visits > 0).astype(np.int64)


def observed_outcomes(
    histories: Histories,
    persons: IntArray,
    times: IntArray,
    *,
    horizon_days: int,
    matured_at: datetime | None = None,
) -> Outcomes:
    """Count purchases in the window that starts at each row's time, less what was taken back of them.

    A purchase taken back as a whole is no conversion, whenever its refund came before `matured_at`: a refund mostly comes
    after the window, so a label read soon after it counts purchases that will be undone.

    Args:
        histories: all events; the window must lie inside the recorded time, or its outcome is censored.
        persons: person row numbers, shape (n_rows,).
        times: decision times, microseconds, shape (n_rows,).
        horizon_days: length of the window, >= 1.
        matured_at: only refunds strictly before this moment count; None = every recorded one.

    Invariants: unchanged by purchases before a row's time, or at or after the end of its window; unchanged by refunds at
    or after `matured_at`. A later `matured_at` never raises visits or revenue.
    """
    window = horizon_days * MICROSECONDS_PER_DAY
    begin = histories.as_of(persons, times).stop
    end = histories.as_of(persons, times + window).stop
    visits, revenue, first_day = _count(
        begin,
        end,
        times,
        histories.time,
        histories.event,
        histories.transaction,
        histories.quantity,
        histories.value,
        histories.reversals,
        EVERYTHING if matured_at is None else microseconds(matured_at),
    )
    return Outcomes(visits, revenue, first_day)


@numba.njit(cache=True, nogil=True)
def _count(
    begin: IntArray,
    end: IntArray,
    decided: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    transaction: npt.NDArray[np.int64],
    quantity: FloatArray,
    value: FloatArray,
    reversals: Reversals,
    matured_at: int,
) -> tuple[IntArray, FloatArray, IntArray]:
    visits = np.zeros(len(begin), np.int64)
    revenue = np.zeros(len(begin), np.float64)
    first_day = np.full(len(begin), -1, np.int64)
    for row in range(len(begin)):
        older = -1
        for position in range(begin[row], end[row]):
            if event[position] != _PURCHASE:
                continue
            if is_taken_back(position, matured_at, quantity, reversals):
                continue
            visits[row] += not same_order(position, older, time, transaction)
            if first_day[row] < 0:
                first_day[row] = (time[position] - decided[row]) // MICROSECONDS_PER_DAY
            older = position
            money = net_value(position, matured_at, value, reversals)
            if not np.isnan(money):
                revenue[row] += money
    return visits, revenue, first_day
