"""Rules in order: counts add up, the first rule gets the blame, order changes nobody's fate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features import columns as c
from features.contracts import check
from features.errors import GateError
from features.tables import WATERFALL
from serving.waterfall import Rule, apply_rules


def test_the_first_rule_is_blamed_and_counts_add_up():
    rules = [
        Rule("first", np.array([True, True, False, False, False])),
        Rule("second", np.array([True, False, True, False, True])),
    ]
    verdict = apply_rules(
        rules, level="person", run_id="r", among=np.array([True, True, True, True, False])
    )
    assert verdict.rule.tolist() == ["first", "first", "second", "", "not_considered"]
    assert verdict.kept.tolist() == [False, False, False, True, False]
    counts = [
        (r[c.RULE], r[c.COUNT_IN], r[c.COUNT_REMOVED], r[c.COUNT_LEFT])
        for r in verdict.table.to_pylist()
    ]
    assert counts == [("first", 4, 2, 2), ("second", 2, 1, 1)]
    check(verdict.table, WATERFALL, source="x")


def test_counts_that_do_not_add_up_stop_the_run():
    """A rule without a name removes without leaving a trace."""
    rules = [Rule("", np.array([True, False, False]))]
    with pytest.raises(GateError, match=r"item waterfall: 1 removed \+ 3 left, of 3; removed"):
        apply_rules(rules, level="item", run_id="r", among=np.ones(3, np.bool_))


masks = st.lists(arrays(np.bool_, (3, 4)), min_size=1, max_size=5)


@given(masks=masks, among=arrays(np.bool_, (3, 4)), order=st.randoms(use_true_random=False))
def test_removed_plus_left_is_in_and_order_decides_only_the_blame(masks, among, order):
    rules = [Rule(f"rule {number}", mask) for number, mask in enumerate(masks)]
    shuffled = list(rules)
    order.shuffle(shuffled)
    one, other = (apply_rules(r, level="item", run_id="r", among=among) for r in (rules, shuffled))
    np.testing.assert_array_equal(one.kept, other.kept)
    np.testing.assert_array_equal(one.kept, among & ~np.any(masks, axis=0))
    assert sum(one.table[c.COUNT_REMOVED].to_pylist()) + one.kept.sum() == among.sum()
