"""What a person took up in a window after a moment, net of what was taken back: the labels of a ranking."""

from __future__ import annotations

from collections.abc import Collection

import numba
import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.histories.histories import MICROSECONDS_PER_DAY, AsOf
from features.histories.reversals import Reversals, is_taken_back
from features.tables import EVENT_NAMES


def taken_up(
    history: AsOf, *, horizon_days: float, events: Collection[str], matured_at: int
) -> tuple[IntArray, IntArray]:
    """Distinct (row, item code of the histories) taken up in [time, time + horizon).

    Args:
        history: n_rows rows; the window of each must lie inside the recorded time.
        horizon_days: length of the window.
        events: names of the events that count.
        matured_at: microseconds; an event taken back as a whole strictly before it does not count.

    Invariants: unchanged by events before a row's time or at or after the end of its window, and by refunds at or after
    `matured_at`.
    """
    columns = history.histories
    window = round(horizon_days * MICROSECONDS_PER_DAY)
    end = columns.as_of(history.person, history.time + window).stop
    length = end - history.stop
    row = np.repeat(np.arange(len(history), dtype=np.int64), length)
    first = np.repeat(history.stop - np.concatenate([[0], np.cumsum(length)[:-1]]), length)
    position = (first + np.arange(len(row))).astype(np.int64)
    names = [EVENT_NAMES.index(name) for name in events]
    keep = np.isin(columns.event[position], names) & (columns.item[position] >= 0)
    row, position = row[keep], position[keep]
    kept = ~_taken_back(position, matured_at, columns.quantity, columns.reversals)
    width = max(columns.n_items, 1)
    pairs = np.unique(row[kept] * width + columns.item[position[kept]])
    return pairs // width, pairs % width


@numba.njit(cache=True, nogil=True)
def _taken_back(
    position: IntArray, matured_at: int, quantity: FloatArray, reversals: Reversals
) -> BoolArray:
    found = np.zeros(len(position), np.bool_)
    for place in range(len(position)):
        found[place] = is_taken_back(position[place], matured_at, quantity, reversals)
    return found
