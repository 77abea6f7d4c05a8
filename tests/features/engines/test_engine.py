"""What every engine promises: the verbs, on one machine and on Spark, with the same rows and the same words."""

from datetime import UTC, datetime

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.engines.base import FILE_SHIFT, LINE, ROW, file_of
from features.errors import InputError, SchemaError
from features.tables import TIMESTAMP

MOMENTS = pa.array([1, 2, 3, None, 5], TIMESTAMP)
EVERY_TYPE = pa.table(
    {
        "number": pa.array([1, 2, None, 4, -5], pa.int64()),
        "text": pa.array(["x", None, "é", "NaN", ""], pa.string()),
        "time": MOMENTS,
        "real": pa.array([1.5, float("nan"), None, -1e8, 1e-5], pa.float64()),
        "flag": pa.array([True, None, False, True, False], pa.bool_()),
    }
)
HOSTILE_NAMES = ("b+ä%20.parquet", "a[1]*.parquet", "c'{x}?.parquet", "p=1.parquet")


def in_order(table, by="number"):
    return table.sort_by(by).combine_chunks()


def same(found, expected):
    """Equal schema, order and values; NaN equals NaN and differs from null."""
    assert found.schema == expected.schema
    assert repr(found.to_pydict()) == repr(expected.to_pydict())


def test_a_table_comes_back_as_it_went_in(engine):
    same(in_order(engine.collect(engine.table(EVERY_TYPE))), in_order(EVERY_TYPE))


def test_null_is_not_nan(engine):
    rows = engine.table(EVERY_TYPE)
    counted = engine.collect(rows.agg(null=rows.real.isnull().sum(), nan=rows.real.isnan().sum()))
    assert counted.to_pylist() == [{"null": 1, "nan": 1}]


@pytest.mark.parametrize("unit", ["s", "ms", "ns"])
def test_times_of_any_unit_come_in_the_one_time_type(engine, unit):
    step = {"s": 1, "ms": 1_000, "ns": 1_000_000_000}[unit]
    table = pa.table(
        {"utc": pa.array([7 * step], pa.timestamp(unit, "UTC")), "bare": pa.array([7 * step], pa.timestamp(unit))}
    )  # fmt: skip
    found = engine.collect(engine.table(table))
    assert found.schema.types == [TIMESTAMP, TIMESTAMP]
    assert found.to_pylist() == [dict.fromkeys(("utc", "bare"), datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC))]  # fmt: skip


def test_a_moment_is_compared_in_utc(engine):
    rows = engine.table(EVERY_TYPE)
    later = rows.filter(rows.time > datetime(1970, 1, 1, 0, 0, 0, 2, tzinfo=UTC))
    assert sorted(engine.collect(later)["number"].to_pylist(), key=str) == [-5, None]


NUMBERS = [
    0.0, 1.0, -1.5, 0.1, 0.001, 0.002, 1.5e-4, -1e-4, 1e-5, 1.25e-7, 1e-10, 9999999.5, 1e7, 1.2e7, -123456789.125,
    1e15, 1234567890123456.0, 1e16, -1.5e16, 1.2345678901234568e17, 1e22, 1e300,
]  # fmt: skip


def test_a_number_as_text_is_written_as_python_writes_it(engine):
    rows = engine.table(pa.table({"real": [*NUMBERS, None]}))
    found = engine.collect(rows.mutate(text=rows.real.cast("string"))).to_pylist()
    assert {row["text"] for row in found} == {*map(repr, NUMBERS), None}
    assert all(row["text"] in {repr(row["real"]), None} for row in found)


def test_nulls_come_last_and_text_is_ordered_by_its_bytes(engine):
    rows = engine.table(pa.table({"text": ["b", None, "é", "B", "a", ""]}))
    ordered = engine.collect(rows.order_by("text"))
    assert ordered["text"].to_pylist() == ["", "B", "a", "b", "é", None]


def test_an_empty_result_keeps_its_columns(engine):
    rows = engine.table(EVERY_TYPE)
    same(engine.collect(rows.filter(rows.number > 100)), EVERY_TYPE.schema.empty_table())


