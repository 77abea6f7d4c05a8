"""Histories in memory say what the files of the same store say."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from features.histories.histories import NO_CODE
from features.outcomes import observed_outcomes
from features.simulate.store.config import PeopleConfig, ShelfConfig, StoreConfig
from features.simulate.store.memory import simulate_actions, simulate_histories
from features.simulate.store.shelf import stock_shelf
from features.tables import EVENT_NAMES

CONFIG = StoreConfig(
    kind="store",
    seed=3,
    persons=120,
    first=datetime(2026, 1, 5, tzinfo=UTC),
    days=40,
    shelf=ShelfConfig(items=60, categories=6, brands=5),
    people=PeopleConfig(visits_per_day=0.4, cart=0.1, refund=0.5),
)


@pytest.fixture(scope="module")
def shelf():
    return stock_shelf(CONFIG.shelf, days=CONFIG.days, seed=CONFIG.seed)


@pytest.fixture(scope="module")
def actions(shelf):
    return simulate_actions(CONFIG, shelf)


@pytest.fixture(scope="module")
def histories():
    return simulate_histories(CONFIG)


def test_every_action_is_an_event(actions, histories):
    assert len(histories.time) == len(actions.time)
    np.testing.assert_array_equal(
        np.diff(histories.offsets), np.bincount(actions.person, minlength=CONFIG.persons)
    )
    assert list(histories.person_ids) == sorted(histories.person_ids)
    assert list(histories.item_ids) == sorted(histories.item_ids)


def test_time_never_falls_within_a_person(histories):
    person = np.repeat(np.arange(CONFIG.persons), np.diff(histories.offsets))
    assert (np.diff(histories.time)[np.diff(person) == 0] >= 0).all()


def test_money_is_price_times_quantity(histories, shelf):
    bought = histories.event == EVENT_NAMES.index("purchase")
    np.testing.assert_allclose(
        histories.value[bought], histories.quantity[bought] * shelf.price[histories.item[bought]]
    )
    named = histories.item != NO_CODE
    np.testing.assert_array_equal(histories.category[named], shelf.category[histories.item[named]])


def test_refunds_take_back_whole_orders(actions, histories):
    start = np.full(CONFIG.persons, histories.time.min())
    kept = observed_outcomes(
        histories, np.arange(CONFIG.persons), start, horizon_days=CONFIG.days + 1
    )
    refund = actions.name == EVENT_NAMES.index("refund")
    ordered = actions.name == EVENT_NAMES.index("purchase")
    order = actions.person * 1_000 + actions.order
    left = np.setdiff1d(order[ordered], order[refund])
    assert refund.any()
    np.testing.assert_array_equal(kept.visits, np.bincount(left // 1_000, minlength=CONFIG.persons))
