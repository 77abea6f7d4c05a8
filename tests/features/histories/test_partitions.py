"""Histories written part by part are those built at once, however small the parts."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import columns as c
from features.array_files import ArrayFile
from features.histories import partitions
from features.histories.histories import Histories
from features.histories.partitions import write_histories
from features.run import RunWriter, read_arrays
from features.tables import REVERSALS

event = st.tuples(
    st.sampled_from(["a", "b", "c", "d"]),
    st.integers(0, 4),
    st.sampled_from(["x", "y", None]),
    st.sampled_from(["t1", None]),
    st.sampled_from([1.0, None]),
)
numbers = itertools.count()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    rows=st.lists(event, min_size=1, max_size=20),
    taken=st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), max_size=5, unique=True),
    at_once=st.integers(1, 9),
    data=st.data(),
)
def test_parts_make_the_same_histories(
    make_events, tmp_path, monkeypatch, rows, taken, at_once, data
):
    monkeypatch.setattr(partitions, "_BLOCK", 4)
    folder = tmp_path / str(next(numbers))
    folder.mkdir()
    table = make_events(*rows)
    shuffled = table.take(data.draw(st.permutations(range(len(rows)))))
    split = data.draw(st.integers(0, len(rows)))
    paths = [folder / "0.parquet", folder / "1.parquet"]
    for path, part in zip(paths, (shuffled.slice(0, split), shuffled.slice(split)), strict=True):
        pq.write_table(part, path, row_group_size=3)
    entries = {
        c.REFUND_EVENT_ID: [f"e{refund:03d}" for refund, _ in taken],
        c.EVENT_ID: [f"e{bought:03d}" for _, bought in taken],
        c.QUANTITY: [0.5] * len(taken),
        c.VALUE: [None if bought % 2 else 1.0 for _, bought in taken],
    }
    reversals = pa.table(entries, REVERSALS.schema)
    (folder / "run").mkdir()
    writer = RunWriter(folder / "run", "run")
    ids = write_histories(paths, writer, "h", reversals=reversals, events_at_once=at_once)
    at_once_ = Histories.from_events(table, reversals)
    parts = Histories.from_arrays(read_arrays(folder / "run" / "h"), **ids._asdict())
    for name, known in ids._asdict().items():
        assert known.tolist() == getattr(at_once_, name).tolist()
    for name, array in at_once_.arrays().items():
        np.testing.assert_array_equal(parts.arrays()[name], array, err_msg=name)
        assert parts.arrays()[name].dtype == array.dtype, name
    assert sorted(p.name for p in folder.iterdir()) == ["0.parquet", "1.parquet", "run"]


def test_an_array_file_is_as_long_as_it_said(tmp_path):
    with (
        pytest.raises(ValueError, match="1 values were never written"),
        ArrayFile(tmp_path / "a.npy", np.int32, length=2) as file,
    ):
        file.append(np.zeros(1, np.int32))
    with ArrayFile(tmp_path / "a.npy", np.int32, length=1) as file:
        with pytest.raises(ValueError, match="2 values of int32, room for 1 of int32"):
            file.append(np.zeros(2, np.int32))
        with pytest.raises(ValueError, match="1 values of int64, room for 1 of int32"):
            file.append(np.zeros(1, np.int64))
        file.append(np.zeros(1, np.int32))
