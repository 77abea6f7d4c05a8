"""One call per distinct text."""

import pyarrow as pa
import pytest

from features.distinct import map_distinct


@pytest.mark.parametrize(
    "chunks", [[["b", None, "a", "b"]], [["b", None], ["a", "b"]], [[], ["b", None, "a", "b"]]]
)
def test_each_distinct_text_is_asked_once_and_null_stays_null(chunks):
    asked = []
    values = pa.chunked_array([pa.array(chunk, pa.string()) for chunk in chunks])
    result = map_distinct(values, lambda text: asked.append(text) or len(text), pa.int64())
    assert result.to_pylist() == [1, None, 1, 1]
    assert sorted(asked) == ["a", "b"]


@pytest.mark.parametrize(
    "values", [pa.chunked_array([], pa.string()), pa.chunked_array([pa.nulls(2, pa.string())])]
)
def test_nothing_to_ask(values):
    assert map_distinct(values, len, pa.int64()).null_count == len(values)
