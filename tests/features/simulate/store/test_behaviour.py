"""What people do is possible, in order, and their own; the rates are those asked for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from features.histories.histories import MICROSECONDS_PER_DAY
from features.simulate.store.behaviour import live, live_and_think
from features.simulate.store.config import ListingsConfig, PeopleConfig, ShelfConfig
from features.simulate.store.people import BLOCK, People, block_of_people
from features.simulate.store.shelf import stock_shelf
from features.tables import EVENT_NAMES

DAYS = 60
CALM = PeopleConfig(visits_per_day=0.5, activity_spread=0.0, cart=0.0)


def named(actions, name):
    return actions.name == EVENT_NAMES.index(name)


def test_another_seed_has_other_people():
    first, second = (
        block_of_people(PeopleConfig(), block=0, persons=50, categories=8, days=DAYS, seed=seed)
        for seed in (1, 2)
    )
    assert (first.visits_per_day != second.visits_per_day).all()


def test_blocks_differ_and_the_last_is_short():
    first, last = (
        block_of_people(
            PeopleConfig(), block=block, persons=BLOCK + 50, categories=8, days=DAYS, seed=1
        )
        for block in (0, 1)
    )
    assert (len(first.known), len(last.known), last.first) == (BLOCK, 50, BLOCK)
    assert (first.appetite[:50] != last.appetite).all()


def slice_of(people, first, last):
    return People(people.first + first, *(column[first:last] for column in people[1:]))


def test_a_person_does_the_same_in_any_company(people, shelf, actions):
    alone = live(
        slice_of(people, 40, 60), shelf, PeopleConfig(cart=0.05), days=DAYS, weekday=0, seed=1
    )
    kept = (actions.person >= 40) & (actions.person < 60)
    for whole, part in zip(actions, alone, strict=True):
        np.testing.assert_array_equal(whole[kept], part)


def test_another_seed_is_another_world(people, shelf, actions):
    other = live(people, shelf, PeopleConfig(cart=0.05), days=DAYS, weekday=0, seed=2)
    assert len(other.time) != len(actions.time) or (other.time != actions.time).any()


def test_everything_happens_within_the_days(actions):
    assert actions.time.min() >= 0
    assert (actions.time // MICROSECONDS_PER_DAY < DAYS + 1).all()


def test_what_is_ordered_was_in_the_cart_before(actions):
    carted = set()
    for person, name, item in zip(actions.person, actions.name, actions.item, strict=True):
        if name == EVENT_NAMES.index("cart_add"):
            carted.add((person, item))
        if name == EVENT_NAMES.index("purchase"):
            assert (person, item) in carted


def test_only_what_is_in_stock_is_taken_up(actions, shelf):
    for name in ("cart_add", "purchase"):
        rows = np.flatnonzero(named(actions, name))
        assert len(rows) > 100
        for row in rows:
            # a visit that begins before midnight keeps the stock of its day
            days = {
                (actions.time[row] - hours * 3_600_000_000) // MICROSECONDS_PER_DAY
                for hours in (0, 1)
            }
            assert any(shelf.in_stock(int(day))[actions.item[row]] for day in days)


def test_a_refund_sends_back_a_whole_order_one_to_ten_days_later(actions):
    refunds, orders = named(actions, "refund"), named(actions, "purchase")
    assert refunds.sum() > 10
    keys = set(zip(actions.person[refunds], actions.order[refunds], strict=True))
    for person, order in keys:
        own = (actions.person == person) & (actions.order == order)
        assert sorted(actions.item[own & refunds]) == sorted(actions.item[own & orders])
        wait = actions.time[own & refunds].min() - actions.time[own & orders].max()
        assert 1 <= wait / MICROSECONDS_PER_DAY <= 10


def test_only_those_with_an_account_are_logged_in(actions, people):
    assert people.known[actions.person[actions.logged_in]].all()
    ordered = named(actions, "purchase")
    np.testing.assert_array_equal(actions.logged_in[ordered], people.known[actions.person[ordered]])


def test_what_people_have_in_mind_changes_nothing_they_do_and_knows_their_carts(
    people, shelf, actions
):
    config, moments = PeopleConfig(cart=0.05), np.array([20, 41])
    again, minds = live_and_think(
        people, shelf, config, days=DAYS, weekday=0, seed=1, moments=moments
    )
    for whole, part in zip(actions, again, strict=True):
        np.testing.assert_array_equal(whole, part)
    for place, day in enumerate(moments):
        past = actions.time < day * MICROSECONDS_PER_DAY
        ordered = np.zeros(len(people.known))
        last = np.full(len(people.known), -1)
        rows = np.flatnonzero(past & named(actions, "cart_add"))
        last[actions.person[rows]] = rows
        done = np.flatnonzero(past & named(actions, "purchase"))
        ordered[actions.person[done]] = actions.time[done]
        has = last >= 0
        begun = np.where(has, actions.time[last], 0)
        recent = (day - begun // MICROSECONDS_PER_DAY <= 14) & (begun > ordered)
        # a cart of which nothing was in stock is emptied by an order that leaves no row
        disagree = (has & recent) != (minds.cart_item[place] >= 0)
        assert disagree.mean() < 0.01
        both = has & recent & (minds.cart_item[place] >= 0)
        assert both.sum() > 100
        np.testing.assert_array_equal(minds.cart_item[place][both], actions.item[last[both]])
        np.testing.assert_array_equal(minds.cart_time[place][both], begun[both])


def test_visits_and_views_have_their_means(shelf):
    people = block_of_people(CALM, block=0, persons=2_000, categories=8, days=DAYS, seed=4)
    actions = live(people, shelf, CALM, days=56, weekday=0, seed=4)
    visits, views = named(actions, "page_view").sum(), named(actions, "view").sum()
    expected = 2_000 * 56 * 0.5
    assert stats.poisson.sf(visits - 1, expected) > 0.0005
    assert stats.poisson.cdf(visits, expected) > 0.0005
    spread = np.sqrt(visits * (4 - 1) * 4)
    assert abs(views - 4 * visits) <= 4 * spread


def test_carts_follow_views_at_the_persons_own_appetite(shelf):
    config = CALM.model_copy(
        update={"cart": 0.02, "checkout": 0.0, "repeat": 0.0, "drift_per_day": 0.0}
    )
    people = block_of_people(config, block=0, persons=2_000, categories=8, days=DAYS, seed=4)
    even = people._replace(appetite=np.full_like(people.appetite, 2.0))
    actions = live(even, shelf, config, days=DAYS, weekday=0, seed=4)
    share = named(actions, "cart_add").sum() / named(actions, "view").sum()
    assert 0.03 <= share <= 0.04  # 2 x .02, less what is out of stock or in the cart already


@pytest.mark.parametrize(
    ("tastes", "shares"), [(1, [1.0]), (2, [0.5, 0.5]), (3, [0.5, 0.25, 0.25])]
)
def test_the_first_taste_is_liked_twice_as_often(shelf, tastes, shares):
    config = CALM.model_copy(update={"tastes": tastes, "repeat": 0.0, "drift_per_day": 0.0})
    people = block_of_people(config, block=0, persons=3_000, categories=8, days=DAYS, seed=4)
    distinct = people._replace(tastes=np.tile(np.arange(tastes), (3_000, 1)))
    actions = live(distinct, shelf, config, days=DAYS, weekday=0, seed=4)
    viewed = shelf.category[actions.item[named(actions, "view")]]
    found = np.bincount(viewed, minlength=tastes) / len(viewed)
    np.testing.assert_allclose(found, shares, atol=0.005)


def test_what_is_used_up_is_ordered_again_after_its_interval(shelf):
    everything = shelf._replace(interval=np.full_like(shelf.interval, 14))
    config = PeopleConfig(visits_per_day=0.3, cart=0.05, checkout=1.0, order=1.0, refund=0.0)
    people = block_of_people(config, block=0, persons=2_000, categories=8, days=DAYS, seed=4)
    again, never = (
        live(people, shelf._replace(interval=interval), config, days=DAYS, weekday=0, seed=4)
        for interval in (everything.interval, np.zeros_like(shelf.interval))
    )
    assert _gap_share(again, 11, 16) > 3 * _gap_share(never, 11, 16)
    assert _gap_share(again, 11, 16) > _gap_share(again, 16, 21)


def _gap_share(actions, low, high):
    """Pairs of orders of one person and item so many days apart, per ordered line."""
    bought = named(actions, "purchase")
    person, item, time = actions.person[bought], actions.item[bought], actions.time[bought]
    order = np.lexsort((time, item, person))
    same = (np.diff(person[order]) == 0) & (np.diff(item[order]) == 0)
    gap = np.diff(time[order]) / MICROSECONDS_PER_DAY
    return float(np.sum(same & (gap >= low) & (gap <= high)) / bought.sum())


def test_people_like_categories_of_one_place():
    people = block_of_people(
        PeopleConfig(), block=0, persons=90, categories=12, days=DAYS, seed=1, places=3
    )
    assert (people.tastes % 3 == np.arange(90)[:, None] % 3).all()
    assert len(np.unique(people.tastes)) == 12


def test_nobody_looks_at_a_listing_that_is_over():
    listed = ListingsConfig(days=20, places=({"latitude": 52.5, "longitude": 13.4},))
    shelf = stock_shelf(ShelfConfig(items=2_000, categories=8, listings=listed), days=DAYS, seed=1)
    people = block_of_people(CALM, block=0, persons=300, categories=8, days=DAYS, seed=1)
    fresh = CALM.model_copy(update={"repeat": 0.0})
    actions = live(people, shelf, fresh, days=DAYS, weekday=0, seed=1)
    view = named(actions, "view")
    item, day = actions.item[view], actions.time[view] // MICROSECONDS_PER_DAY
    over = (shelf.launch[item] > day) | (day >= shelf.out_from[item])
    # with a sixth of the listings there at a time, 20 tries find one in 1 - (5 / 6) ** 20 of the cases
    assert over.mean() < 1.5 * (5 / 6) ** 20


def test_one_of_a_kind_is_ordered_once():
    people = block_of_people(PeopleConfig(), block=0, persons=400, categories=8, days=DAYS, seed=1)
    shelf = stock_shelf(ShelfConfig(items=200, categories=8), days=DAYS, seed=1)
    single = PeopleConfig(cart=0.1, second_unit=0.0)
    assert live(people, shelf, single, days=DAYS, weekday=0, seed=1).quantity.max() == 1
