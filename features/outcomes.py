"""What happened in a declared window after a decision: visits, conversion, revenue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import FloatArray, IntArray
from features.histories import MICROSECONDS_PER_DAY, Histories, same_order
from features.tables import EVENT_NAMES

_PURCHASE: Final = EVENT_NAMES.index("purchase")


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Outcomes of n_rows (person, time) rows in [time, time + horizon).

    Attributes:
        visits: shape (n_rows,), orders in the window.
        revenue: shape (n_rows,), money, 0 without an order.
        first_day: shape (n_rows,), whole days from the decision to the first order, -1 = no order.
    """

    visits: IntArray
    revenue: FloatArray
    first_day: IntArray

    @property
    def conversion(self) -> IntArray:
        """1 where there was at least one order."""
        return (self.visits > 0).astype(np.int64)


def observed_outcomes(
    histories: Histories, persons: IntArray, times: IntArray, *, horizon_days: int
) -> Outcomes:
    """Count purchases in the window that starts at each row's time.

    Args:
        histories: all events; the window must lie inside the recorded time, or its outcome is censored.
        persons: person row numbers, shape (n_rows,).
        times: decision times, microseconds, shape (n_rows,).
        horizon_days: length of the window, >= 1.

    Invariants: unchanged by events before a row's time, or at or after the end of its window.
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
        histories.value,
    )
    return Outcomes(visits, revenue, first_day)


@numba.njit(cache=True, nogil=True)
def _count(
    begin: IntArray,
    end: IntArray,
    decided: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    transaction: npt.NDArray[np.int32],
    value: FloatArray,
) -> tuple[IntArray, FloatArray, IntArray]:
    visits = np.zeros(len(begin), np.int64)
    revenue = np.zeros(len(begin), np.float64)
    first_day = np.full(len(begin), -1, np.int64)
    for row in range(len(begin)):
        older = -1
        for position in range(begin[row], end[row]):
            if event[position] != _PURCHASE:
                continue
            visits[row] += not same_order(position, older, time, transaction)
            if first_day[row] < 0:
                first_day[row] = (time[position] - decided[row]) // MICROSECONDS_PER_DAY
            older = position
            if not np.isnan(value[position]):
                revenue[row] += value[position]
    return visits, revenue, first_day
