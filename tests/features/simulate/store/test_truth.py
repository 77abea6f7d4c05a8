"""The planted truth of a made-up store, as arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from features.simulate.store import truth
from features.simulate.store.config import PeopleConfig
from features.simulate.store.people import block_of_people
from features.simulate.store.truth import HARMED, INDIFFERENT, PERSUADABLE, SURE
from features.simulate.store.world_config import ArmConfig, TruthConfig, TypeConfig

CONFIG = TruthConfig(
    gain=0.01,
    cart=2.0,
    early_hours=6,
    early_loss=0.3,
    harmed_loss=0.2,
    fatigue=0.1,
    other_relevance=0.2,
    wanted_relevance=1.5,
    next_place=0.5,
    cheap=2.0,
    first_day=0.4,
    later=0.1,
    arms=(ArmConfig(name="reminder"), ArmConfig(name="reassurance", cart=1.5)),
)
NO_CART = np.nan


def gain(kind=PERSUADABLE, hours=NO_CART, counted=1.0, tolerance=1.0, arm=0, price=20.0):
    return truth.gain_of_contact(
        np.array([kind]),
        np.array([hours]),
        np.array([counted]),
        np.array([tolerance]),
        np.array([arm]),
        np.array([price]),
        ordinary_price=20.0,
        config=CONFIG,
    )[0]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param({}, 0.01, id="nothing special"),
        pytest.param({"arm": 1}, 0.01, id="reassurance without a cart"),
        pytest.param({"hours": 30.0}, 0.01 * 2.0, id="cart"),
        pytest.param({"hours": 30.0, "arm": 1}, 0.01 * 2.0 * 1.5, id="cart and reassurance"),
        pytest.param({"hours": 6.0}, 0.01 * 2.0, id="cart, just late enough"),
        pytest.param({"hours": 5.9}, 0.0, id="cart, too early"),
        pytest.param({"counted": 0.2}, 0.01 * 0.2, id="another category"),
        pytest.param({"tolerance": 0.81}, 0.01 * 0.81, id="two contacts before"),
        pytest.param({"price": 40.0}, 0.01 * 20 / 40, id="dear"),
        pytest.param({"price": 1.0}, 0.01 * 2.0, id="cheap"),
        pytest.param({"kind": INDIFFERENT}, 0.0, id="indifferent"),
        pytest.param({"kind": SURE, "hours": 30.0}, 0.0, id="sure"),
        pytest.param({"kind": HARMED}, 0.0, id="harmed"),
    ],
)
def test_gain(case, expected):
    assert gain(**case) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("kind", "hours", "expected"),
    [
        (PERSUADABLE, NO_CART, 0.0),
        (INDIFFERENT, 30.0, 0.0),
        (PERSUADABLE, 2.0, 0.3),
        (HARMED, NO_CART, 0.2),
        (HARMED, 30.0, 0.2),
        (HARMED, 2.0, 0.3),
    ],
)
def test_loss(kind, hours, expected):
    assert truth.loss_of_contact(np.array([kind]), np.array([hours]), CONFIG)[0] == expected


@given(
    kind=st.integers(0, 3),
    hours=st.one_of(st.just(NO_CART), st.floats(0, 400)),
    counted=st.floats(0, 1.5),
)
def test_who_can_gain_cannot_lose(kind, hours, counted):
    loss = truth.loss_of_contact(np.array([kind]), np.array([hours]), CONFIG)[0]
    assert gain(kind, hours, counted) * loss == 0


def test_relevance():
    items = np.array([[0, 2, 4, 5, 6, 7, -1]])
    found = truth.relevance(
        items,
        tastes=np.array([[1, 2, 0]], np.int16),
        cart_item=np.array([6]),
        due_item=np.array([7]),
        category=np.array([0, 0, 1, 1, 2, 3, 3, 3]),
        stocked=np.ones(8, np.bool_),
        config=CONFIG,
    )
    # third taste, first, second, none, in the cart, due, no item
    assert found.tolist() == [[0.5, 1.0, 0.5, 0.2, 1.5, 1.5, 0.0]]


def test_what_is_out_of_stock_counts_nothing():
    found = truth.relevance(
        np.array([[0], [1]]),
        tastes=np.zeros((2, 1), np.int16),
        cart_item=np.array([0, 0]),
        due_item=np.array([-1, -1]),
        category=np.zeros(2, np.int64),
        stocked=np.array([False, True]),
        config=CONFIG,
    )
    assert found.tolist() == [[0.0], [1.0]]


def test_a_better_item_in_a_later_place_counts_less():
    place, counted = truth.best_place(np.array([[0.2, 1.0], [0.6, 1.0]]), CONFIG)
    assert place.tolist() == [1, 0]
    assert counted.tolist() == [1.0 * 0.5, 0.6]


def test_tolerance():
    found = truth.tolerance_after(np.array([0, 1, 3]), CONFIG)
    np.testing.assert_allclose(found, [1, 0.9, 0.9**3])


def test_days_of_orders_won():
    shares = [truth.won_within(days, CONFIG) for days in (1, 2, 7, 14, 28)]
    # a tenth comes after the week, evenly over three weeks; of the rest two fifths on the first day
    expected = [0.9 * 0.4, 0.9 * (0.4 + 0.6 / 6), 0.9, 0.9 + 0.1 / 3, 1.0]
    np.testing.assert_allclose(shares, expected)


def test_day_of_order_inverts_the_shares():
    draws = (np.arange(20_000) + 0.5) / 20_000
    found = np.bincount(truth.day_of_order(draws, CONFIG), minlength=28) / 20_000
    ends = [truth.won_within(day, CONFIG) for day in range(1, 29)]
    np.testing.assert_allclose(np.cumsum(found), ends, atol=1e-4)


def people_of(n):
    return block_of_people(PeopleConfig(), block=0, persons=n, categories=8, days=10, seed=1)


def test_chances_of_types():
    people = people_of(1)._replace(
        visits_per_day=np.array([0.12 * np.e]), appetite=np.array([1.0]), known=np.array([True])
    )
    config = TruthConfig(
        indifferent=TypeConfig(intercept=0.5, known=-0.5),
        sure=TypeConfig(appetite=3.0),
        harmed=TypeConfig(intercept=-1.0, visits=1.0 + np.log(2.0)),
    )
    found = truth.type_chances(people, config, mean_visits=0.12)
    # odds against the persuadable: exp(.5 - .5), exp(3 x log 1), exp(-1 + 1 + log 2)
    np.testing.assert_allclose(found, [[1 / 5, 1 / 5, 1 / 5, 2 / 5]])


def test_types_are_drawn_with_their_chances():
    people = people_of(4_000)
    chances = truth.type_chances(people, TruthConfig(), mean_visits=0.12)
    kinds = truth.types(people, TruthConfig(), mean_visits=0.12, seed=1)
    for kind in range(4):
        spread = np.sqrt((chances[:, kind] * (1 - chances[:, kind])).sum())
        assert abs((kinds == kind).sum() - chances[:, kind].sum()) < 4 * spread
    assert stats.spearmanr(people.visits_per_day, kinds == HARMED).statistic > 0.2


def test_a_type_does_not_depend_on_the_others():
    people = people_of(100)
    alone = people._replace(first=40, **{f: getattr(people, f)[40:50] for f in people._fields[1:]})
    whole, part = (
        truth.types(who, TruthConfig(), mean_visits=0.12, seed=1) for who in (people, alone)
    )
    np.testing.assert_array_equal(whole[40:50], part)