@pytest.fixture(scope="module")
def hostile_files(tmp_path_factory):
    """Files whose names mean something else to a shell, a URL or a data lake; not in the order of their names."""
    folder = tmp_path_factory.mktemp("a b") / "day=1"
    folder.mkdir()
    paths = [folder / name for name in HOSTILE_NAMES]
    for number, path in enumerate(paths):
        table = EVERY_TYPE.append_column("file", pa.array([number] * 5)).append_column(
            "place", pa.array(range(5))
        )
        pq.write_table(table, path, row_group_size=2)
    return paths


def test_rows_of_a_file_are_numbered(engine, hostile_files):
    found = engine.collect(engine.parquet(hostile_files[1]))
    assert found[LINE].to_pylist() == found["place"].to_pylist()
    assert found["file"].unique().to_pylist() == [1]


def test_rows_of_files_are_numbered_by_file_then_line(engine, hostile_files):
    schema = pq.read_schema(hostile_files[0])
    found = in_order(engine.collect(engine.files(hostile_files, schema)), ROW)
    assert found.num_rows == len(hostile_files) * 5
    assert found["file"].to_pylist() == file_of(found[ROW].to_numpy()).tolist()
    assert found["place"].to_pylist() == [*range(5)] * len(hostile_files)
    within = found[ROW].to_numpy() - (found["file"].to_numpy() << FILE_SHIFT)
    assert within.tolist() == found["place"].to_pylist()
    same(found.select(EVERY_TYPE.schema.names).slice(0, 5), EVERY_TYPE)


def test_only_the_wanted_columns_are_read(engine, hostile_files):
    wanted = pa.schema([("number", pa.int64())])
    assert engine.files(hostile_files, wanted).columns == ("number", ROW)


def test_files_that_cannot_be_read_are_refused_in_the_same_words(engine, tmp_path):
    missing, broken, empty, other = (tmp_path / f"{name}.parquet" for name in "mbeo")
    broken.write_text("no table")
    pq.write_table(EVERY_TYPE.slice(0, 0), empty)
    pq.write_table(pa.table({"number": ["1"]}), other)
    wanted = pa.schema([("number", pa.int64())])
    with pytest.raises(InputError, match=r"m.parquet: no such file; the source reads it"):
        engine.parquet(missing)
    with pytest.raises(InputError, match=r"b.parquet: cannot be read as Parquet \("):
        engine.parquet(broken)
    with pytest.raises(InputError, match=r"e.parquet: holds no rows"):
        engine.parquet(empty)
    with pytest.raises(InputError, match=r"events: no files"):
        engine.files([], wanted)
    with pytest.raises(InputError, match=r"m.parquet: cannot be read as Parquet \("):
        engine.files([missing], wanted)
    with pytest.raises(SchemaError, match=r"column 'number' is string; it must be int64"):
        engine.files([other], wanted)
    with pytest.raises(SchemaError, match=r"column 'text' is missing"):
        engine.files([other], pa.schema([("text", pa.string())]))


def test_an_expression_is_written_in_its_order(engine, tmp_path):
    rows = engine.table(EVERY_TYPE)
    engine.write(rows.order_by(ibis.desc("number")), tmp_path / "out.parquet")
    found = pq.read_table(tmp_path / "out.parquet")
    assert found["number"].to_pylist() == [4, 2, 1, -5, None]
    same(in_order(found), in_order(EVERY_TYPE))
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_an_empty_expression_is_a_file_with_columns(engine, tmp_path):
    rows = engine.table(EVERY_TYPE)
    engine.write(rows.filter(rows.number > 100), tmp_path / "out.parquet")
    same(pq.read_table(tmp_path / "out.parquet"), EVERY_TYPE.schema.empty_table())


def test_equal_texts_have_equal_fingerprints_and_others_do_not(engine):
    rows = engine.table(pa.table({"text": [f"id-{n % 5000}" for n in range(10_000)]}))
    keyed = rows.select("text", key=engine.fingerprint(rows.text)).distinct()
    found = engine.collect(keyed)
    assert found.schema.field("key").type == pa.int64()
    assert found.num_rows == len(found["key"].unique()) == 5000
    assert min(found["key"].to_pylist()) >= 0
