"""The items of a made-up store: what they are, what they cost, when they are there."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.simulate.store.config import ListingsConfig, ShelfConfig

NEVER: Final = 1 << 30
"""A day that does not come."""

_INTERVALS: Final = (7, 14, 21, 28, 42)


class Shelf(NamedTuple):
    """Items in the order of their code; those of a category stand together, the most popular first.

    Attributes:
        category: shape (n_items,), category of each.
        first: shape (n_categories + 1,), first item of each category, then the number of items.
        popularity: shape (n_items,), share of its category's interest up to and with this item.
        brand: shape (n_items,).
        price: shape (n_items,), money, to the cent.
        cost: shape (n_items,), money, to the cent.
        launch: shape (n_items,), day from which an item is there; 0 = from the beginning, as is the most popular one
            of each category.
        out_from, out_until: shape (n_items,), days in [from, until) without stock; both `NEVER` = none, only the second =
            gone for good.
        interval: shape (n_items,), days after which it is needed again; 0 = never.
        ends: shape (n_items,), day on which a listing ends, taken or not; `NEVER` = it is no listing.
    """

    category: IntArray
    first: IntArray
    popularity: FloatArray
    brand: IntArray
    price: FloatArray
    cost: FloatArray
    launch: IntArray
    out_from: IntArray
    out_until: IntArray
    interval: IntArray
    ends: IntArray

    def in_stock(self, day: int) -> BoolArray:
        """Which items can be bought on a day, shape (n_items,)."""
        there = self.launch <= day
        gone: BoolArray = (self.out_from <= day) & (day < self.out_until)
        return there & ~gone


def stock_shelf(config: ShelfConfig, *, days: int, seed: int) -> Shelf:
    """The items of a store.

    Args:
        config: how many, how dear, how lasting.
        days: length of the simulation; launches and gaps of stock fall inside it.
        seed: of the draws.
    """
    rng = np.random.default_rng([seed, 0])
    items = config.items
    category = np.sort(np.arange(items) % config.categories)
    first = np.searchsorted(category, np.arange(config.categories + 1))
    place = np.arange(items) - first[category] + 1.0
    weight = place**-config.popularity
    total = np.bincount(category, weight)[category]
    before = np.cumsum(weight) - weight
    popularity = (before - before[first[category]] + weight) / total
    price = np.round(
        config.median_price * np.exp(config.price_spread * rng.standard_normal(items)), 2
    )
    launch = np.where(rng.random(items) < config.new, rng.integers(1, max(days, 2), items), 0)
    launch[first[:-1]] = 0
    runs_out = rng.random(items) < config.out_of_stock
    out_from = np.where(runs_out, launch + rng.integers(0, max(days, 1), items), NEVER)
    consumable = rng.random(items) < config.consumable
    shelf = Shelf(
        category=category,
        first=first,
        popularity=popularity,
        brand=rng.integers(config.brands, size=items),
        price=np.maximum(price, 0.01),
        cost=np.round(config.cost_share * np.maximum(price, 0.01), 2),
        launch=launch,
        out_from=out_from,
        out_until=np.where(runs_out, out_from + rng.integers(7, 15, items), NEVER),
        interval=np.where(consumable, rng.choice(_INTERVALS, items), 0),
        ends=np.full(items, NEVER),
    )
    if config.listings is None:
        return shelf
    begin, end, gone = _listed(config.listings, items=items, days=days, seed=seed)
    return shelf._replace(
        launch=np.maximum(begin, 0),
        out_from=np.minimum(end, gone),
        out_until=np.full(items, NEVER),
        ends=end,
    )


def _listed(
    config: ListingsConfig, *, items: int, days: int, seed: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Days on which listings begin and end, and on which they are taken; as many are there on the first day as on the last."""
    rng = np.random.default_rng([seed, 5])
    begin = rng.integers(-config.days + 1, max(days, 1), items)
    taken = begin + 1 + rng.integers(config.days, size=items)
    end = begin + config.days
    return begin, end, np.where(rng.random(items) < config.taken, taken, end)
