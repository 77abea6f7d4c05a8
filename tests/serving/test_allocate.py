"""The budget holds, the best value per cost comes first, ties and thresholds are exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.allocate import allocate


def run(value, cost, *, budget, candidates=None, min_return=1.0, tie_break=None):
    count = len(value)
    return allocate(
        np.array(value, np.float64),
        np.array(cost, np.float64),
        candidates=np.ones(count, np.bool_) if candidates is None else np.array(candidates),
        budget=budget,
        min_return=min_return,
        tie_break=np.arange(count) / count if tie_break is None else np.array(tie_break),
    )


def test_best_value_per_cost_until_the_budget_is_spent():
    found = run([4, 9, 3, 1], [2, 3, 1, 1], budget=4)
    assert found.contact.tolist() == [False, True, True, False]
    assert (found.expected_cost, found.expected_margin, found.threshold) == (3 + 1, 9 + 3, 3.0)
    assert found.budget_binds


def test_the_threshold_is_the_least_return_contacted():
    found = run([4, 9, 3], [1, 1, 1], budget=2)
    assert (found.threshold, found.budget_binds) == (4.0, True)


def test_a_contact_that_does_not_pay_for_itself_is_left_out():
    found = run([0.9, 1.0, -5, np.nan], [1, 1, 1, 1], budget=10)
    assert found.contact.tolist() == [False, True, False, False]
    assert not found.budget_binds


def test_those_who_may_not_be_contacted_never_are():
    assert run([9, 8], [1, 1], budget=9, candidates=[False, True]).contact.tolist() == [False, True]


def test_equal_value_is_ordered_by_the_tie_break():
    assert run([2, 2, 2], [1, 1, 1], budget=1, tie_break=[0.9, 0.1, 0.5]).contact.tolist() == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(("value", "budget"), [([], 5.0), ([3.0], 0.0)])
def test_nobody_is_contacted_without_candidates_or_budget(value, budget):
    found = run(value, [1.0] * len(value), budget=budget)
    assert (found.expected_cost, found.expected_margin, found.contact.sum()) == (0, 0, 0)
    assert np.isnan(found.threshold)


people = st.lists(
    st.tuples(st.floats(-5, 20), st.floats(0.1, 3), st.booleans()), min_size=1, max_size=30
)


@given(people=people, budget=st.floats(0, 20), more=st.floats(0, 10))
def test_the_invariants_hold(people, budget, more):
    value, cost, free = (list(column) for column in zip(*people, strict=True))
    found = run(value, cost, budget=budget, candidates=free)
    per_cost = np.array(value) / np.array(cost)
    chosen = found.contact
    assert np.array(cost)[chosen].sum() <= budget + 1e-9
    assert not chosen[~np.array(free)].any()
    left_out = np.array(free) & ~chosen & (per_cost >= 1)
    if chosen.any() and left_out.any():
        assert per_cost[left_out].max() <= per_cost[chosen].min()
    assert (chosen <= run(value, cost, budget=budget + more, candidates=free).contact).all()
