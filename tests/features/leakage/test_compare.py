"""What differs is named, with the first row; NaN equals NaN and rounding is none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.leakage.compare import find_differences

STORED = pa.table({"k": ["b", "a"], "x": [1.0, np.nan], "t": ["own", "own;popular"]})


def found(**changed):
    columns = {name: STORED[name] for name in STORED.column_names} | changed
    rebuilt = pa.table(columns).take([1, 0])
    return find_differences(STORED, rebuilt, keys=["k"], future="a forged future")


def test_equal_rows_in_another_order_do_not_differ():
    assert found() == []
    assert found(x=[1.0 + 1e-9, np.nan]) == []


def test_each_column_that_differs_is_named_once():
    value, text = found(x=[1.5, 2.0], t=["own", "own"])
    assert (value.column, value.rows, value.of_rows) == ("x", 2, 2)
    assert value.first == "a: nan stored, 2.0 rebuilt"
    assert (text.column, text.rows) == ("t", 1)
    assert text.first == "a: own;popular stored, own rebuilt"


def test_rows_that_come_or_go_are_a_difference_of_their_own():
    other = pa.table({"k": ["a", "c"], "x": [np.nan, 1.0], "t": ["own;popular", "own"]})
    (one,) = find_differences(STORED, other, keys=["k"], future="no future at all")
    assert (one.column, one.rows, one.first) == ("k", 2, "b: stored only")
