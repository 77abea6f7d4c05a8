"""Every chance that is recorded is the share that many salts draw, and the chances of a person's actions add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.allocate import NO_CONTACT, Offers, allocate
from serving.config import ExplorationConfig, HoldoutConfig
from serving.exploration import explore
from serving.holdout import assign_arms


def decide(value, cost, possible, *, salt="s", budget=6.0, money=2.0, most=0.5, share=0.1):
    n = len(value)
    ids = np.array([f"p{i}" for i in range(n)], dtype=object)
    offers = Offers(
        np.asarray(value, float), np.asarray(cost, float), np.asarray(possible), np.arange(n) / n
    )
    arms = assign_arms(ids, HoldoutConfig(share=share, salt=salt, policy_share=0.2), moment="m")
    allocation = allocate(offers, free=arms.free, budget=budget, min_return=1.0)
    config = ExplorationConfig(share=0.1, most=most)
    actions = explore(offers, allocation, arms, config, ids, money=money, salt=salt)
    return actions, allocation, arms


VALUE = np.repeat([[9.0, 9.0], [0.1, 0.1], [np.nan, np.nan], [9.0, 9.0]], [8, 12, 2, 2], axis=0)
COST = np.tile([1.0, 1.0], (24, 1))
POSSIBLE = np.ones((24, 2), np.bool_)
POSSIBLE[22:] = False
POSSIBLE[10, 0] = False


def test_a_hand_made_case():
    actions, allocation, arms = decide(VALUE, COST, POSSIBLE, budget=100)
    np.testing.assert_array_equal(actions.targeted, [True] * 8 + [False] * 16)
    np.testing.assert_array_equal(actions.targeted, allocation.channel != NO_CONTACT)
    pool = int(arms.free[8:20].sum())
    count = 2  # money for two at a cost of 1, and half of the pool is more
    assert pool > 2 * count
    assert actions.explored.sum() == count
    assert actions.explored[8:20].sum() == count
    free = (1 - 0.1) * (1 - 0.2)
    np.testing.assert_allclose(actions.chance[:8], free)
    np.testing.assert_allclose(actions.chance[8:20], free * count / pool)
    np.testing.assert_array_equal(actions.chance[20:], 0)
    np.testing.assert_array_equal(actions.propensity[20:], 1)
    contacted = actions.contact[:8]
    np.testing.assert_allclose(actions.propensity[:8], np.where(contacted, free, 1 - free))
    for person in np.flatnonzero(actions.explored):
        n_channels = 1 if person == 10 else 2
        assert actions.propensity[person] == pytest.approx(free * count / pool / n_channels)
    np.testing.assert_array_equal(actions.ghost, actions.targeted & ~arms.free)
    assert actions.expected_cost == actions.contact.sum()
    assert actions.explored_cost == count


def test_over_many_salts_every_share_is_the_recorded_chance():
    salts = 1500
    contact, chance, by_channel = np.zeros(24), np.zeros(24), np.zeros(24)
    for number in range(salts):
        actions, _, _ = decide(VALUE, COST, POSSIBLE, salt=f"salt {number}", budget=100)
        contact += actions.contact
        chance += actions.chance
        by_channel += actions.explored & (actions.channel == 0)
    spread = np.sqrt(np.maximum(chance * (1 - chance / salts), 1e-9))
    assert (np.abs(contact - chance) <= 4 * spread + 1e-9).all()
    assert by_channel[10] == 0
    two = np.r_[8:10, 11:20]
    half = contact[two] / 2
    assert (np.abs(by_channel[two] - half) <= 4 * np.sqrt(half / 2)).all()


def test_nobody_is_sure_to_be_contacted_however_much_money_there_is():
    actions, _, arms = decide(VALUE, COST, POSSIBLE, budget=100, money=1e6, most=0.25)
    assert actions.explored.sum() == int(0.25 * arms.free[8:20].sum())


@pytest.mark.parametrize("money", [0.0, 0.9])
def test_without_money_for_one_nobody_is_explored(money):
    actions, _, _ = decide(VALUE, COST, POSSIBLE, money=money)
    assert not actions.explored.any()
    assert not actions.chance[~actions.targeted].any()


cases = st.lists(
    st.tuples(st.floats(-2, 9), st.floats(0.5, 2), st.floats(0.5, 2), st.booleans()),
    min_size=1,
    max_size=40,
)


@given(cases=cases, budget=st.floats(0, 20), money=st.floats(0, 5), salt=st.text(max_size=3))
def test_the_invariants_hold(cases, budget, money, salt):
    value = np.array([[case[0], case[0] * 1.2] for case in cases])
    cost = np.array([[case[1], case[2]] for case in cases])
    possible = np.array([[case[3], True] for case in cases])
    actions, _, arms = decide(value, cost, possible, salt=f"x{salt}", budget=budget, money=money)
    assert actions.explored_cost <= money + 1e-9
    assert actions.expected_cost <= budget + money + 1e-9
    assert not (actions.contact & ~arms.free).any()
    assert not (actions.explored & actions.targeted).any()
    assert ((actions.chance >= 0) & (actions.chance <= 1)).all()
    assert (actions.propensity > 0).all()
    assert possible[np.arange(len(cases)), actions.channel][actions.contact].all()
    assert (actions.ghost <= ~arms.free).all()
