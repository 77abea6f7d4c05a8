"""When things happened before each row's cut-off: recency, last items, decayed counts, sessions, gaps between orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import CodeArray, FloatArray, IntArray
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE, AsOf, same_order
from features.histories.reversals import Reversals, is_taken_back
from features.histories.windows import event_slots
from features.tables import EVENT_NAMES
from features.threads import over_rows

MICROSECONDS_PER_MINUTE: Final = 60_000_000

_PURCHASE: Final = EVENT_NAMES.index("purchase")


class Sessions(NamedTuple):
    """Visits of each of n rows, parted by pauses.

    Attributes:
        number: shape (n,), sessions.
        last_events: shape (n,), events of the latest one, 0 without any.
        last_minutes: shape (n,), from its first event to its last, NaN without any.
    """

    number: CodeArray
    last_events: CodeArray
    last_minutes: FloatArray


class OrderGaps(NamedTuple):
    """Orders of each of n rows, and the days between them.

    Attributes:
        orders: shape (n,), orders of which something was kept.
        mean_days: shape (n,), mean days from one to the next, NaN below two orders.
        sd_days: shape (n,), their standard deviation (n - 1), NaN below three orders.
    """

    orders: CodeArray
    mean_days: FloatArray
    sd_days: FloatArray


def recency_days(history: AsOf, *, events: Sequence[str]) -> FloatArray:
    """Days since the latest of each event.

    Args:
        history: n rows.
        events: event names.

    Returns:
        float64, shape (n, len(events)), > 0; NaN where there was none.

    Raises:
        ValueError: a name is not of the vocabulary.
    """
    columns, slot_of = history.histories, event_slots(events)
    days = np.full((len(history), len(events)), np.nan)
    over_rows(
        len(history),
        lambda first, last: _recency(
            first,
            last,
            history.start,
            history.stop,
            history.time,
            columns.time,
            columns.event,
            slot_of,
            days,
        ),
    )
    return days


def last_items(history: AsOf, *, events: Sequence[str], n: int) -> CodeArray:
    """Items of the latest events that name one, newest first; an item comes as often as it was met.

    Args:
        history: rows.
        events: event names, all taken together.
        n: how many, >= 1.

    Returns:
        int32 item codes, shape (rows, n), -1 where there are fewer.

    Raises:
        ValueError: a name is not of the vocabulary.
    """
    columns, slot_of = history.histories, event_slots(events)
    items = np.full((len(history), n), NO_CODE, np.int32)
    over_rows(
        len(history),
        lambda first, last: _last_items(
            first,
            last,
            history.start,
            history.stop,
            columns.event,
            columns.item,
            slot_of,
            items,
        ),
    )
    return items


def decayed_counts(history: AsOf, *, events: Sequence[str], half_life_days: float) -> FloatArray:
    """Each event counted by its age: 1 now, half after one half-life.

    Args:
        history: n rows.
        events: event names.
        half_life_days: > 0.

    Returns:
        float64, shape (n, len(events)), >= 0.

    Raises:
        ValueError: a name is not of the vocabulary.
    """
    columns, slot_of = history.histories, event_slots(events)
    counts = np.zeros((len(history), len(events)))
    over_rows(
        len(history),
        lambda first, last: _decayed(
            first,
            last,
            history.start,
            history.stop,
            history.time,
            columns.time,
            columns.event,
            slot_of,
            1 / (half_life_days * MICROSECONDS_PER_DAY),
            counts,
        ),
    )
    return counts


def sessions(history: AsOf, *, pause_minutes: float = 30) -> Sessions:
    """Runs of events without a pause longer than so many minutes.

    Args:
        history: n rows.
        pause_minutes: > 0; a pause of exactly that length does not part.
    """
    columns = history.histories
    count = np.zeros(len(history), np.int32)
    last_events = np.zeros(len(history), np.int32)
    last_minutes = np.full(len(history), np.nan)
    pause = int(pause_minutes * MICROSECONDS_PER_MINUTE)
    over_rows(
        len(history),
        lambda first, last: _sessions(
            first,
            last,
            history.start,
            history.stop,
            columns.time,
            pause,
            count,
            last_events,
            last_minutes,
        ),
    )
    return Sessions(count, last_events, last_minutes)


def order_gaps(history: AsOf) -> OrderGaps:
    """Days between the orders that stood at the cut-off; a purchase wholly taken back by then is none.

    Args:
        history: n rows.
    """
    columns = history.histories
    orders = np.zeros(len(history), np.int32)
    mean, sd = np.full(len(history), np.nan), np.full(len(history), np.nan)
    over_rows(
        len(history),
        lambda first, last: _order_gaps(
            first,
            last,
            history.start,
            history.stop,
            history.time,
            columns.time,
            columns.event,
            columns.transaction,
            columns.quantity,
            columns.reversals,
            orders,
            mean,
            sd,
        ),
    )
    return OrderGaps(orders, mean, sd)


@numba.njit(cache=True, nogil=True)
def _recency(
    first: int,
    last: int,
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    slot_of: npt.NDArray[np.int8],
    days: FloatArray,
) -> None:
    for row in range(first, last):
        open_ = days.shape[1]
        for position in range(stop[row] - 1, start[row] - 1, -1):
            slot = slot_of[event[position]]
            if slot >= 0 and np.isnan(days[row, slot]):
                days[row, slot] = (cutoff[row] - time[position]) / MICROSECONDS_PER_DAY
                open_ -= 1
                if open_ == 0:
                    break


@numba.njit(cache=True, nogil=True)
def _last_items(
    first: int,
    last: int,
    start: IntArray,
    stop: IntArray,
    event: npt.NDArray[np.int8],
    item: CodeArray,
    slot_of: npt.NDArray[np.int8],
    items: CodeArray,
) -> None:
    for row in range(first, last):
        found = 0
        position = stop[row] - 1
        while position >= start[row] and found < items.shape[1]:
            if slot_of[event[position]] >= 0 and item[position] != NO_CODE:
                items[row, found] = item[position]
                found += 1
            position -= 1


@numba.njit(cache=True, nogil=True)
def _decayed(
    first: int,
    last: int,
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    slot_of: npt.NDArray[np.int8],
    rate: float,
    counts: FloatArray,
) -> None:
    for row in range(first, last):
        for position in range(start[row], stop[row]):
            slot = slot_of[event[position]]
            if slot >= 0:
                counts[row, slot] += np.exp2(-rate * (cutoff[row] - time[position]))


@numba.njit(cache=True, nogil=True)
def _sessions(
    first: int,
    last: int,
    start: IntArray,
    stop: IntArray,
    time: IntArray,
    pause: int,
    count: CodeArray,
    last_events: CodeArray,
    last_minutes: FloatArray,
) -> None:
    for row in range(first, last):
        for position in range(start[row], stop[row]):
            if position == start[row] or time[position] - time[position - 1] > pause:
                count[row] += 1
                last_events[row] = 0
                begin = time[position]
            last_events[row] += 1
            last_minutes[row] = (time[position] - begin) / MICROSECONDS_PER_MINUTE


@numba.njit(cache=True, nogil=True)
def _order_gaps(
    first: int,
    last: int,
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    transaction: IntArray,
    quantity: FloatArray,
    reversals: Reversals,
    orders: CodeArray,
    mean: FloatArray,
    sd: FloatArray,
) -> None:
    for row in range(first, last):
        older, middle, squares = -1, 0.0, 0.0
        for position in range(start[row], stop[row]):
            if event[position] != _PURCHASE:
                continue
            if is_taken_back(position, cutoff[row], quantity, reversals):
                continue
            if not same_order(position, older, time, transaction):
                orders[row] += 1
                if orders[row] > 1:  # running mean and squares about it, after Welford (1962)
                    gap = (time[position] - time[older]) / MICROSECONDS_PER_DAY
                    off = gap - middle
                    middle += off / (orders[row] - 1)
                    squares += off * (gap - middle)
            older = position
        if orders[row] > 1:
            mean[row] = middle
        if orders[row] - 1 > 1:
            sd[row] = np.sqrt(squares / (orders[row] - 2))
