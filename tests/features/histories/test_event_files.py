"""Files give the histories that their rows give as one table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import columns as c
from features.errors import InputError, SchemaError
from features.histories import event_files
from features.histories.event_files import read_histories
from features.histories.histories import Histories
from features.tables import REVERSALS

event = st.tuples(
    st.sampled_from(["a", "b", "a person of many letters"]),
    st.integers(0, 5),
    st.sampled_from(["x", "y", "sku-0000000001", None]),
    st.sampled_from(["t1", "t2", None]),
    st.sampled_from([1.0, 2.5, None]),
    st.sampled_from(["view", "purchase"]),
)


def require_equal(one: Histories, other: Histories):
    for ids in ("person_ids", "item_ids", "category_ids"):
        assert getattr(one, ids).tolist() == getattr(other, ids).tolist()
    arrays, others = one.arrays(), other.arrays()
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)
        assert array.dtype == others[name].dtype, name


def with_categories(table):
    names = [None if v is None else f"about {v}" for v in table[c.ITEM_ID].to_pylist()]
    place = table.schema.get_field_index(c.CATEGORY)
    return table.set_column(place, table.schema.field(c.CATEGORY), pa.array(names, pa.string()))


def write(folder, table, split):
    paths = []
    for number, part in enumerate((table.slice(0, split), table.slice(split))):
        paths.append(folder / f"{number}.parquet")
        pq.write_table(part, paths[-1], row_group_size=3)
    return paths


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(rows=st.lists(event, min_size=1, max_size=15), data=st.data())
def test_files_give_the_histories_of_their_rows(make_events, tmp_path, rows, data):
    table = with_categories(make_events(*rows))
    shuffled = data.draw(st.permutations(range(len(rows))))
    paths = write(tmp_path, table.take(shuffled), data.draw(st.integers(0, len(rows))))
    ids = table[c.EVENT_ID].to_pylist()
    taken = {c.REFUND_EVENT_ID: ids[-1:], c.EVENT_ID: ids[:1], c.QUANTITY: [1.0], c.VALUE: [0.5]}
    for reversals in (None, pa.table(taken, REVERSALS.schema)):
        require_equal(read_histories(paths, reversals), Histories.from_events(table, reversals))


@pytest.mark.parametrize("much_less", [0, 100], ids=["plain", "dictionaries"])
@pytest.mark.parametrize("at_once", [2, 1 << 21], ids=["in batches", "by row group"])
def test_it_does_not_matter_how_texts_are_read(
    make_events, tmp_path, monkeypatch, much_less, at_once
):
    rng = np.random.default_rng(1)
    rows = [
        (f"person {rng.integers(4)}", int(rng.integers(3)), f"item {rng.integers(3)}", None, 1.0)
        for _ in range(30)
    ]
    table = with_categories(make_events(*rows))
    pq.write_table(table, tmp_path / "events.parquet", row_group_size=7)
    monkeypatch.setattr(event_files, "_MUCH_LESS", much_less)
    monkeypatch.setattr(event_files, "_ROWS_AT_ONCE", at_once)
    pieces = list(event_files.column_pieces([tmp_path / "events.parquet"], c.ITEM_ID))
    assert {pa.types.is_dictionary(piece.type) for piece in pieces} == {much_less == 100}
    assert max(map(len, pieces)) == min(at_once, 7)
    require_equal(read_histories([tmp_path / "events.parquet"]), Histories.from_events(table))


def test_what_is_left_out_looks_as_if_no_event_had_it(make_events, tmp_path):
    table = with_categories(make_events(("b", 1, "x", "t1", 2.0), ("a", 2, "y", None, 1.0)))
    paths = write(tmp_path, table, 1)
    histories = read_histories(paths, leave_out=("transaction", "item", "value"))
    assert histories.transaction.tolist() == histories.item.tolist() == [-1, -1]
    assert np.isnan(histories.value).all()
    assert (histories.n_items, histories.category.tolist()) == (0, [1, 0])
    whole = Histories.from_events(table)
    assert {n: a.dtype for n, a in histories.arrays().items()} == {
        n: a.dtype for n, a in whole.arrays().items()
    }


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="events: no files; at least one is read"):
        read_histories([])
    with pytest.raises(InputError, match=r"gone\.parquet: cannot be read as Parquet"):
        read_histories([tmp_path / "gone.parquet"])


def test_a_text_file_is_refused(tmp_path):
    (tmp_path / "events.parquet").write_text("hello")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_histories([tmp_path / "events.parquet"])


def test_columns_must_be_those_of_the_table(make_events, tmp_path):
    table = make_events(("a", 1, "x", None, 1.0))
    pq.write_table(table.drop_columns([c.ITEM_ID]), tmp_path / "events.parquet")
    with pytest.raises(SchemaError, match="column 'item_id' is missing; it must be string"):
        read_histories([tmp_path / "events.parquet"])
    place = table.schema.get_field_index(c.TIME)
    pq.write_table(table.set_column(place, c.TIME, pa.array(["now"])), tmp_path / "e.parquet")
    with pytest.raises(SchemaError, match="column 'time' is string"):
        read_histories([tmp_path / "e.parquet"])


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (c.PERSON_ID, None, "column 'person_id' has 1 empty rows; histories need to know who did what when"),
        (c.EVENT_NAME, "dance", "column 'event_name' holds 'dance'; event names are of the closed vocabulary"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_placed_are_refused(make_events, tmp_path, column, value, message):
    table = make_events(("a", 1, "x", None, 1.0))
    place = table.schema.get_field_index(column)
    bad = table.set_column(place, column, pa.array([value], pa.string()))
    pq.write_table(bad, tmp_path / "events.parquet")
    for build in (
        lambda: read_histories([tmp_path / "events.parquet"]),
        lambda: Histories.from_events(bad),
    ):
        with pytest.raises(SchemaError, match=message):
            build()
