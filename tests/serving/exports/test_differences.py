"""Differences of audiences: empty for equal ones, and old + adds - removes = new."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import WorkspaceError
from serving.exports.delimited import DelimitedFormat
from serving.exports.differences import Earlier, difference

ROWS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("xy")))


@given(ROWS)
def test_equal_audiences_differ_in_nothing(rows):
    found = difference(rows, list(reversed(rows)), keys=(0, 1))
    assert (found.adds, found.removes) == ((), ())


@given(ROWS, ROWS, st.sampled_from([(), (0,), (0, 1)]))
def test_removes_and_adds_lead_to_the_new_audience(old, new, keys):
    found = difference(old, new, keys=keys)
    assert (set(old) - set(found.removes)) | set(found.adds) == set(new)
    assert not set(found.removes) & set(new)
    assert set(found.removes) <= set(old)
    if not keys:
        assert not set(found.adds) & set(old)


@given(ROWS, ROWS)
def test_nobody_who_stays_is_lost_where_a_platform_removes_persons(old, new):
    """A platform that forgets everything about the first cell of a removed row still has all of the new audience."""
    found = difference(old, new, keys=(0,))
    gone = {row[0] for row in found.removes}
    on_platform = {row for row in old if row[0] not in gone} | set(found.adds)
    assert on_platform == set(new)


def test_an_empty_cell_is_about_nobody():
    found = difference([("", "x"), ("", "y")], [("", "y")], keys=(0,))
    assert (found.removes, found.adds) == ((("", "x"),), ())


def test_a_changed_file_of_the_export_before_is_refused(tmp_path):
    format_ = DelimitedFormat(("a",))
    format_.write(tmp_path / "x.csv", [("1",)])
    content = {"exports": []}
    run = SimpleNamespace(path=tmp_path, json=lambda _: json.loads(json.dumps(content)))
    earlier = Earlier(run)
    assert earlier.rows("x.csv", format_) == [("1",)]
    (tmp_path / "x.csv").write_text("b\n1\n")
    with pytest.raises(WorkspaceError, match=r"cannot be read \(its header is b, not a\)"):
        earlier.rows("x.csv", format_)
    assert Earlier(None).rows("x.csv", format_) == []
    assert Earlier(None).names() == []
