"""Values of policies by hand, exact fatigue against a simulation, and an oracle that nothing beats."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from features.histories.histories import MICROSECONDS_PER_DAY
from features.simulate.store import policy
from features.simulate.store.actions import Actions
from features.simulate.store.auction import expected_cost, hold_auctions, places, reach
from features.simulate.store.config import ShelfConfig, StoreConfig
from features.simulate.store.knowledge import Knowledge, Organic, know, organic_orders
from features.simulate.store.mind import Minds
from features.simulate.store.policy import Plan, effects, oracle, policy_value
from features.simulate.store.truth import tolerance_after
from features.simulate.store.world_config import AuctionConfig, TruthConfig, WorldConfig
from features.tables import EVENT_NAMES

STORE = StoreConfig(
    kind="store",
    seed=5,
    persons=1_500,
    first=datetime(2026, 1, 5, tzinfo=UTC),
    days=63,
    shelf=ShelfConfig(items=120, categories=6),
)
WORLD = WorldConfig(first_day=28, weeks=4, truth=TruthConfig(gain=0.01, later=0.0))


@pytest.fixture(scope="module")
def known():
    return know(STORE, WORLD)


@pytest.fixture(scope="module")
def by_hand(known):
    """Three persons at one decision: persuadable with a cart, harmed, indifferent; each with places that always win."""
    shelf = known.shelf._replace(
        price=np.full(120, 25.0),
        cost=np.full(120, 15.0),
        launch=np.zeros(120, np.int64),
        out_from=np.full(120, 1 << 30),
        out_until=np.full(120, 1 << 30),
    )
    minds = Minds(
        day=np.array([28]),
        tastes=np.array([[[0, 1, 2], [0, 1, 2], [3, 4, 5]]], np.int16),
        cart_item=np.array([[7, -1, -1]], np.int32),
        cart_time=np.array([[26 * MICROSECONDS_PER_DAY, 0, 0]]),
        due_item=np.full((1, 3), -1, np.int32),
    )
    organic = Organic(
        np.array([[0, 2, 1]]), np.array([[0.0, 80.0, 50.0]]), np.array([[0.0, 32.0, 20.0]])
    )
    return Knowledge(
        STORE, WORLD, shelf, np.array([28]), np.array([0, 3, 1]), np.full(3, 1e3), minds, organic
    )


def test_value_by_hand(by_hand):
    plan = Plan.of([0, 1, 2], 0, [7, 0, 0], 0, [1.0, 0.5, 1.0])
    found = policy_value(by_hand, plan)
    won = 0.01 * 2.25 * 1.5
    each = expected_cost(np.array([1e3]), WORLD.auction)[0]
    assert found.contacts == 2.5
    assert found.orders == pytest.approx(won - 0.5 * 0.2 * 2)
    assert found.revenue == pytest.approx(won * 25 - 0.5 * 0.2 * 80)
    assert found.margin == pytest.approx(won * 10 - 0.5 * 0.2 * 32)
    assert found.cost == pytest.approx(2.5 * each)
    assert found.harmed_contacts == 0.5
    assert found.profit == found.margin - found.cost


def test_effects_by_hand(by_hand):
    found = effects(by_hand, Plan.of([0, 1, 2], 0, [7, 0, 0]), np.array([0.5, 1.0, 1.0]))
    np.testing.assert_allclose(found.conversion, [0.5 * 0.01 * 2.25 * 1.5, -0.2, 0])
    np.testing.assert_allclose(found.visits, [0.2, 0.2, 0])
    assert found.harmful.tolist() == [False, True, False]


def test_who_orders_anyway_orders_more_but_is_not_converted(by_hand):
    organic = by_hand.organic._replace(orders=np.array([[1, 2, 1]]))
    found = effects(replace(by_hand, organic=organic), Plan.of([0], 0, [7]), np.ones(1))
    assert found.conversion.tolist() == [0]
    np.testing.assert_allclose(found.orders, [0.01 * 2.25 * 1.5])


def test_an_ad_about_nobody_sells_the_most_popular(by_hand):
    found = effects(by_hand, Plan.of([0], 0, [7], 2), np.ones(1))
    np.testing.assert_allclose(found.gain, 0.01 * 2.25 * 0.5)
    assert found.item.tolist() == [by_hand.shelf.first[0]]


def test_fatigue_is_what_draws_of_the_auction_give(known):
    person = np.repeat(np.arange(300), 3)
    moment = np.tile([0, 2, 3], 300)
    plan = Plan.of(person, moment, np.zeros(900, np.int64), 0, 0.6)
    exact = policy.planned_tolerance(known, plan)
    rng = np.random.default_rng(3)
    chance = 0.6 * reach(known.places[person], WORLD.auction)
    contacts = (rng.random((4_000, 900)) < chance).reshape(4_000, 300, 3)
    before = contacts.cumsum(axis=2) - contacts
    drawn = tolerance_after(before, WORLD.truth).mean(axis=0).ravel()
    np.testing.assert_allclose(exact, drawn, atol=0.006)


def test_contacts_older_than_28_days_tire_nobody(known):
    late = replace(known, days=np.array([28, 35, 56, 63]))
    plan = Plan.of(np.zeros(4, int), np.arange(4), np.zeros(4, int))
    left = policy.planned_tolerance(late, plan)
    tired = 1 - 0.1 * reach(known.places[:1], WORLD.auction)[0]
    np.testing.assert_allclose(left, [1, tired, tired**2, tired**2])


def test_the_oracle_beats_every_other_choice_of_its_cost(known):
    best = oracle(known, 1, budget=1.0)
    found = policy_value(known, best)
    assert found.cost <= 1.0
    assert found.harmed_contacts == 0
    rng = np.random.default_rng(1)
    one = expected_cost(known.places, WORLD.auction)
    for _ in range(50):
        order = rng.permutation(1_500)
        chosen = order[np.cumsum(one[order]) <= 1.0]
        other = Plan.of(
            chosen, 1, rng.integers(120, size=len(chosen)), rng.integers(3, size=len(chosen))
        )
        assert policy_value(known, other).profit < found.profit


def test_the_oracle_shows_everybody_what_earns_most(known):
    best = policy.best_contacts(known, 1)
    fresh = np.ones(1_500)
    found = effects(known, best, fresh).margin
    for item in range(0, 120, 7):
        for arm in range(3):
            other = Plan.of(best.person, 1, np.full(1_500, item), arm)
            assert (effects(known, other, fresh).margin <= found + 1e-9).all()


def test_organic_orders_by_hand(known):
    order, refund = (EVENT_NAMES.index(name) for name in ("purchase", "refund"))
    rows = [  # person, day, name, item, quantity, order
        (5, 27.9, order, 0, 1, 0),
        (5, 28.0, order, 1, 2, 1),
        (5, 28.0, order, 2, 1, 1),
        (5, 34.9, order, 3, 1, 2),
        (6, 30.0, order, 4, 1, 0),
        (6, 38.0, refund, 4, 1, 0),
        (6, 36.0, order, 5, 1, 1),
    ]
    person, day, name, item, quantity, number = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    actions = Actions.empty(len(rows))._replace(
        person=person,
        time=(day * MICROSECONDS_PER_DAY).astype(np.int64),
        name=name,
        item=item,
        quantity=quantity,
        order=number,
    )
    price, cost = known.shelf.price, known.shelf.cost
    found = organic_orders(actions, known.shelf, first=5, n=2, days=np.array([28, 35]))
    assert found.orders.tolist() == [[2, 0], [0, 1]]
    np.testing.assert_allclose(
        found.revenue, [[2 * price[1] + price[2] + price[3], 0], [0, price[5]]]
    )
    np.testing.assert_allclose(found.margin[1, 1], price[5] - cost[5])


def test_the_auction_costs_and_reaches_what_is_expected():
    config = AuctionConfig(click=0.1)
    n = 40_000
    spots = places(np.full(n, 0.24), config, mean_visits=0.12)
    np.testing.assert_allclose(spots, 6 * 2**0.5)
    person = np.arange(n)
    found = hold_auctions(spots, np.full(n, 3), person, config, seed=1)
    for value, mean in (
        (found.cost, expected_cost(spots, config)[0]),
        (found.impressions > 0, reach(spots, config)[0]),
        (found.clicks, 0.1 * found.impressions.mean()),
    ):
        assert abs(value.mean() - mean) < 4 * value.std() / np.sqrt(n)
    again = hold_auctions(spots[:5], np.full(5, 3), person[:5], config, seed=1)
    np.testing.assert_array_equal(again.cost, found.cost[:5])


def test_default_sizes_are_the_published_ones(known):
    """Conversion lift 5-15 % and visit lift 10-20 % where everybody is shown something they like once."""
    many = know(STORE.model_copy(update={"persons": 6_000}), WorldConfig(weeks=5))
    liked = many.shelf.first[many.minds.tastes[:, :, 0].astype(np.int64)]
    moment, person = (index.ravel() for index in np.indices(liked.shape))
    found = effects(many, Plan.of(person, moment, liked.ravel()), np.ones(liked.size))
    lift = found.conversion.mean() / (many.organic.orders > 0).mean()
    assert 0.05 < lift < 0.15
    weekly_visits = 7 * STORE.people.visits_per_day
    assert 0.1 < found.visits.mean() / weekly_visits < 0.2
