"""Hostile texts and ids: cleaned, or left out; nothing that a spreadsheet, a page or a terminal would run."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.exports.inert import FORMULA_STARTS, cell, clean_text, id_problem, json_line


@given(st.text())
def test_cleaning_leaves_no_invisible_character_and_is_done_once(text):
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert cleaned == cleaned.strip()
    allowed = {"\u200c", "\u200d"}
    classes = {unicodedata.category(x) for x in cleaned if x not in allowed}
    assert not classes & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text())
def test_printable_texts_have_nothing_to_hide(text):
    """The short cut of cleaning: what Python calls printable has no character of the classes that go."""
    if text.isprintable():
        assert clean_text(text) == re.sub(" +", " ", text).strip()
        assert not any(unicodedata.category(x)[0] == "C" for x in text)


@given(st.text())
def test_no_cell_starts_like_a_formula(text):
    assert not cell(text).startswith(tuple(FORMULA_STARTS))
    assert cell(text).removeprefix("'").strip() == clean_text(text).removeprefix("'").strip()


@given(st.text())
def test_an_id_that_passes_is_a_harmless_cell_as_it_is(text):
    if id_problem(text) is None:
        assert cell(text) == text


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("sku-1", None),
        ("../../etc/passwd", None),  # no file is named after an id
        ("", "unsafe_id"),
        ("=HYPERLINK(1)", "unsafe_id"),
        ("@SUM(A1)", "unsafe_id"),
        ("\uff1d1+1", "unsafe_id"),
        ("# comment", "unsafe_id"),
        ("a\tb", "unsafe_id"),
        ("a\nb", "unsafe_id"),
        ("a\u202eb", "unsafe_id"),
        (" a", "unsafe_id"),
        ("ann@example.com", "id_is_a_contact"),
    ],
)
def test_ids(value, problem):
    assert id_problem(value) == problem


@given(st.text())
def test_json_is_ascii_without_brackets_and_comes_back(text):
    line = json_line({"a": text})
    assert json.loads(line) == {"a": text}
    assert line.isascii()
    assert not set(line) & set("<>&")
    assert line.count("\n") == 1
