"""The AUC of a single feature, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from features.leakage.screening import screen, single_auc


def test_by_hand():
    # pairs (positive, negative): 3>1, 3>2, 2>1, 2=2 -> 1 + 1 + 1 + 1/2 of 4
    values, positive = np.array([3.0, 2.0, 1.0, 2.0]), np.array([True, True, False, False])
    assert single_auc(values, positive) == (1 + 1 + 1 + 0.5) / 4
    assert single_auc(-values, positive) == (1 + 1 + 1 + 0.5) / 4


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=3, max_size=60))
def test_parity_with_scikit_learn(rows):
    values = np.array([float(value) for value, _ in rows])
    positive = np.array([one for _, one in rows])
    if positive.all() or not positive.any():
        return
    theirs = roc_auc_score(positive, values)
    assert single_auc(values, positive) == pytest.approx(max(theirs, 1 - theirs))
    assert single_auc(np.exp(values), positive) == pytest.approx(single_auc(values, positive))


def test_a_missing_value_can_tell_the_label():
    values = np.array([np.nan, np.nan, 1.0, 2.0])
    assert single_auc(values, np.array([True, True, False, False])) == 1.0


def test_features_come_the_most_telling_first():
    table = pa.table({"flat": [1.0, 1, 1, 1], "tells": [5.0, 4, 1, 0], "some": [1.0, 0, 0, 0]})
    found = screen(table, table.column_names, np.array([1, 1, 0, 0]))
    assert [one.column for one in found] == ["tells", "some", "flat"]
    assert [one.auc for one in found] == [1.0, 0.75, 0.5]


def test_one_label_screens_nothing():
    assert screen(pa.table({"x": [1.0, 2.0]}), ["x"], np.array([0, 0])) == []
