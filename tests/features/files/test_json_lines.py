"""JSON lines: numbers as written, and a reason for every refused line."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.files.json_lines import RefusedJsonError, parse_object, read_json_lines
from features.files.opening import FileLimits
from features.files.rejects import RejectLog


def read(data):
    log = RejectLog("events.jsonl")
    found = read_json_lines(
        io.BytesIO(data),
        path=Path("events.jsonl"),
        log=log,
        limits=FileLimits(max_line_bytes=99_999),
    )
    return list(found), [(row["line"], row["reason_code"]) for row in log.table().to_pylist()]


def test_numbers_keep_the_digits_they_were_written_with():
    assert read(b'{"price": 15.00, "n": 12345678901234567890}\n')[0] == [
        (1, {"price": "15.00", "n": "12345678901234567890"})
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"a": 1', "invalid_json"),
        (b"[1]", "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"a": 1, "a": 2}', "repeated_key"),
        (b'{"x": [{"a": 1, "a": 2}]}', "repeated_key"),
        (b'{"a": NaN}', "not_a_number"),
        (b'{"a": [-Infinity]}', "not_a_number"),
        (b'{"a": "\\ud800"}', "invalid_utf8"),
        (b'{"\\ud800": 1}', "invalid_utf8"),
        (b'{"a": ' + b"[" * 40_000, "nested_too_deep"),
        (b'{"a": "\xff"}', "invalid_utf8"),
        (b'{"a": "\x00"}', "nul_byte"),
        (b'{"a": "' + b"x" * 100_000 + b'"}', "line_too_long"),
    ],
)
def test_a_bad_line_is_rejected_and_the_next_is_read(line, code):
    rows, refused = read(line + b'\n\n{"a": "good"}\n')
    assert rows == [(3, {"a": "good"})]
    assert refused == [(1, code)]


def test_the_words_of_a_marker_are_no_marker():
    assert parse_object('{"a": "not_a_number"}') == {"a": "not_a_number"}


_values = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), _values))
def test_what_the_json_module_writes_comes_back(row):
    assert parse_object(json.dumps(row)) == row


@given(st.text(max_size=60))
def test_any_text_is_an_object_or_a_reason(text):
    try:
        assert isinstance(parse_object(text), dict)
    except RefusedJsonError as refused:
        assert refused.code  # noqa: PT017 - either outcome is right
