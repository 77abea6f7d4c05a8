"""Item ids and category names as sorted text, and the code of each."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import FloatArray, IntArray, TextArray
from features.histories.histories import NO_CODE


def texts(values: pa.Array | pa.ChunkedArray) -> TextArray:
    """Text as an object array."""
    found: TextArray = values.to_numpy(zero_copy_only=False).astype(object)
    return found


def merged_ids(*parts: TextArray) -> TextArray:
    """Every id of any part once, sorted."""
    arrays = [pa.array(part, pa.string()) for part in parts]
    if not arrays:
        return np.array([], dtype=object)
    return texts(pc.unique(pa.chunked_array(arrays)).sort())


def codes_of(values: TextArray | pa.Array | pa.ChunkedArray, known: TextArray) -> IntArray:
    """Position of each text among `known`, -1 where it is not there or null."""
    wanted = pa.array(values, pa.string()) if isinstance(values, np.ndarray) else values
    found = pc.index_in(wanted, value_set=pa.array(known, pa.string()), skip_nulls=True)
    codes: IntArray = pc.fill_null(found, NO_CODE).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def spread(values: FloatArray | IntArray, place: IntArray, missing: float) -> FloatArray:
    """Values at the places, `missing` where the place is -1; place has shape (n,)."""
    found = np.full(len(place), missing)
    found[place >= 0] = values[place[place >= 0]]
    return found
