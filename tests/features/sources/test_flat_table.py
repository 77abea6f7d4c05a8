"""A flat file becomes a training table, or an error that says what to do."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.errors import InputError, SchemaError
from features.sources.flat_table import (
    as_numbers,
    number_values,
    read_flat_table,
    reject_missing,
    require_columns,
    text_values,
)


def write(tmp_path, text, name="data.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def reject_list(flat):
    return [(row[c.LINE], row[c.REASON_CODE], row[c.RAW_VALUE]) for row in flat.rejects.to_pylist()]


def test_text_becomes_sorted_categories_and_lines_are_counted_from_the_header(tmp_path):
    flat = read_flat_table(write(tmp_path, "arm,zip\nb,urban\na,rural\nb,\n"))
    assert flat.table["arm"].chunk(0).dictionary.to_pylist() == ["a", "b"]
    assert flat.table["arm"].to_pylist() == ["b", "a", "b"]
    assert flat.table["zip"].to_pylist() == ["urban", "rural", None]
    assert flat.line.tolist() == [2, 3, 4]
    assert flat.rows_in == 3


def test_parquet_and_csv_give_the_same_table(tmp_path):
    table = pa.table({"arm": ["b", "a"], "spend": [1.5, 2.0]})
    pq.write_table(table, tmp_path / "data.parquet")
    from_parquet = read_flat_table(tmp_path / "data.parquet")
    from_csv = read_flat_table(write(tmp_path, "arm,spend\nb,1.5\na,2.0\n"))
    assert from_parquet.table.equals(from_csv.table)
    assert from_parquet.line.tolist() == [1, 2]


def test_ragged_rows_are_refused_with_their_line(tmp_path):
    flat = read_flat_table(write(tmp_path, "a,b\n1,2\n3\n4,5,6\n7,8\n"))
    assert flat.table["a"].to_pylist() == [1, 7]
    assert flat.line.tolist() == [2, 5]
    assert reject_list(flat) == [
        (3, "ragged_row", "1 of 2 fields"),
        (4, "ragged_row", "3 of 2 fields"),
    ]
    assert flat.rows_in == 4


def test_types_come_from_the_whole_file_not_from_its_first_megabyte(tmp_path):
    flat = read_flat_table(write(tmp_path, "a\n" + "1\n" * 700_000 + "x\n"))
    assert pa.types.is_dictionary(flat.table["a"].type)


def test_rows_without_an_outcome_or_with_a_text_in_it_are_refused_and_counted(tmp_path):
    flat = read_flat_table(write(tmp_path, 'y\n1\nNaN\n0\nbroken@mail.example\n1\n""\ninf\n'))
    kept = as_numbers(flat, "y")
    assert kept.table["y"].to_pylist() == [1.0, 0.0, 1.0]
    assert kept.line.tolist() == [2, 4, 6]
    assert sorted(reject_list(kept)) == [
        (3, "missing_y", None),
        (5, "not_a_number_y", "br***"),
        (7, "missing_y", None),
        (8, "not_a_number_y", "in***"),
    ]
    assert kept.rows_in == flat.rows_in == 7


def test_nan_in_a_float_column_is_missing(tmp_path):
    pq.write_table(pa.table({"t": [1.0, float("nan"), None]}), tmp_path / "data.parquet")
    assert reject_missing(read_flat_table(tmp_path / "data.parquet"), "t").table.num_rows == 1


def test_a_text_column_where_numbers_are_needed_names_examples(tmp_path):
    flat = read_flat_table(write(tmp_path, "y\nyes\nno\nno\n"))
    with pytest.raises(SchemaError) as caught:
        as_numbers(flat, "y")
    assert str(caught.value).endswith(
        "column 'y' is text (for example 'yes', 'no'); it must hold numbers. "
        "Name another column, or convert this one."
    )


def test_a_missing_file_names_the_override(tmp_path):
    with pytest.raises(InputError) as caught:
        read_flat_table(tmp_path / "nowhere.csv")
    assert caught.value.exit_code == 2
    assert "nowhere.csv: no such file; the training table is read from here." in str(caught.value)
    assert "data.path=FILE" in str(caught.value)


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_flat_table(tmp_path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param("", "is empty", id="no_bytes"),
        pytest.param(" \n\n", "is empty", id="blank_lines"),
        pytest.param("a,b\n", "has a header but no rows", id="header_only"),
        pytest.param("a,a\n1,2\n", "column 'a' appears 2 times", id="repeated_name"),
        pytest.param(b"a,b\n\xff\xfe,2\n", "column 'a' is not UTF-8 text", id="latin_bytes"),
    ],
)
def test_an_unusable_csv_is_refused(tmp_path, content, text):
    with pytest.raises(InputError, match=text):
        read_flat_table(write(tmp_path, content))


def test_a_csv_called_parquet_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_flat_table(write(tmp_path, "a,b\n1,2\n", "data.parquet"))


def test_a_missing_column_is_named_with_what_was_found_and_the_nearest(tmp_path):
    flat = read_flat_table(write(tmp_path, "segment,visits\na,1\n"))
    with pytest.raises(SchemaError) as caught:
        require_columns(flat.table, ["segment", "visit"], source="data.csv")
    assert str(caught.value) == (
        "data.csv: column 'visit' is missing (found: 'segment', 'visits'); the training config names it. "
        "Did you mean 'visits'?"
    )


def test_another_separator(tmp_path):
    flat = read_flat_table(write(tmp_path, "a;b\n1;2\n"), separator=";")
    assert flat.table.column_names == ["a", "b"]


def test_whole_numbers_and_flags_read_as_the_same_arm():
    assert text_values(pa.chunked_array([[1.0, 0.0, None]])) == ["1", "0", None]
    assert text_values(pa.chunked_array([[True, False]])) == ["1", "0"]
    assert text_values(pa.chunked_array([[1, 0]])) == ["1", "0"]


def test_number_values_refuse_times():
    assert number_values(pa.chunked_array([pa.array([0], pa.timestamp("us"))])) is None
    values = number_values(pa.chunked_array([pa.array(["1", "x", None]).dictionary_encode()]))
    np.testing.assert_array_equal(values, [1.0, np.nan, np.nan])


def test_the_content_hash_follows_the_bytes(tmp_path):
    one = read_flat_table(write(tmp_path, "a\n1\n", "one.csv"))
    same = read_flat_table(write(tmp_path, "a\n1\n", "same.csv"))
    other = read_flat_table(write(tmp_path, "a\n2\n", "other.csv"))
    assert one.content == same.content != other.content
