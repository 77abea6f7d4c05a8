"""Purchases that were kept: those not taken back as a whole before the row's time, with the money left of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.histories.histories import AsOf, same_order
from features.histories.reversals import Reversals, is_taken_back, net_value
from features.tables import EVENT_NAMES

_PURCHASE: Final = EVENT_NAMES.index("purchase")


@dataclass(frozen=True, eq=False)
class Purchases:
    """Kept purchases, row by row, oldest first.

    Attributes:
        row: shape (n,), row of the `AsOf`.
        position: shape (n,), position in the columns of the histories.
        value: shape (n,), money not taken back before the row's time, 0 where none was recorded.
        begins_order: shape (n,), false for a further line of the order before.
    """

    row: IntArray
    position: IntArray
    value: FloatArray
    begins_order: BoolArray


def kept_purchases(history: AsOf, *, window_days: float | None = None) -> Purchases:
    """Purchases before each row's time of which something is left.

    Args:
        history: n_rows rows.
        window_days: purchases older than this are left out; None = all.

    Invariants: unchanged by events, and by refunds, at or after a row's time.
    """
    columns = history.histories
    row, position = history.events()
    bought = columns.event[position] == _PURCHASE
    if window_days is not None:
        bought &= history.age_days(row, position) <= window_days
    row, position = row[bought], position[bought]
    taken, value, begins = _look(
        row,
        position,
        history.time[row],
        columns.time,
        columns.transaction,
        columns.quantity,
        columns.value,
        columns.reversals,
    )
    kept = ~taken
    return Purchases(row[kept], position[kept], value[kept], begins[kept])


@numba.njit(cache=True, nogil=True)
def _look(
    row: IntArray,
    position: IntArray,
    cutoff: IntArray,
    time: IntArray,
    transaction: IntArray,
    quantity: FloatArray,
    value: FloatArray,
    reversals: Reversals,
) -> tuple[BoolArray, FloatArray, BoolArray]:
    taken = np.zeros(len(position), np.bool_)
    money = np.zeros(len(position))
    begins = np.zeros(len(position), np.bool_)
    older, older_row = -1, -1
    for purchase in range(len(position)):
        place = position[purchase]
        taken[purchase] = is_taken_back(place, cutoff[purchase], quantity, reversals)
        if taken[purchase]:
            continue
        left = net_value(place, cutoff[purchase], value, reversals)
        money[purchase] = 0.0 if np.isnan(left) else left
        if row[purchase] != older_row:
            older = -1
        begins[purchase] = not same_order(place, older, time, transaction)
        older, older_row = place, row[purchase]
    return taken, money, begins
