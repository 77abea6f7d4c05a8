"""The budget holds, the best value per cost comes first, channels form a ladder, ties, parts and thresholds are exact."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import Bounds, LinearConstraint, milp

from serving.allocate import NO_CONTACT, Histogram, Ladder, Offers, allocate, find_cut


def offers_of(value, cost, *, possible=None, tie_break=None):
    value, cost = np.array(value, np.float64), np.array(cost, np.float64)
    if value.ndim == 1:
        value, cost = value[:, None], cost[:, None]
    n = len(value)
    return Offers(
        value=value,
        cost=cost,
        possible=np.ones(value.shape, np.bool_) if possible is None else np.array(possible),
        tie_break=np.arange(n) / max(n, 1) if tie_break is None else np.array(tie_break),
    )


def run(value, cost, *, budget, free=None, min_return=1.0, **rest):
    offers = offers_of(value, cost, **rest)
    free = np.ones(len(offers.value), np.bool_) if free is None else np.array(free)
    return allocate(offers, free=free, budget=budget, min_return=min_return)


def test_best_value_per_cost_until_the_budget_is_spent():
    found = run([4, 9, 3, 1], [2, 3, 1, 1], budget=4)
    assert found.contact.tolist() == [False, True, True, False]
    assert (found.expected_cost, found.expected_margin, found.threshold) == (3 + 1, 9 + 3, 3.0)
    assert found.budget_binds
    assert (found.shadow_price, found.first_left_out) == (4 / 2, 0)


def test_money_for_everybody_earns_no_more():
    found = run([4, 9], [1, 1], budget=2)
    assert found.contact.all()
    assert (found.budget_binds, found.shadow_price, found.first_left_out) == (False, 0, None)


def test_a_contact_that_does_not_pay_for_itself_is_left_out():
    found = run([0.9, 1.0, -5, np.nan], [1, 1, 1, 1], budget=10)
    assert found.contact.tolist() == [False, True, False, False]
    assert not found.budget_binds


def test_those_who_are_not_free_cost_nothing_and_are_judged_by_the_same_threshold():
    found = run([9, 8, 7, 2], [1, 1, 1, 1], budget=1, free=[False, True, False, True])
    assert found.contact.tolist() == [False, True, False, False]
    assert found.expected_cost == 1
    assert found.channel.tolist() == [0, 0, 0, NO_CONTACT]  # the first left out is worth 2


def test_an_impossible_channel_is_not_taken():
    found = run([[9, 8]], [[1, 1]], budget=9, possible=[[False, True]])
    assert found.channel.tolist() == [1]


def test_equal_value_is_ordered_by_the_tie_break():
    found = run([2, 2, 2], [1, 1, 1], budget=1, tie_break=[0.9, 0.1, 0.5])
    assert found.contact.tolist() == [False, True, False]


def test_what_is_equal_in_everything_is_taken_together_or_not_at_all():
    equal = {"tie_break": [0.5, 0.5, 0.1]}
    assert run([2, 2, 2], [1, 1, 1], budget=2, **equal).contact.tolist() == [False, False, True]
    assert run([2, 2, 2], [1, 1, 1], budget=3, **equal).contact.all()


def test_a_dearer_channel_is_a_step_that_has_to_pay_for_itself():
    # per unit of cost: first channel 4, the step to the second (9 - 4) / (3 - 1) = 2.5
    value, cost = [[4, 9]], [[1, 3]]
    assert run(value, cost, budget=2).channel.tolist() == [0]
    assert run(value, cost, budget=3).channel.tolist() == [1]
    assert run(value, cost, budget=3, min_return=2.6).channel.tolist() == [0]
    assert run(value, cost, budget=2).shadow_price == 2.5


def test_a_channel_under_the_line_between_others_is_never_used():
    # the second lies below the line from the first (4 for 1) to the third (10 for 3): 5 < 4 + 3
    value, cost = [[4, 5, 10]], [[1, 2, 3]]
    used = {int(run(value, cost, budget=budget).channel[0]) for budget in (1, 2, 2.5, 3, 9)}
    assert used == {0, 2}


@pytest.mark.parametrize(("value", "budget"), [([], 5.0), ([3.0], 0.0)])
def test_nobody_is_contacted_without_candidates_or_budget(value, budget):
    found = run(value, [1.0] * len(value), budget=budget)
    assert (found.expected_cost, found.expected_margin, found.contact.sum()) == (0, 0, 0)
    assert np.isnan(found.threshold)


def best_by_trying(value, cost, budget):
    n, m = value.shape
    best = 0.0
    for choice in itertools.product(range(-1, m), repeat=n):
        rows = [(i, a) for i, a in enumerate(choice) if a >= 0]
        if sum(cost[i, a] for i, a in rows) <= budget:
            best = max(best, sum(value[i, a] for i, a in rows))
    return best


def relaxed_and_whole(value, cost, budget):
    """The optima of the multiple-choice knapsack with shares of a contact, and with whole ones."""
    n, m = value.shape
    one_each = np.kron(np.eye(n), np.ones(m))
    rules = [LinearConstraint(one_each, ub=1), LinearConstraint(cost.ravel()[None], ub=budget)]
    return [
        -milp(-value.ravel(), constraints=rules, bounds=Bounds(0, 1), integrality=whole).fun
        for whole in (0, 1)
    ]


@pytest.mark.parametrize("seed", range(12))
def test_the_gap_to_the_optimum_is_less_than_the_step_that_did_not_fit(seed):
    rng = np.random.default_rng(seed)
    value, cost = rng.uniform(0, 9, (5, 3)), rng.uniform(0.2, 3, (5, 3))
    budget = rng.uniform(0.5, 8)
    found = run(value, cost, budget=budget, min_return=0.0)
    relaxed, whole = relaxed_and_whole(value, cost, budget)
    assert whole == pytest.approx(best_by_trying(value, cost, budget))
    assert found.expected_margin <= whole + 1e-6 <= relaxed + 2e-6
    lost = found.shadow_price * (budget - found.expected_cost)
    assert relaxed == pytest.approx(found.expected_margin + lost, abs=1e-6)
    exact = run(value, cost, budget=found.expected_cost + 1e-8, min_return=0.0)
    optimum = relaxed_and_whole(value, cost, found.expected_cost + 1e-8)[1]
    assert exact.expected_margin == pytest.approx(optimum, abs=1e-5)


people = st.lists(
    st.tuples(
        st.lists(st.floats(-5, 20), min_size=2, max_size=2),
        st.lists(st.floats(0.1, 3), min_size=2, max_size=2),
        st.booleans(),
    ),
    min_size=1,
    max_size=30,
)


@given(people=people, budget=st.floats(0, 20), more=st.floats(0, 10))
def test_the_invariants_hold(people, budget, more):
    value, cost, free = (list(column) for column in zip(*people, strict=True))
    found = run(value, cost, budget=budget, free=free)
    assert found.expected_cost <= budget + 1e-9
    assert not found.contact[~np.array(free)].any()
    if found.budget_binds and found.contact.any():
        assert found.shadow_price <= found.threshold
    richer = run(value, cost, budget=budget + more, free=free)
    assert (found.contact <= richer.contact).all()
    chosen = np.array(cost)[np.arange(len(free)), found.channel]
    upgraded = np.array(cost)[np.arange(len(free)), richer.channel]
    assert (chosen <= upgraded)[found.channel != NO_CONTACT].all()


@given(people=people, budget=st.floats(0, 20), seed=st.integers(0, 9))
def test_the_cut_does_not_depend_on_the_parts(people, budget, seed):
    value, cost, _ = (list(column) for column in zip(*people, strict=True))
    offers = offers_of(np.round(value), np.ones(np.shape(cost)))  # many ties
    whole = Ladder.of(offers, min_return=0.5)
    part_of = np.random.default_rng(seed).integers(3, size=len(value))[whole.person]
    columns = ("person", "channel", "per_cost", "cost", "tie")
    parts = [Ladder(*(getattr(whole, name)[part_of == p] for name in columns)) for p in range(3)]
    assert find_cut(parts, budget=budget) == find_cut([whole], budget=budget)
    merged = Histogram.merged([Histogram.of(part.buckets(), part.cost) for part in parts])
    together = Histogram.of(whole.buckets(), whole.cost)
    np.testing.assert_array_equal(merged.bucket, together.bucket)
    np.testing.assert_array_equal(merged.cost, together.cost)


@given(people=people, budget=st.floats(0, 20), cut=st.integers(0, 6))
def test_what_is_done_does_not_depend_on_the_parts(people, budget, cut):
    value, cost, free = (list(column) for column in zip(*people, strict=True))
    offers = offers_of(value, cost)
    asked = {"free": np.array(free), "budget": budget, "min_return": 0.5}
    whole = allocate(offers, **asked)
    parts = [part for part in (slice(0, cut), slice(cut, len(value))) if part.start < len(value)]
    found = allocate(offers, **asked, parts=parts)
    np.testing.assert_array_equal(found.channel, whole.channel)
    np.testing.assert_equal(vars(found), vars(whole))


def test_buckets_follow_value_per_cost():
    rate = np.geomspace(1e-9, 1e9, 5000)
    rate = np.concatenate([-rate, [0.0], rate])
    ladder = Ladder.of(offers_of(rate, np.ones(len(rate))), min_return=-np.inf)
    assert len(ladder.person) == len(rate)
    order = np.argsort(ladder.per_cost, kind="stable")
    assert (np.diff(ladder.buckets()[order]) >= 0).all()


def test_messages_are_chosen_person_by_person_under_one_budget():
    """A plain message costs 1, one with a discount 3.

    First person: 4 plain, 5 with discount: the step earns (5 - 4) / (3 - 1) = .5 per unit. Second: 1.5 and 9: the line from
    nothing to 9 / 3 = 3 passes above the plain one. Third: -1 and -2: nobody sends what does harm.
    """
    value, cost = [[4.0, 5.0], [1.5, 9.0], [-1.0, -2.0]], [[1.0, 3.0]] * 3
    found = run(value, cost, budget=4, min_return=0.1)
    assert found.channel.tolist() == [0, 1, NO_CONTACT]
    assert (found.expected_cost, found.expected_margin) == (1 + 3, 4 + 9)
    assert (found.shadow_price, found.first_left_out, found.left_out_channel) == (0.5, 0, 1)
    assert run(value, cost, budget=6, min_return=0.1).channel.tolist() == [1, 1, NO_CONTACT]


@given(
    value=arrays(np.float64, (6, 3), elements=st.integers(-4, 9)),
    cost=st.lists(st.integers(1, 5), min_size=3, max_size=3),
    budget=st.integers(0, 20),
)
@settings(max_examples=40)
def test_choosing_among_messages_is_no_worse_than_the_best_alone(value, cost, budget):
    """But for the one step that did not fit, at its return for the money it left."""
    cost = np.tile(np.array(cost, float), (6, 1))
    every = run(value, cost, budget=budget, min_return=0.0)
    assert every.expected_cost <= budget
    alone = [
        run(value[:, [one]], cost[:, [one]], budget=budget, min_return=0.0).expected_margin
        for one in range(3)
    ]
    rest = every.shadow_price * (budget - every.expected_cost)
    assert every.expected_margin + rest >= max(alone) - 1e-9
