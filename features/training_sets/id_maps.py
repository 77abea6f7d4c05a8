"""Numbers of persons and items that never change: who is new gets the next free one, who is gone leaves a gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import IntArray


@dataclass(frozen=True, eq=False)
class IdMap:
    """Which id has which number.

    Attributes:
        ids: text, shape (n,), by number.
        numbers: int64, shape (n,), rising, >= 0.
        free: the next number to be given, above every number ever given.
    """

    ids: pa.Array
    numbers: IntArray
    free: int

    @classmethod
    def empty(cls) -> IdMap:
        """Nobody has a number yet."""
        return cls(pa.array([], pa.string()), np.zeros(0, np.int64), 0)

    @classmethod
    def from_columns(cls, ids: pa.ChunkedArray, numbers: pa.ChunkedArray, *, free: int) -> IdMap:
        """The map of a stored table, in any row order.

        Raises:
            ValueError: an id or a number appears twice, or a number is not below `free`.
        """
        order = pc.sort_indices(numbers)
        known = cls(
            ids.take(order).combine_chunks(), numbers.take(order).to_numpy().astype(np.int64), free
        )
        distinct = len(pc.unique(known.ids)) == len(known.ids) == len(np.unique(known.numbers))
        if not distinct or (len(known.numbers) and known.numbers[-1] >= free):
            raise ValueError(
                f"{len(known.ids)} ids have {len(np.unique(known.numbers))} numbers up to "
                f"{known.numbers[-1]}, must have one each, below {free}"
            )
        return known

    def extended(self, ids: pa.Array | pa.ChunkedArray) -> IdMap:
        """The map with numbers for ids that have none, given in the order of the sorted ids.

        Invariants: no number changes; giving the same ids again changes nothing.
        """
        unknown = pc.unique(ids).drop_null()
        unknown = unknown.filter(pc.invert(pc.is_in(unknown, value_set=self.ids)))
        unknown = unknown.take(pc.sort_indices(unknown))
        numbers = np.arange(self.free, self.free + len(unknown), dtype=np.int64)
        return IdMap(
            pa.concat_arrays([self.ids, unknown]),
            np.concatenate([self.numbers, numbers]),
            self.free + len(unknown),
        )

    def numbers_of(self, ids: pa.Array | pa.ChunkedArray) -> IntArray:
        """Number of each id, -1 = it has none."""
        place = pc.fill_null(pc.index_in(ids, value_set=self.ids), -1)
        found: IntArray = np.append(self.numbers, -1)[place.to_numpy(zero_copy_only=False)]
        return found
