"""Work done once per distinct text of a column, however many rows say the same."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc


def map_distinct(
    values: pa.ChunkedArray, function: Callable[[str], object], type_: pa.DataType
) -> pa.ChunkedArray:
    """`function` of every value, called once per distinct one; null stays null.

    Args:
        values: text, shape (n,).
        function: text -> value of `type_`, or None.
        type_: Arrow type of the result.
    """
    if not len(values):
        return pa.chunked_array([pa.array([], type_)])
    encoded = pc.dictionary_encode(values.combine_chunks())
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    results = pa.array([function(text) for text in encoded.dictionary.to_pylist()], type_)
    return pa.chunked_array([results.take(encoded.indices)])
