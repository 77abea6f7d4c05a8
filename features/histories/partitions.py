"""Histories of more events than fit into memory: parted by person on disk, sorted part by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features import columns as c
from features.arrays import CodeArray, FloatArray, IntArray, TextArray
from features.histories.event_columns import COLUMNS, TYPES, EventColumns
from features.histories.event_files import column_pieces, event_ids_of, require_event_files
from features.histories.event_ids import EventIds
from features.histories.person_sort import gather, person_order
from features.histories.reversals import as_arrays, sorted_reversals
from features.run import RunWriter, writing_to
from features.threads import in_two_threads

EVENTS_AT_ONCE: Final = 8_000_000
"""Events sorted at a time, some 150 bytes of memory each."""

_BLOCK: Final = 1_000_000
_ROW: Final = "row"
_SPILLED: Final = (*(name for name in TYPES if name != "person"), "person")
_PLACED: Final = ("item", "category")

Array = npt.NDArray[Any]


class IdMaps(NamedTuple):
    """Texts by row number or code, sorted: what `Histories.from_arrays` wants beside the arrays."""

    person_ids: TextArray
    item_ids: TextArray
    category_ids: TextArray


def write_histories(
    paths: Sequence[Path],
    writer: RunWriter,
    name: str,
    *,
    reversals: pa.Table | None = None,
    events_at_once: int = EVENTS_AT_ONCE,
) -> IdMaps:
    """Write the arrays of the histories of Parquet files of events into the folder `name` of a run.

    The arrays are those of `event_files.read_histories`. Memory holds the different ids, four bytes per event for what was
    taken back, and some events at a time: first the persons are counted and cut into parts of about `events_at_once` events,
    then every column is spilled part by part, then each part is sorted and appended. A person is never cut, so a part is
    larger where one person has more events than that.

    Args:
        paths: at least one file.
        writer: of the run.
        name: folder for the arrays.
        reversals: a checked reversals table; None = nothing was taken back.
        events_at_once: >= 1.

    Raises:
        InputError: there is no file, one is missing, or one is not Parquet.
        SchemaError: a column is missing or of another type, or a person, time or event name is.
    """
    require_event_files(paths)
    columns, event_ids = EventColumns(), event_ids_of(paths)
    with writing_to(writer.path), writer.scratch() as scratch:
        codes = scratch / "codes"
        counts = _count_persons(paths, columns, codes)
        person_ids, place = columns.persons.in_order()
        offsets = np.zeros(len(place) + 1, np.int64)
        offsets[place + 1] = counts
        offsets = np.cumsum(offsets)
        part_of = (offsets[:-1] // events_at_once).astype(np.int32)
        spill = _spill(paths, columns, codes, place, part_of, scratch)
        items, categories = in_two_threads([columns.items.in_order, columns.categories.in_order])
        wanted = _Wanted.of(reversals, event_ids)
        places = {"item": items[1], "category": categories[1]}
        _sort_parts(spill, part_of, places, wanted, event_ids, writer, name)
        taken_back = wanted.reversals(len(event_ids))
    writer.arrays(name, {"offsets": offsets, **as_arrays(taken_back)})
    return IdMaps(person_ids, items[0], categories[0])


def _count_persons(paths: Sequence[Path], columns: EventColumns, target: Path) -> IntArray:
    """Events of each person code; the codes of all rows go to a file."""
    counts = np.zeros(0, np.int64)
    with target.open("wb") as file:
        for piece in column_pieces(paths, COLUMNS["person"]):
            codes = columns.convert("person", piece)
            codes.tofile(file)
            found = np.bincount(codes, minlength=len(columns.persons))
            found[: len(counts)] += counts
            counts = found
    return counts


@dataclass
class _Spill:
    """Blocks of rows on disk, one file per column, each block in the order of its parts.

    Attributes:
        folder: of the files.
        bounds: per block, the first row of each part and the end, counted in the files.
    """

    folder: Path
    bounds: list[IntArray] = field(default_factory=list)

    def part(self, name: str, number: int) -> Array:
        """One column of one part, in the order of its rows."""
        dtype = np.dtype(TYPES.get(name, np.int64))
        pieces = [np.zeros(0, dtype)]
        with (self.folder / name).open("rb") as file:
            for bounds in self.bounds:
                begin, end = bounds[number], bounds[number + 1]
                file.seek(int(begin) * dtype.itemsize)
                pieces.append(np.fromfile(file, dtype, int(end - begin)))
        return np.concatenate(pieces)


def _spill(
    paths: Sequence[Path],
    columns: EventColumns,
    codes: Path,
    place: CodeArray,
    part_of: CodeArray,
    folder: Path,
) -> _Spill:
    spill = _Spill(folder)
    parts = int(part_of[-1]) + 1 if len(part_of) else 0
    with ExitStack() as stack:
        files = {
            name: stack.enter_context((folder / name).open("wb")) for name in (*_SPILLED, _ROW)
        }
        streams = {name: _blocks(columns, name, paths) for name in _SPILLED if name != "person"}
        row = 0
        with codes.open("rb") as persons:
            while len(code := np.fromfile(persons, np.int32, _BLOCK)):
                block = dict(
                    zip(
                        streams,
                        in_two_threads([partial(next, s) for s in streams.values()]),
                        strict=True,
                    )
                )
                block["person"] = place[code]
                part = part_of[block["person"]]
                order = np.argsort(part, kind="stable")
                block[_ROW] = np.arange(row, row + len(code))
                for name, values in block.items():
                    gather(values, order).tofile(files[name])
                sizes = np.bincount(part, minlength=parts)
                spill.bounds.append(row + np.concatenate([[0], np.cumsum(sizes)]))
                row += len(code)
    return spill


def _blocks(columns: EventColumns, name: str, paths: Sequence[Path]) -> Iterator[Array]:
    """A column as numbers, in blocks of one size."""
    kept: list[Array] = []
    held = 0
    for piece in column_pieces(paths, COLUMNS[name]):
        kept.append(columns.convert(name, piece))
        held += len(piece)
        while held >= _BLOCK:
            whole = np.concatenate(kept)
            yield whole[:_BLOCK]
            kept, held = [whole[_BLOCK:]], held - _BLOCK
    if held:
        yield np.concatenate(kept)


@dataclass
class _Wanted:
    """Entries of the reversals table, whose events are found while the parts are sorted.

    Attributes:
        rows: rows of purchases and refunds, rising.
        position, time: where each ended up, and when it was.
        bought, refund: of each entry, the place of its purchase and refund among `rows`.
        quantity, value: of each entry.
    """

    rows: IntArray
    position: IntArray
    time: IntArray
    bought: IntArray
    refund: IntArray
    quantity: FloatArray
    value: FloatArray

    @classmethod
    def of(cls, reversals: pa.Table | None, event_ids: EventIds) -> _Wanted:
        empty, no_numbers = np.zeros(0, np.int64), np.zeros(0)
        if reversals is None or reversals.num_rows == 0:
            return cls(empty, empty, empty, empty, empty, no_numbers, no_numbers)
        refund = event_ids.rows_of(reversals[c.REFUND_EVENT_ID])
        bought = event_ids.rows_of(reversals[c.EVENT_ID])
        known = (refund >= 0) & (bought >= 0)
        quantity, value = (
            EventColumns().take_in("value", reversals[column].chunks, rows=len(known))[known]
            for column in (c.QUANTITY, c.VALUE)
        )
        rows, number = np.unique([bought[known], refund[known]], return_inverse=True)
        number = number.reshape(2, -1)
        return cls(
            rows, np.zeros_like(rows), np.zeros_like(rows), number[0], number[1], quantity, value
        )

    def note(self, rows: IntArray, time: IntArray, *, first: int) -> None:
        """Remember where wanted rows stand: `rows` stand one after another from position `first`."""
        at = np.searchsorted(self.rows, rows)
        at[at == len(self.rows)] = 0
        here = np.flatnonzero(self.rows[at] == rows) if len(self.rows) else at[:0]
        self.position[at[here]] = first + here
        self.time[at[here]] = time[here]

    def reversals(self, n_events: int) -> Any:
        return sorted_reversals(
            self.position[self.bought],
            self.time[self.refund],
            self.quantity,
            self.value,
            n_events=n_events,
        )


def _sort_parts(
    spill: _Spill,
    part_of: CodeArray,
    places: dict[str, CodeArray],
    wanted: _Wanted,
    event_ids: EventIds,
    writer: RunWriter,
    name: str,
) -> None:
    keys = [key for key in _SPILLED if key != "person"]
    with ExitStack() as stack:
        files = {
            key: stack.enter_context(
                writer.array_file(name, key, TYPES[key], length=len(event_ids))
            )
            for key in keys
        }
        first = 0
        for number in np.unique(part_of).tolist():
            persons = np.flatnonzero(part_of == number)
            row = spill.part(_ROW, number)
            order = person_order(
                spill.part("person", number) - np.int32(persons[0]),
                np.arange(len(persons), dtype=np.int32),
                spill.part("time", number),
                partial(_ids_of, event_ids, row),
            )
            wanted.note(row[order.row], order.time, first=first)
            first += len(row)
            files["time"].append(order.time)
            for key in keys:
                if key != "time":
                    sorted_ = gather(spill.part(key, number), order.row, places.get(key))
                    files[key].append(sorted_)


def _ids_of(event_ids: EventIds, row: IntArray, local: IntArray) -> pa.Array:
    return event_ids.take(row[local])
