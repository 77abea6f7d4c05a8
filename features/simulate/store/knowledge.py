"""All that the effect of a contact depends on, for everybody and each decision: what the store knows and nobody else does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from features.arrays import FloatArray, IntArray
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE
from features.simulate.store.actions import Actions
from features.simulate.store.auction import places
from features.simulate.store.behaviour import live_and_think
from features.simulate.store.block import people_of
from features.simulate.store.config import StoreConfig
from features.simulate.store.mind import Minds
from features.simulate.store.people import People, blocks
from features.simulate.store.shelf import Shelf, stock_shelf
from features.simulate.store.truth import types
from features.simulate.store.world_config import WorldConfig
from features.tables import EVENT_NAMES
from features.threads import in_two_threads

WEEK: Final = 7
"""Days between two decisions, and days after a contact in which it may cost orders."""

_ORDER: Final = EVENT_NAMES.index("purchase")
_REFUND: Final = EVENT_NAMES.index("refund")
_HOURS: Final = MICROSECONDS_PER_DAY / 24


class Organic(NamedTuple):
    """Orders of the week after each decision as they are without any contact, less those sent back as a whole.

    Attributes:
        orders: shape (n_moments, n), how many.
        revenue, margin: shape (n_moments, n), money.
    """

    orders: IntArray
    revenue: FloatArray
    margin: FloatArray


@dataclass(frozen=True, eq=False)
class Knowledge:
    """n persons, in the order of their numbers from 0, and the weekly decisions.

    Attributes:
        store, world: the configs.
        shelf: of the store.
        days: shape (n_moments,), day of each decision; it is taken before anything of that day happens.
        kinds: shape (n,), position in `truth.TYPES`.
        places: shape (n,), mean places for an ad per contact.
        minds: what people have in mind at the decisions.
        organic: what people order after them by themselves.
    """

    store: StoreConfig
    world: WorldConfig
    shelf: Shelf
    days: IntArray
    kinds: IntArray
    places: FloatArray
    minds: Minds
    organic: Organic

    @property
    def n_persons(self) -> int:
        return len(self.kinds)

    @property
    def n_moments(self) -> int:
        return len(self.days)

    def cart_hours(self, moment: IntArray | int, person: IntArray) -> FloatArray:
        """Hours since something was put into the open cart, NaN = no open cart; shape of `person`."""
        now = self.days[moment] * MICROSECONDS_PER_DAY
        hours: FloatArray = (now - self.minds.cart_time[moment, person]) / _HOURS
        return np.where(self.minds.cart_item[moment, person] == NO_CODE, np.nan, hours)


class Block(NamedTuple):
    """Some persons: what they are like, what they do, and what they have in mind at the decisions."""

    people: People
    actions: Actions
    minds: Minds


def decision_days(store: StoreConfig, world: WorldConfig) -> IntArray:
    """Days of the decisions whose week ends with the store's days at the latest, shape (n_moments,)."""
    days = world.first_day + WEEK * np.arange(world.weeks)
    return days[days + WEEK <= store.days]


def know(store: StoreConfig, world: WorldConfig) -> Knowledge:
    """The knowledge of a store, without its events.

    Args:
        store: sizes, people, seed.
        world: decisions, effects, auction.
    """
    shelf = stock_shelf(store.shelf, days=store.days, seed=store.seed)
    return know_blocks(live_blocks(store, world, shelf), store, world, shelf)


def live_blocks(store: StoreConfig, world: WorldConfig, shelf: Shelf) -> Iterator[Block]:
    """Everybody's life, block by block, two at a time."""
    moments, numbers = decision_days(store, world), blocks(store.persons)
    for pair in range(0, len(numbers), 2):
        works = [
            lambda block=block: _block(store, shelf, moments, block)
            for block in numbers[pair : pair + 2]
        ]
        yield from in_two_threads(works)


def know_blocks(
    parts: Iterator[Block], store: StoreConfig, world: WorldConfig, shelf: Shelf
) -> Knowledge:
    """The knowledge of all blocks of a store, which come in their order."""
    days = decision_days(store, world)
    found = [_of_block(part, store, world, shelf) for part in parts]
    kinds, spots, minds, organic = zip(*found, strict=True)
    joined = [
        np.concatenate(columns, axis=1) for columns in zip(*(m[1:] for m in minds), strict=True)
    ]
    return Knowledge(
        store,
        world,
        shelf,
        days,
        kinds=np.concatenate(kinds),
        places=np.concatenate(spots),
        minds=Minds(days, *joined),
        organic=Organic(*(np.concatenate(part, axis=1) for part in zip(*organic, strict=True))),
    )


def organic_orders(
    actions: Actions, shelf: Shelf, *, first: int, n: int, days: IntArray
) -> Organic:
    """Orders of the week after each of some days, less those sent back as a whole.

    Args:
        actions: of persons `first` to `first + n - 1`, by person.
        shelf: prices and costs.
        first: number of the first person.
        n: how many persons.
        days: shape (n_moments,), rising, at least a week apart.
    """
    line = actions.name == _ORDER
    back = actions.name == _REFUND
    key = _order_keys(actions)
    kept = line & ~np.isin(key, key[back])
    day = actions.time // MICROSECONDS_PER_DAY
    moment = np.searchsorted(days, day, side="right") - 1
    kept &= moment >= 0
    kept[kept] &= day[kept] < days[moment[kept]] + WEEK
    cell = moment[kept] * n + actions.person[kept] - first
    _, one_each = np.unique(key[kept], return_index=True)
    item, units = actions.item[kept], actions.quantity[kept]
    size = len(days) * n
    money = np.zeros((2, size))
    np.add.at(money[0], cell, units * shelf.price[item])
    np.add.at(money[1], cell, units * (shelf.price - shelf.cost)[item])
    shape = (len(days), n)
    return Organic(
        np.bincount(cell[one_each], minlength=size).reshape(shape),
        money[0].reshape(shape),
        money[1].reshape(shape),
    )


def _order_keys(actions: Actions) -> IntArray:
    """A number per order, of the rows that belong to one; -1 elsewhere."""
    most = int(actions.order.max(initial=0)) + 1
    return np.where(actions.order >= 0, actions.person * most + actions.order, -1)


def _block(store: StoreConfig, shelf: Shelf, moments: IntArray, block: int) -> Block:
    people = people_of(store, block)
    actions, minds = live_and_think(
        people,
        shelf,
        store.people,
        days=store.days,
        weekday=store.first.weekday(),
        seed=store.seed,
        moments=moments,
    )
    return Block(people, actions, minds)


def _of_block(
    part: Block, store: StoreConfig, world: WorldConfig, shelf: Shelf
) -> tuple[IntArray, FloatArray, Minds, Organic]:
    people, mean = part.people, store.people.visits_per_day
    return (
        types(people, world.truth, mean_visits=mean, seed=store.seed),
        places(people.visits_per_day, world.auction, mean_visits=mean),
        part.minds,
        organic_orders(
            part.actions, shelf, first=people.first, n=len(people.known), days=part.minds.day
        ),
    )
