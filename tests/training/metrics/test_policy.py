"""Policy values against hand arithmetic and simulations in which the truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.metrics.policy import judge_policy, policy_difference, policy_value, within_budget
from training.uplift.doubly_robust import effect_scores

EFFECT = np.array([3.0, 1.0, -2.0, 0.0])
COST = np.array([0.5, 0.5, 0.5, 1.5])


def test_value_by_hand():
    contact = np.array([True, True, False, True])
    found = policy_value(EFFECT, contact, cost=COST, value=2.0)
    assert found.value == (2 * 3 - 0.5 + 2 * 1 - 0.5 + 0 - 1.5) / 4
    assert policy_value(EFFECT, np.zeros(4), cost=COST).value == 0


def test_report_by_hand():
    report = judge_policy(EFFECT, np.array([True, False, False, False]), cost=COST)
    assert (report.share, report.cost) == (1 / 4, 0.5 / 4)
    assert report.value.value == (3 - 0.5) / 4
    assert report.contact_all.value == (3 + 1 - 2 + 0 - 3) / 4
    assert report.random.value == pytest.approx(0.5 / 3 * (3 + 1 - 2 + 0 - 3) / 4)
    assert report.over_all.value == pytest.approx(2.5 / 4 - (-1) / 4)
    assert report.over_random.value == pytest.approx(2.5 / 4 + 0.5 / 3 / 4)


def test_without_costs_the_random_rule_contacts_as_many():
    report = judge_policy(EFFECT, np.array([True, False, False, False]), cost=0.0)
    assert report.random.value == pytest.approx(1 / 4 * (3 + 1 - 2) / 4)


@given(st.integers(0, 9_999))
def test_a_difference_is_the_difference_and_nothing_against_itself(seed):
    rng = np.random.default_rng(seed)
    effect, one, other = rng.normal(size=20), rng.random(20), rng.random(20) < 0.5
    found = policy_difference(effect, one, other, cost=0.1)
    alone = policy_value(effect, one, cost=0.1).value - policy_value(effect, other, cost=0.1).value
    assert found.value == pytest.approx(alone, abs=1e-12)
    assert policy_difference(effect, one, one, cost=0.1).se == 0


def test_the_budget_takes_the_best_rates_and_ties_together():
    worth, cost = np.array([10.0, 4, 4, 3, 0.5]), np.array([2.0, 1, 1, 1, 1])
    assert within_budget(worth, cost=cost, budget=2).tolist() == [True, False, False, False, False]
    assert within_budget(worth, cost=cost, budget=3.5).tolist() == [1, 0, 0, 0, 0]
    assert within_budget(worth, cost=cost, budget=4).tolist() == [1, 1, 1, 0, 0]
    assert within_budget(worth, cost=cost, budget=99).tolist() == [1, 1, 1, 1, 0]  # .5 < its cost
    assert not within_budget(worth, cost=cost, budget=0).any()


@pytest.mark.parametrize(
    ("contact", "cost", "text"),
    [
        pytest.param([0.0, 2.0], 0.0, "between 0 and 1", id="contact"),
        pytest.param([0.0, 1.0], -1.0, "must not be negative", id="cost"),
        pytest.param([0.0], 0.0, "same shape", id="shape"),
        pytest.param([0.0, np.nan], 0.0, "finite", id="nan"),
    ],
)
def test_unusable_rules_are_refused(contact, cost, text):
    with pytest.raises(ValueError, match=text):
        policy_value(np.zeros(2), np.array(contact), cost=cost)


def test_a_free_contact_cannot_be_ranked_by_cost():
    with pytest.raises(ValueError, match="cost must be positive"):
        within_budget(np.ones(2), cost=np.array([0.0, 1.0]), budget=1)


def test_interval_coverage_on_a_randomised_trial_with_unequal_arms():
    """Effect x in (0, 1), contact the upper half at cost .2: value E[x - .2; x > .5] = .375 - .1."""
    rng = np.random.default_rng(0)
    values, over_random = [], []
    for _ in range(2_000):
        x, treated = rng.random(500), rng.random(500) < 0.8
        outcome = x * treated + rng.normal(size=500)
        effect = effect_scores(outcome, treated, np.full(500, 0.8))
        report = judge_policy(effect, x > 0.5, cost=0.2)
        values.append(report.value.low <= 0.275 <= report.value.high)
        truth = 0.275 - 0.5 * (0.5 - 0.2)
        over_random.append(report.over_random.low <= truth <= report.over_random.high)
    margin = 3 * np.sqrt(0.95 * 0.05 / 2_000)
    assert np.mean(values) == pytest.approx(0.95, abs=margin)
    assert np.mean(over_random) == pytest.approx(0.95, abs=margin)


def test_errors_of_the_random_rule_match_the_jackknife():
    rng = np.random.default_rng(1)
    n = 300
    cost, contact = rng.exponential(size=n), rng.random(n) < 0.4
    effect = 5 + cost + rng.normal(size=n)

    def report(keep):
        return judge_policy(effect[keep], contact[keep], cost=cost[keep])

    left_out = [report(np.arange(n) != i) for i in range(n)]
    full = report(np.arange(n) >= 0)
    for name in ("random", "over_random"):
        values = np.array([getattr(one, name).value for one in left_out])
        jackknife = np.sqrt((n - 1) / n * np.sum((values - values.mean()) ** 2))
        assert getattr(full, name).se == pytest.approx(jackknife, rel=0.02)
