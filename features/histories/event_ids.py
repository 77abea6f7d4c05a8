"""Ids of events that stay where they are until somebody asks for some of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import IntArray

NOWHERE: Final = -1


class IdPiece(NamedTuple):
    """Ids of some consecutive rows.

    Attributes:
        rows: how many.
        read: fetches them.
    """

    rows: int
    read: Callable[[], pa.Array | pa.ChunkedArray]


class EventIds:
    """The ids of all rows, piece by piece; most histories are built without reading a single one."""

    def __init__(self, pieces: Sequence[IdPiece]) -> None:
        self._pieces = pieces
        self._ends = np.cumsum([piece.rows for piece in pieces], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def take(self, rows: IntArray) -> pa.Array:
        """Ids of some rows, which are in ascending order; pieces without any are not read."""
        found = [pa.array([], pa.string())]
        for piece, end in zip(self._pieces, self._ends.tolist(), strict=True):
            begin = end - piece.rows
            low, high = np.searchsorted(rows, [begin, end])
            if high > low:
                taken = piece.read().take(pa.array(rows[low:high] - begin))
                found += taken.chunks if isinstance(taken, pa.ChunkedArray) else [taken]
        return pa.concat_arrays([part.cast(pa.large_string()) for part in found])

    def rows_of(self, ids: pa.ChunkedArray) -> IntArray:
        """Row of each id, -1 = there is none; hashes the few ids, not the many events."""
        distinct = pc.unique(ids)
        row_of = np.full(len(distinct), NOWHERE, np.int64)
        for piece, end in zip(self._pieces, self._ends.tolist(), strict=True):
            number: Any = pc.index_in(piece.read(), value_set=distinct)
            row = np.flatnonzero(number.is_valid().to_numpy(zero_copy_only=False))
            row_of[number.drop_null().to_numpy()] = row + end - piece.rows
        places: IntArray = pc.index_in(ids, value_set=distinct).to_numpy()
        return row_of[places]
