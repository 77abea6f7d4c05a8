"""Counts, sums and different items of the last days before each row's cut-off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import CodeArray, FloatArray, IntArray
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE, AsOf
from features.histories.reversals import Reversals, net_quantity, net_value
from features.tables import EVENT_NAMES
from features.threads import over_rows

EVERY_DAY: Final = float("inf")
"""The window of all that is recorded."""

_NO_SLOT: Final = -1


def windowed_counts(history: AsOf, *, events: Sequence[str], days: Sequence[float]) -> CodeArray:
    """How often each event happened in each window `[cut-off - days, cut-off)`.

    Args:
        history: n rows.
        events: event names.
        days: lengths of the windows, > 0, in any order.

    Returns:
        int32, shape (n, len(events), len(days)).

    Raises:
        ValueError: a name is not of the vocabulary.

    Invariants: unchanged by events at or after a row's cut-off; never falls as a window grows.
    """
    columns = history.histories
    counts = np.zeros((len(history), len(events), len(days)), np.int32)
    over_rows(
        len(history),
        lambda first, last: _count(
            first,
            last,
            history.start,
            history.stop,
            history.time,
            columns.time,
            columns.event,
            event_slots(events),
            window_lengths(days),
            counts,
        ),
    )
    return counts


def windowed_sums(
    history: AsOf,
    *,
    events: Sequence[str],
    days: Sequence[float],
    of: Literal["value", "quantity"] = "value",
) -> FloatArray:
    """Money or units of each event in each window, less what was taken back before the cut-off.

    Args:
        history: n rows.
        events: event names.
        days: lengths of the windows, > 0.
        of: `value`, where an event without money adds nothing, or `quantity`, where one without quantity is one unit.

    Returns:
        float64, shape (n, len(events), len(days)), >= 0.

    Raises:
        ValueError: a name is not of the vocabulary.

    Invariants: unchanged by events, refunds among them, at or after a row's cut-off.
    """
    columns = history.histories
    sums = np.zeros((len(history), len(events), len(days)))
    over_rows(
        len(history),
        lambda first, last: _sum(
            first,
            last,
            history.start,
            history.stop,
            history.time,
            columns.time,
            columns.event,
            columns.value if of == "value" else columns.quantity,
            columns.reversals,
            of == "value",
            event_slots(events),
            window_lengths(days),
            sums,
        ),
    )
    return sums


def distinct_items(history: AsOf, *, events: Sequence[str], days: float = EVERY_DAY) -> CodeArray:
    """How many different items the events of the last days name.

    Args:
        history: n rows.
        events: event names, all counted together.
        days: length of the window, > 0.

    Returns:
        int32, shape (n,).

    Raises:
        ValueError: a name is not of the vocabulary.
    """
    columns = history.histories
    counts = np.zeros(len(history), np.int32)
    over_rows(
        len(history),
        lambda first, last: _count_items(
            first,
            last,
            history.start,
            history.stop,
            history.time,
            columns.time,
            columns.event,
            columns.item,
            columns.n_items,
            event_slots(events),
            window_lengths([days])[0],
            counts,
        ),
    )
    return counts


def event_slots(events: Sequence[str]) -> npt.NDArray[np.int8]:
    """Position of each event code among the names asked for, -1 = not asked for.

    Raises:
        ValueError: a name is not of the vocabulary.
    """
    slots = np.full(len(EVENT_NAMES), _NO_SLOT, np.int8)
    for position, name in enumerate(events):
        slots[EVENT_NAMES.index(name)] = position
    return slots


def window_lengths(days: Sequence[float]) -> IntArray:
    """Lengths in microseconds, shape (len(days),); those beyond all time are cut to it."""
    longest = float(np.iinfo(np.int64).max // MICROSECONDS_PER_DAY)
    return (np.minimum(np.asarray(days, np.float64), longest) * MICROSECONDS_PER_DAY).astype(
        np.int64
    )


@numba.njit(cache=True, nogil=True)
def _count(
    first: int,
    last: int,
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    slot_of: npt.NDArray[np.int8],
    windows: IntArray,
    counts: CodeArray,
) -> None:
    longest = windows.max()
    for row in range(first, last):
        for position in range(stop[row] - 1, start[row] - 1, -1):
            age = cutoff[row] - time[position]
            if age > longest:
                break
            slot = slot_of[event[position]]
            if slot == _NO_SLOT:
                continue
            for window in range(len(windows)):
                counts[row, slot, window] += age <= windows[window]


@numba.njit(cache=True, nogil=True)
def _sum(
    first: int,
    last: int,
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    amount: FloatArray,
    reversals: Reversals,
    is_money: bool,
    slot_of: npt.NDArray[np.int8],
    windows: IntArray,
    sums: FloatArray,
) -> None:
    longest = windows.max()
    for row in range(first, last):
        for position in range(stop[row] - 1, start[row] - 1, -1):
            age = cutoff[row] - time[position]
            if age > longest:
                break
            slot = slot_of[event[position]]
            if slot == _NO_SLOT:
                continue
            if is_money:
                left = net_value(position, cutoff[row], amount, reversals)
            else:
                left = net_quantity(position, cutoff[row], amount, reversals)
            if not np.isnan(left):
                for window in range(len(windows)):
                    if age <= windows[window]:
                        sums[row, slot, window] += left


@numba.njit(cache=True, nogil=True)
def _count_items(
    first: int,
    last: int,
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    item: CodeArray,
    n_items: int,
    slot_of: npt.NDArray[np.int8],
    window: int,
    counts: CodeArray,
) -> None:
    seen_by = np.full(n_items, NO_CODE, np.int64)  # last row that counted the item
    for row in range(first, last):
        for position in range(stop[row] - 1, start[row] - 1, -1):
            if cutoff[row] - time[position] > window:
                break
            code = item[position]
            if code == NO_CODE or slot_of[event[position]] == _NO_SLOT or seen_by[code] == row:
                continue
            seen_by[code] = row
            counts[row] += 1
