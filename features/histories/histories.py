"""Person-sorted event columns, and the one place where a cut-off is applied.

`Histories` holds every event of every person, sorted by (person, time), as plain arrays with one offset per person.
`Histories.as_of(persons, times)` is the only way to look inside: it returns an `AsOf`, one row per (person, time), whose
`start:stop` slices hold the events strictly before that time. Features, interactions and recommenders take an `AsOf`
and so cannot see the future.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, CodeArray, FloatArray, IntArray, TextArray, read_only
from features.histories.event_columns import COLUMNS, EventColumns, nothing
from features.histories.event_ids import EventIds, IdPiece
from features.histories.person_sort import gather, person_order
from features.histories.reversals import (
    Reversals,
    as_arrays,
    find_reversals,
    from_arrays,
    kept_reversals,
)
from features.kernels import helper
from features.threads import in_two_threads

MICROSECONDS_PER_DAY: Final = 86_400_000_000
NO_CODE: Final = -1

_OFFSETS: Final = "offsets"
_COLUMNS: Final = ("time", "event", "item", "category", "transaction", "quantity", "value")


@dataclass(frozen=True, eq=False)
class Histories:
    """Every event, sorted by (person, time, event id).

    Attributes:
        person_ids: shape (n_persons,), sorted text; a person's row number is its position here.
        item_ids: shape (n_items,), sorted text; an item's code is its position here.
        category_ids: shape (n_categories,), sorted text; a category's code is its position here.
        offsets: shape (n_persons + 1,), events of person p are `offsets[p]:offsets[p + 1]`.
        time: shape (n_events,), microseconds since 1970 UTC, never falling within a person.
        event: shape (n_events,), int8 position in `features.tables.EVENT_NAMES`.
        item: shape (n_events,), int32 item code, -1 = the event has no item.
        category: shape (n_events,), int32 category code, -1 = the event names no category.
        transaction: shape (n_events,), a number of 63 bits for the text of the transaction id, the same in every build, -1 =
            none; two transactions of one person share it once in 10^18 pairs.
        quantity: shape (n_events,), units, NaN = not recorded.
        value: shape (n_events,), money in the project's currency, NaN = not recorded; before refunds.
        reversals: when how much of each event was taken back. Only `net_value`, `net_quantity` and `is_taken_back` of
            `features.histories.reversals` look inside, with the cut-off of the row.
    """

    person_ids: TextArray
    item_ids: TextArray
    category_ids: TextArray
    offsets: IntArray
    time: IntArray
    event: npt.NDArray[np.int8]
    item: CodeArray
    category: CodeArray
    transaction: IntArray
    quantity: FloatArray
    value: FloatArray
    reversals: Reversals

    def __post_init__(self) -> None:
        for name in (_OFFSETS, *_COLUMNS):
            object.__setattr__(self, name, read_only(getattr(self, name)))
        row, offsets, time, quantity, value = self.reversals
        kept = Reversals(
            row=read_only(row),
            offsets=read_only(offsets),
            time=read_only(time),
            quantity=read_only(quantity),
            value=read_only(value),
        )
        object.__setattr__(self, "reversals", kept)

    @property
    def n_persons(self) -> int:
        return len(self.person_ids)

    @property
    def n_items(self) -> int:
        return len(self.item_ids)

    @classmethod
    def from_events(cls, events: pa.Table, reversals: pa.Table | None = None) -> Histories:
        """Build the layout from a checked events table and its checked reversals table, in any row order."""
        columns = EventColumns()
        arrays = {
            name: columns.take_in(name, events[source].chunks, rows=events.num_rows)
            for name, source in COLUMNS.items()
        }
        chunks = events[c.EVENT_ID].chunks
        event_ids = EventIds([IdPiece(len(chunk), partial(_same, chunk)) for chunk in chunks])
        return cls.from_columns(columns, arrays, event_ids, reversals)

    @classmethod
    def from_columns(
        cls,
        columns: EventColumns,
        arrays: dict[str, npt.NDArray[Any]],
        event_ids: EventIds,
        reversals: pa.Table | None = None,
    ) -> Histories:
        """Build the layout from columns that were taken in.

        Args:
            columns: what took them in.
            arrays: by name, each of shape (n_events,), in the order of the rows; emptied on the way. One that is not there
                is filled with what stands for no value.
            event_ids: of the rows.
            reversals: a checked reversals table.
        """
        (person_ids, place), (item_ids, item), (category_ids, category) = in_two_threads(
            [columns.persons.in_order, columns.items.in_order, columns.categories.in_order]
        )
        order = person_order(arrays.pop("person"), place, arrays.pop("time"), event_ids.take)
        places = {"item": item, "category": category}

        def sort(name: str) -> npt.NDArray[Any]:
            return gather(arrays.pop(name), order.row, places.get(name))

        names = sorted(arrays)
        taken = in_two_threads([partial(sort, name) for name in names])
        missing = {
            name: nothing(name, len(order.time)) for name in _COLUMNS[1:] if name not in names
        }
        return cls(
            person_ids=person_ids,
            item_ids=item_ids,
            category_ids=category_ids,
            offsets=order.offsets,
            time=order.time,
            reversals=find_reversals(reversals, event_ids, order.time, order.row),
            **dict(zip(names, taken, strict=True)),
            **missing,
        )

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The numeric columns, for the store."""
        columns = {name: getattr(self, name) for name in _COLUMNS}
        return {_OFFSETS: self.offsets, **columns, **as_arrays(self.reversals)}

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        *,
        person_ids: TextArray,
        item_ids: TextArray,
        category_ids: TextArray,
    ) -> Histories:
        """The inverse of `arrays`, from memory-mapped columns and the three id maps."""
        return cls(
            person_ids=person_ids,
            item_ids=item_ids,
            category_ids=category_ids,
            offsets=arrays[_OFFSETS],
            **{name: arrays[name] for name in _COLUMNS},
            reversals=from_arrays(arrays),
        )

    def as_of(self, persons: npt.ArrayLike, times: npt.ArrayLike) -> AsOf:
        """What was known about each person strictly before each time.

        Args:
            persons: person row numbers, shape (n_rows,); -1 = unknown person, an empty history.
            times: microseconds since 1970 UTC, shape (n_rows,), or one time for all rows.

        Invariants: events at or after a row's time change nothing in the result's slices.
        """
        person = np.ascontiguousarray(persons, dtype=np.int64)
        time = np.ascontiguousarray(np.broadcast_to(np.asarray(times, np.int64), person.shape))
        start, stop = slices_before(self.offsets, self.time, person, time)
        return AsOf(self, person, time, start, stop)

    def everyone(self, as_of: datetime) -> AsOf:
        """One row per person, in person order, as of one time."""
        return self.as_of(np.arange(self.n_persons), microseconds(as_of))

    def person_rows(self, ids: pa.ChunkedArray | pa.Array) -> IntArray:
        """Row number of each person id; -1 where the person has no event."""
        return _positions(ids, self.person_ids)

    def item_codes(self, ids: pa.ChunkedArray | pa.Array) -> IntArray:
        """Code of each item id; -1 where the item has no event."""
        return _positions(ids, self.item_ids)


