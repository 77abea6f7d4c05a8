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
    found = difference(rows, list(reversed(rows)))
    assert (found.adds, found.removes) == ((), ())


@given(ROWS, ROWS)
def test_adds_and_removes_lead_to_the_new_audience(old, new):
    found = difference(old, new)
    assert (set(old) | set(found.adds)) - set(found.removes) == set(new)
    assert not set(found.adds) & set(old)
    assert set(found.removes) <= set(old)


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
