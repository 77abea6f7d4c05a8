"""The order of events by person, time and event id, without sorting what already stands in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.arrays import CodeArray, IntArray
from features.histories.text_codes import Texts, as_texts
from features.kernels import helper

_SMALL: Final = np.iinfo(np.int32).max

Rows = npt.NDArray[np.int32] | IntArray


class PersonOrder(NamedTuple):
    """Events in the order of the histories.

    Attributes:
        offsets: shape (n_persons + 1,), events of person p are `offsets[p]:offsets[p + 1]`.
        row: shape (n_events,), the row that comes at each position.
        time: shape (n_events,), the times in that order.
    """

    offsets: IntArray
    row: Rows
    time: IntArray


def person_order(
    person: CodeArray,
    place: CodeArray,
    time: IntArray,
    event_ids: Callable[[IntArray], pa.Array],
) -> PersonOrder:
    """Sort rows by (person, time, event id).

    Persons are told apart by counting; their times, which mostly come in order, are sorted only where they do not; event
    ids are looked at only where one person did several things at one time.

    Args:
        person: code of each row's person, shape (n_events,).
        place: where each code's person comes, shape (n_persons,), a permutation.
        time: microseconds, shape (n_events,).
        event_ids: the ids of the rows asked for, which are in ascending order; called only if there are any.
    """
    row_type: Any = np.int32 if len(person) <= _SMALL else np.int64
    row: Rows = np.empty(len(person), row_type)
    offsets = _by_person(person, place, row)
    ordered = gather(time, row)
    _by_time(offsets, ordered, row)
    first, last = _runs(offsets, ordered)
    if len(first):
        _by_event_id(row, first, last, event_ids)
    return PersonOrder(offsets, row, ordered)


def gather(values: npt.NDArray[Any], row: Rows, place: CodeArray | None = None) -> npt.NDArray[Any]:
    """The values of some rows, in that order; other threads run meanwhile.

    Args:
        values: by row.
        row: the rows wanted.
        place: if given, values are codes, -1 = none, and the place of each is taken instead.
    """
    taken = np.empty(len(row), values.dtype)
    if place is None:
        _gather(values, row, taken)
    else:
        _gather_places(values, row, place, taken)
    return taken


def _by_event_id(
    row: Rows, first: IntArray, last: IntArray, event_ids: Callable[[IntArray], pa.Array]
) -> None:
    position = _positions(first, last)
    wanted, number = np.unique(row[position], return_inverse=True)
    texts = as_texts(event_ids(wanted.astype(np.int64)))
    lengths = last - first
    ends = np.cumsum(lengths)
    number = number.astype(np.int64)
    _sort_runs(number, ends - lengths, ends, texts, np.empty(len(number), np.int64))
    row[position] = wanted[number]


@numba.njit(cache=True, nogil=True)
def _by_person(person: CodeArray, place: CodeArray, row: Rows) -> IntArray:
    offsets = np.zeros(len(place) + 1, np.int64)
    for code in person:
        offsets[place[code] + 1] += 1
    offsets = np.cumsum(offsets)
    free = np.empty(len(place), np.int64)
    for code in range(len(place)):
        free[code] = offsets[place[code]]
    for number in range(len(person)):
        code = person[number]
        row[free[code]] = number
        free[code] += 1
    return offsets


@numba.njit(cache=True, nogil=True)
def _gather(values: npt.NDArray[Any], row: Rows, taken: npt.NDArray[Any]) -> None:
    for position in range(len(row)):
        taken[position] = values[row[position]]


@numba.njit(cache=True, nogil=True)
def _gather_places(values: CodeArray, row: Rows, place: CodeArray, taken: CodeArray) -> None:
    for position in range(len(row)):
        code = values[row[position]]
        taken[position] = code if code < 0 else place[code]


@numba.njit(cache=True, nogil=True)
def _by_time(offsets: IntArray, time: IntArray, row: Rows) -> None:
    for person in range(len(offsets) - 1):
        begin, end = offsets[person], offsets[person + 1]
        for position in range(begin + 1, end):
            if time[position] < time[position - 1]:
                order = np.argsort(time[begin:end], kind="mergesort")
                time[begin:end] = time[begin:end][order]
                row[begin:end] = row[begin:end][order]
                break


@numba.njit(cache=True, nogil=True)
def _runs(offsets: IntArray, time: IntArray) -> tuple[IntArray, IntArray]:
    """Begin and end of each run of two or more events of one person at one time."""
    count = 0
    for person in range(len(offsets) - 1):
        for position in range(offsets[person] + 1, offsets[person + 1]):
            count += time[position] == time[position - 1]
    first, last = np.empty(count, np.int64), np.empty(count, np.int64)
    found = 0
    for person in range(len(offsets) - 1):
        begin = offsets[person]
        for position in range(begin + 1, offsets[person + 1] + 1):
            if position == offsets[person + 1] or time[position] != time[begin]:
                if position - begin > 1:
                    first[found], last[found] = begin, position
                    found += 1
                begin = position
    return first[:found], last[:found]


@numba.njit(cache=True, nogil=True)
def _positions(first: IntArray, last: IntArray) -> IntArray:
    position = np.empty((last - first).sum(), np.int64)
    at = 0
    for run in range(len(first)):
        for value in range(first[run], last[run]):
            position[at] = value
            at += 1
    return position


@numba.njit(cache=True, nogil=True)
def _sort_runs(
    number: IntArray, begins: IntArray, ends: IntArray, texts: Texts, other: IntArray
) -> None:
    """Sort each run of text numbers by the texts: merge sort from the bottom up."""
    for run in range(len(begins)):
        begin, end = begins[run], ends[run]
        width = 1
        while width < end - begin:
            for left in range(begin, end, 2 * width):
                middle, right = min(left + width, end), min(left + 2 * width, end)
                one, two = left, middle
                for at in range(left, right):
                    if two >= right or (
                        one < middle and not _less(texts, number[two], number[one])
                    ):
                        other[at] = number[one]
                        one += 1
                    else:
                        other[at] = number[two]
                        two += 1
            for at in range(begin, end):
                number[at] = other[at]
            width *= 2


@helper
def _less(texts: Texts, one: int, two: int) -> bool:
    """Whether one text comes before another in the order of bytes."""
    begin, other = np.int64(texts.offsets[one]), np.int64(texts.offsets[two])
    length = texts.offsets[one + 1] - begin
    other_length = texts.offsets[two + 1] - other
    for at in range(min(length, other_length)):
        if texts.data[begin + at] != texts.data[other + at]:
            return bool(texts.data[begin + at] < texts.data[other + at])
    return bool(length < other_length)
