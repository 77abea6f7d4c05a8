"""The shelf is consistent: categories stand together, popularity adds up, stock runs out and returns."""

from __future__ import annotations

import numpy as np
import pytest

from features.simulate.store.config import ListingsConfig, ShelfConfig
from features.simulate.store.shelf import NEVER, stock_shelf


def test_items_of_a_category_stand_together_the_most_popular_first(shelf):
    for category in range(8):
        first, last = shelf.first[category], shelf.first[category + 1]
        assert set(shelf.category[first:last]) == {category}
        shares = np.diff(np.append(0.0, shelf.popularity[first:last]))
        assert shares.sum() == pytest.approx(1.0)
        assert (np.diff(shares) <= 1e-12).all()


def test_popularity_is_a_power_law():
    shelf = stock_shelf(ShelfConfig(items=10, categories=1, popularity=1.0), days=9, seed=0)
    weight = 1 / np.arange(1, 11)
    np.testing.assert_allclose(shelf.popularity, np.cumsum(weight) / weight.sum())


def test_the_most_popular_item_of_a_category_is_there_from_the_beginning(shelf):
    assert (shelf.launch[shelf.first[:-1]] == 0).all()


def test_stock(shelf):
    item = int(np.flatnonzero(shelf.out_from < NEVER)[0])
    begin, end = int(shelf.out_from[item]), int(shelf.out_until[item])
    assert 7 <= end - begin <= 14
    stocked = [bool(shelf.in_stock(day)[item]) for day in (begin - 1, begin, end - 1, end)]
    assert stocked == [shelf.launch[item] <= begin - 1, False, False, True]


def test_an_item_is_not_in_stock_before_its_launch(shelf):
    item = int(np.argmax(shelf.launch))
    assert shelf.launch[item] > 0
    assert not shelf.in_stock(int(shelf.launch[item]) - 1)[item]


def test_prices_and_costs(shelf):
    assert (shelf.price >= 0.01).all()
    np.testing.assert_array_equal(shelf.cost, np.round(0.65 * shelf.price, 2))


def test_listings_end_and_do_not_come_back():
    listed = ListingsConfig(days=20, taken=0.5, places=({"latitude": 52.5, "longitude": 13.4},))
    config = ShelfConfig(items=4_000, categories=4, listings=listed)
    shelf = stock_shelf(config, days=60, seed=2)
    assert (shelf.out_until == NEVER).all()
    assert (shelf.out_from <= shelf.ends).all()
    assert (shelf.out_from < shelf.ends).mean() == pytest.approx(0.5 * 19 / 20, abs=0.03)
    there = [int(shelf.in_stock(day).sum()) for day in (0, 30, 59)]
    # each of 4,000 begins on one of 79 days, and is there for 20 days or, if taken, for 10.5 of them
    assert there == pytest.approx([4_000 / 79 * (20 + 10.5) / 2] * 3, rel=0.1)
    assert not shelf.in_stock(200).any()