@dataclass(frozen=True, eq=False)
class AsOf:
    """Rows of (person, time) with the slice of events before that time.

    Attributes:
        histories: the columns the slices point into.
        person: shape (n_rows,), person row number, -1 = unknown.
        time: shape (n_rows,), the cut-off, microseconds since 1970 UTC.
        start, stop: shape (n_rows,), the row's events are `start:stop`, all before `time`.
    """

    histories: Histories
    person: IntArray
    time: IntArray
    start: IntArray
    stop: IntArray

    def __post_init__(self) -> None:
        for name in ("person", "time", "start", "stop"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: npt.ArrayLike) -> AsOf:
        """The chosen rows, in that order."""
        index = np.asarray(rows)
        return AsOf(
            self.histories,
            self.person[index],
            self.time[index],
            self.start[index],
            self.stop[index],
        )

    def events(self) -> tuple[IntArray, IntArray]:
        """Every visible event as (row, position in the columns), row by row, oldest first."""
        length = self.stop - self.start
        row = np.repeat(np.arange(len(self), dtype=np.int64), length)
        first = np.repeat(self.start - np.concatenate([[0], np.cumsum(length)[:-1]]), length)
        return row, first + np.arange(len(row), dtype=np.int64)

    def age_days(self, row: IntArray, position: IntArray) -> FloatArray:
        """Age of each event at its row's cut-off, in days, always positive."""
        age = self.time[row] - self.histories.time[position]
        return age / MICROSECONDS_PER_DAY


def without_persons(
    arrays: Mapping[str, npt.NDArray[Any]], stays: BoolArray
) -> dict[str, npt.NDArray[Any]]:
    """Stored `Histories.arrays` of the persons that stay, shape of `stays` (n_persons,); no code changes."""
    lengths = np.diff(arrays[_OFFSETS])
    kept = np.repeat(stays, lengths)
    return {
        _OFFSETS: np.concatenate([[0], np.cumsum(lengths[stays])]).astype(np.int64),
        **{name: arrays[name][kept] for name in _COLUMNS},
        **as_arrays(kept_reversals(from_arrays(arrays), kept)),
    }


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 UTC of a moment with a zone."""
    return int(pa.scalar(moment, pa.timestamp("us", tz="UTC")).value)


def _same(chunk: pa.Array) -> pa.Array:
    return chunk


def _positions(ids: pa.ChunkedArray | pa.Array, known: TextArray) -> IntArray:
    found = pc.fill_null(pc.index_in(ids, value_set=pa.array(known, pa.string())), NO_CODE)
    positions: IntArray = found.to_numpy(zero_copy_only=False).astype(np.int64)
    return positions


@numba.njit(cache=True, nogil=True)
def slices_before(
    offsets: IntArray, time: IntArray, person: IntArray, cutoff: IntArray
) -> tuple[IntArray, IntArray]:
    """Begin and end of each row's sorted times that lie strictly before the row's cut-off; empty for row number -1."""
    start = np.zeros(len(person), np.int64)
    stop = np.zeros(len(person), np.int64)
    for row in range(len(person)):
        if person[row] < 0:
            continue
        low = offsets[person[row]]
        high = offsets[person[row] + 1]
        start[row] = low
        while low < high:
            middle = (low + high) // 2
            if time[middle] < cutoff[row]:
                low = middle + 1
            else:
                high = middle
        stop[row] = low
    return start, stop


@helper
def same_order(one: int, other: int, time: IntArray, transaction: IntArray) -> bool:
    """Whether two purchases belong to one order: one transaction at one time.

    A purchase without transaction id is an order of its own. `one` and `other` are positions in the columns; a negative
    `other` stands for no neighbour.
    """
    if other < 0 or transaction[one] == NO_CODE:
        return False
    return bool(transaction[one] == transaction[other] and time[one] == time[other])
