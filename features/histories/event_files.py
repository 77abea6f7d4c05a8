"""Histories straight from Parquet files of events, column by column, without a table in between."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features import columns as c
from features.files.parquet import require_columns
from features.histories.event_columns import COLUMNS, EventColumns
from features.histories.event_ids import EventIds, IdPiece
from features.histories.histories import Histories
from features.tables import EVENTS
from features.threads import in_two_threads

_ROWS_AT_ONCE: Final = 1 << 21
_SAMPLE: Final = 1_000
_LENGTH_BYTES: Final = 4  # before each text that is written as it is
_MUCH_LESS: Final = 0.6

_COSTLIEST_FIRST: Final = (
    "person", "item", "time", "transaction", "event", "category", "value", "quantity",
)  # fmt: skip


def read_histories(
    paths: Sequence[Path],
    reversals: pa.Table | None = None,
    *,
    leave_out: Collection[str] = (),
) -> Histories:
    """Build the layout from Parquet files of the events table, in any order of rows.

    Equal to `Histories.from_events` of all their rows; reads only the columns it keeps, and ids of events only where one
    person did several things at one time. The files are trusted to hold each event once.

    Args:
        paths: at least one file.
        reversals: a checked reversals table; None = nothing was taken back.
        leave_out: arrays not to read, of "item", "category", "transaction", "quantity" and "value"; they look as if the
            events had none. For a task that needs few of them.

    Raises:
        InputError: there is no file, one is missing, or one is not Parquet.
        SchemaError: a column is missing or of another type, or a person, time or event name is.
    """
    require_event_files(paths)
    columns, event_ids = EventColumns(), event_ids_of(paths)

    def read(name: str) -> npt.NDArray[Any]:
        return columns.take_in(name, column_pieces(paths, COLUMNS[name]), rows=len(event_ids))

    names = [name for name in _COSTLIEST_FIRST if name not in leave_out]
    taken = in_two_threads([partial(read, name) for name in names])
    arrays = dict(zip(names, taken, strict=True))
    taken.clear()
    return Histories.from_columns(columns, arrays, event_ids, reversals)


def require_event_files(paths: Sequence[Path]) -> None:
    """Refuse files that are not of the events table.

    Raises:
        InputError: there is no file, one is missing, or one is not Parquet.
        SchemaError: a column is missing or of another type.
    """
    wanted = pa.schema([EVENTS.schema.field(name) for name in (c.EVENT_ID, *COLUMNS.values())])
    require_columns(paths, wanted)


def column_pieces(paths: Sequence[Path], column: str) -> Iterator[pa.Array]:
    """One column of some files, some rows at a time; a text column as a dictionary where the file repeats few texts."""
    for path in paths:
        few = [column] if _repeats(path, column) else None
        with _opened(path, few) as file:
            for group in range(file.num_row_groups):
                if file.metadata.row_group(group).num_rows <= _ROWS_AT_ONCE:
                    yield from file.read_row_group(group, [column], use_threads=False)[0].chunks
                else:
                    for batch in file.iter_batches(
                        _ROWS_AT_ONCE, [group], [column], use_threads=False
                    ):
                        yield batch.column(0)


def _repeats(path: Path, column: str) -> bool:
    """Whether a text column takes much less room than its texts, so that its dictionary is worth reading."""
    if EVENTS.schema.field(column).type != pa.string():
        return False
    with _opened(path) as file:
        at = file.schema_arrow.get_field_index(column)
        stored = [file.metadata.row_group(g).column(at) for g in range(file.num_row_groups)]
        rows = sum(piece.num_values for piece in stored)
        few = next(file.iter_batches(_SAMPLE, columns=[column], use_threads=False), None)
    if few is None:
        return False
    texts = pc.fill_null(pc.binary_length(few.column(0)), 0)
    plain = (pc.mean(texts).as_py() + _LENGTH_BYTES) * rows
    return bool(sum(piece.total_uncompressed_size for piece in stored) < _MUCH_LESS * plain)


def event_ids_of(paths: Sequence[Path]) -> EventIds:
    """The ids of the events of some files, read when asked for."""
    pieces = []
    for path in paths:
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            read = partial(_ids_of_group, path, group)
            pieces.append(IdPiece(metadata.row_group(group).num_rows, read))
    return EventIds(pieces)


def _ids_of_group(path: Path, group: int) -> pa.ChunkedArray:
    with _opened(path) as file:
        return file.read_row_group(group, columns=[c.EVENT_ID], use_threads=False)[0]


def _opened(path: Path, dictionaries: list[str] | None = None) -> pq.ParquetFile:
    return pq.ParquetFile(path, read_dictionary=dictionaries, memory_map=True, pre_buffer=False)
