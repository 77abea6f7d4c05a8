"""Delimited text: no row is lost, and a broken quote costs one line."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import SchemaError
from features.files.delimited import MAX_FIELD_CHARACTERS, read_delimited
from features.files.opening import FileLimits
from features.files.rejects import RejectLog

PATH = Path("feed.tsv")


def read(data, *, max_line_bytes=1_000_000, **options):
    log = RejectLog("feed.tsv")
    content = data if isinstance(data, bytes) else data.encode()
    limits = FileLimits(max_line_bytes=max_line_bytes)
    found = read_delimited(io.BytesIO(content), path=PATH, log=log, limits=limits, **options)
    rows = list(found.rows)
    refused = [(row["line"], row["reason_code"]) for row in log.table().to_pylist()]
    return found.names, rows, refused


def test_a_row_is_named_by_the_line_it_starts_on():
    names, rows, refused = read('id,title\n1,"two\nlines"\n\n2,"a ""quoted"" word"\n')
    assert names == ("id", "title")
    assert rows == [(2, ["1", "two\nlines"]), (5, ["2", 'a "quoted" word'])]
    assert refused == []


@pytest.mark.parametrize("delimiter", ["\t", ",", ";", "|"])
def test_the_delimiter_is_seen_in_the_header(delimiter):
    assert read(f"id{delimiter}title\n1{delimiter}b\n")[1] == [(2, ["1", "b"])]


def test_a_file_without_header_takes_the_names_given():
    names, rows, _ = read("1,a\n2,b\n", names=("id", "title"))
    assert names == ("id", "title")
    assert rows == [(1, ["1", "a"]), (2, ["2", "b"])]


def test_a_declared_delimiter_wins():
    assert read("id|a,b\n1|2\n", delimiter="|")[0] == ("id", "a,b")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        pytest.param("1", "wrong_column_count", id="too few"),
        pytest.param("1\t2\t3", "wrong_column_count", id="too many"),
        pytest.param('1\t"open', "malformed_quotes", id="never closed"),
        pytest.param('1\t"a"b', "malformed_quotes", id="text after the quote"),
        pytest.param("1\t" + "x" * (MAX_FIELD_CHARACTERS + 1), "value_too_long", id="long field"),
        pytest.param("1\t" + "x" * 1_000_000, "line_too_long", id="long line"),
        pytest.param("1\tnul\0", "nul_byte", id="nul"),
    ],
)
def test_a_bad_line_is_rejected_and_the_next_is_read(line, code):
    _, rows, refused = read(f"id\ttitle\n{line}\n2\tgood\n3\talso good\n")
    assert rows == [(3, ["2", "good"]), (4, ["3", "also good"])]
    assert refused == [(2, code)]


def test_a_quote_inside_an_unquoted_field_is_text():
    assert read('id\ttitle\n1\t5" screen\n2\tb\n')[1] == [(2, ["1", '5" screen']), (3, ["2", "b"])]


def test_an_open_quote_met_by_a_later_quote_costs_its_own_line_only():
    _, rows, refused = read('id\ttitle\n1\t"open\n2\tb\n3\t"c"\n4\td\n')
    assert rows == [(3, ["2", "b"]), (4, ["3", "c"]), (5, ["4", "d"])]
    assert refused == [(2, "malformed_quotes")]


def test_an_open_quote_that_meets_a_bad_line_rejects_both_and_no_more():
    _, rows, refused = read(b'id\ttitle\n1\t"open\n2\t\xff\n3\tc\n')
    assert rows == [(4, ["3", "c"])]
    assert refused == [(2, "malformed_quotes"), (3, "invalid_utf8")]


def test_many_open_quotes_cost_linear_work():
    lines = 50_000
    _, rows, refused = read("id\ttitle\n" + '1\t"open\n' * lines)
    assert len(rows) + len(refused) == lines


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"id\xff\n1\n", "its first line has invalid_utf8"),
        (b"id\ttitle\r1\t2\r", "bare carriage returns"),
        (b'"id\n1\n', "broken quotes"),
        (b"id\ttitle\tid\n", "two columns are named 'id'"),
    ],
)
def test_a_header_that_cannot_be_used_stops_the_file(data, message):
    with pytest.raises(SchemaError, match=message):
        read(data)


def test_a_column_without_a_name_is_named_by_its_place():
    assert read("id\t\n1\t2\n")[0] == ("id", "column_2")


_texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)


@given(st.lists(st.tuples(st.integers(0, 99).map(str), _texts), max_size=8))
def test_what_the_csv_module_writes_comes_back(rows):
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([("id", "title"), *rows])
    assert [fields for _, fields in read(buffer.getvalue())[1]] == [list(row) for row in rows]


@given(st.binary(max_size=200))
def test_any_bytes_after_a_header_are_rows_or_rejects_never_a_crash(data):
    _, rows, refused = read(b"id,title\n" + data, max_line_bytes=64)
    lines = [line for line in data.split(b"\n") if line.strip(b"\r ")]
    assert len(rows) + len(refused) <= len(lines)
    assert bool(rows or refused) == bool(lines)


@given(st.lists(st.sampled_from(["1,a", "1", '2,"b"', '3,"open', '4,x"y', "5,a,b"]), max_size=12))
def test_every_line_is_in_a_row_or_in_the_rejects(lines):
    _, rows, refused = read("id,title\n" + "".join(f"{line}\n" for line in lines))
    inside = sum(fields[1].count("\n") for _, fields in rows)
    assert len(rows) + len(refused) + inside == len(lines)
