"""Policies want what they say, and only the oracle knows the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from serving.proof.policies import LEARN_UPLIFT, NOBODY, ORACLE, POLICIES, Moment, wanted
from serving.proof.uplift import Earnings

MOMENT = 3


@pytest.fixture(scope="module")
def earnings(pilot, proof):
    return {
        policy: Earnings.learn(pilot.decided, proof.learning, with_items=policy == "ours", seed=0)
        for policy in LEARN_UPLIFT
    }


def moment_of(stage, earnings=None):
    n = stage.knowledge.n_persons
    random = np.random.default_rng(0).random(n)
    return Moment(
        stage, MOMENT, np.zeros(n, np.int64), np.ones(n), np.ones(n, np.bool_), random, earnings
    )


@pytest.mark.parametrize("policy", [p for p in POLICIES if p not in (NOBODY, ORACLE)])
def test_the_truth_changes_nothing(stage, earnings, policy):
    knowledge = stage.knowledge
    other = replace(
        knowledge,
        kinds=knowledge.kinds[::-1].copy(),
        organic=type(knowledge.organic)(*(0 * part for part in knowledge.organic)),
        places=knowledge.places[::-1].copy(),
    )
    model = earnings.get(policy)
    before = wanted(policy, moment_of(stage, model))
    after = wanted(policy, moment_of(replace(stage, knowledge=other), model))
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_oracle_knows_it(stage):
    other = replace(stage.knowledge, kinds=stage.knowledge.kinds[::-1].copy())
    before = wanted(ORACLE, moment_of(stage)).value
    after = wanted(ORACLE, moment_of(replace(stage, knowledge=other))).value
    assert not np.array_equal(before, after, equal_nan=True)


def test_abandoners_are_those_with_a_cart_the_latest_first(stage):
    value = wanted("cart abandoners", moment_of(stage)).value
    hours = stage.views[MOMENT].sight.column("cart_hours")
    np.testing.assert_array_equal(np.isnan(value), ~(hours <= 7 * 24))
    assert np.nanargmax(value) == np.nanargmin(hours)


def test_everybody_comes_once_in_five_weeks(stage):
    n = stage.knowledge.n_persons
    first = wanted("everybody in turn", moment_of(stage)).value >= 1
    assert first.sum() == n / 5


def test_an_uplift_policy_needs_a_model(stage):
    with pytest.raises(ValueError, match="needs an uplift model"):
        wanted("ours", moment_of(stage))


@pytest.mark.parametrize("policy", ["ours", "ours without uplift", "ours without relevance"])
def test_ours_waits_a_day_after_a_cart(stage, earnings, policy):
    value = wanted(policy, moment_of(stage, earnings.get(policy))).value
    hours = stage.views[MOMENT].sight.column("cart_hours")
    assert (hours < 24).any()
    np.testing.assert_array_equal(np.isnan(value), hours < 24)
