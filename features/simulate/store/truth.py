"""The truth of a made-up store: what a contact changes in a person, as pure functions of numpy arrays.

Everybody is of one type for good. A contact that reaches a *persuadable* person wins one order of the item shown, with a
chance that depends on the cart, on the item, on what is said and on contacts before; *indifferent* and *sure* persons do the
same with and without it; it may cost the *harmed* their orders of the next seven days, and anybody who was contacted too
soon after putting something into the cart. Nothing else of what people do changes.

    kinds = types(people, config, mean_visits=..., seed=...)         (n,)  position in TYPES
    good = relevance(minds_tastes, ..., config)                      (n, places)
    gain = gain_of_contact(kinds, cart_hours, good, tolerance, ...)  (n,)  chance to win an order
    loss = loss_of_contact(kinds, cart_hours, config)                (n,)  chance to lose the week's orders

A row that can gain cannot lose and the reverse. `features.simulate.store.policy` makes money and exact values of these.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from features.arrays import BoolArray, CodeArray, FloatArray, IntArray
from features.histories.histories import NO_CODE
from features.simulate.store.draws import uniforms
from features.simulate.store.people import People
from features.simulate.store.shelf import Shelf
from features.simulate.store.world_config import TruthConfig

TYPES: Final = ("persuadable", "indifferent", "sure", "harmed")
PERSUADABLE, INDIFFERENT, SURE, HARMED = range(4)

DRAW_TYPE, DRAW_AUCTION, DRAW_WON, DRAW_LOST, DRAW_VISIT, DRAW_DAY, DRAW_HOUR = range(1, 8)
"""Purposes of the draws of a world; 0 is what people do by themselves."""


def types(people: People, config: TruthConfig, *, mean_visits: float, seed: int) -> IntArray:
    """The type of each person, shape (n,), position in `TYPES`.

    Args:
        people: who.
        config: the logits of the types.
        mean_visits: of the store per day, `PeopleConfig.visits_per_day`.
        seed: of the draws.

    Invariants: a person's type depends on the person's nature and number and the seed alone.
    """
    chances = type_chances(people, config, mean_visits=mean_visits)
    number = people.first + np.arange(len(people.known))
    draw = uniforms(seed, DRAW_TYPE, np.zeros_like(number), number)
    kinds: IntArray = (np.cumsum(chances, axis=1)[:, :-1] <= draw[:, None]).sum(axis=1)
    return kinds


def type_chances(people: People, config: TruthConfig, *, mean_visits: float) -> FloatArray:
    """Chance of each type, shape (n, 4), rows add up to 1; arguments as for `types`."""
    visits = np.log(people.visits_per_day / mean_visits)
    appetite = np.log(people.appetite)
    logits = np.zeros((len(visits), len(TYPES)))
    for place, of in enumerate((config.indifferent, config.sure, config.harmed), start=1):
        logits[:, place] = (
            of.intercept + of.visits * visits + of.appetite * appetite + of.known * people.known
        )
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances: FloatArray = odds / odds.sum(axis=1, keepdims=True)
    return chances


def relevance(
    items: CodeArray | IntArray,
    *,
    tastes: npt.NDArray[np.int16],
    cart_item: CodeArray,
    due_item: CodeArray,
    category: IntArray,
    stocked: BoolArray,
    config: TruthConfig,
) -> FloatArray:
    """How much each shown item counts, shape of `items`; 1 = an item of the best-liked category.

    The item last put into the open cart and the one needed again count `wanted_relevance`; the first liked category counts
    1, each other one as much less as it is liked less (a half, a quarter, the last two alike); any other
    `other_relevance`; what is not in stock, or no item, nothing.

    Args:
        items: shape (n, places), item codes, -1 = none.
        tastes: shape (n, tastes), liked categories at the moment, the most liked first.
        cart_item: shape (n,), last put into the open cart, -1 = no open cart.
        due_item: shape (n,), needed again, -1 = nothing.
        category: shape (n_items,), of each item.
        stocked: shape (n_items,), whether it can be bought at the moment.
        config: sizes.
    """
    shown = items != NO_CODE
    of = category[np.where(shown, items, 0)]
    found = np.full(items.shape, config.other_relevance)
    places = tastes.shape[1]
    for place in reversed(range(places)):
        liked = 0.5 ** min(place, max(places - 2, 0))
        found = np.where(
            of == tastes[:, place, None], np.maximum(liked, config.other_relevance), found
        )
    wanted = (items == cart_item[:, None]) | (items == due_item[:, None])
    found = np.where(wanted, config.wanted_relevance, found)
    return np.where(shown & stocked[np.where(shown, items, 0)], found, 0.0)


def best_place(relevances: FloatArray, config: TruthConfig) -> tuple[IntArray, FloatArray]:
    """The place of a list that counts, and how much it does with its place; shapes (n,).

    Args:
        relevances: shape (n, places), of the items in their order.
        config: what places count.
    """
    counted = relevances * config.next_place ** np.arange(relevances.shape[1])
    place = counted.argmax(axis=1)
    return place, counted[np.arange(len(place)), place]


def price_factor(price: FloatArray, shelf_price: float, config: TruthConfig) -> FloatArray:
    """Factor of an item's price on the chance of an order won; 1 at the ordinary price.

    Args:
        price: money, > 0.
        shelf_price: the ordinary price, `ShelfConfig.median_price`.
        config: how much a cheap item may count.
    """
    factor: FloatArray = np.minimum(shelf_price / price, config.cheap)
    return factor


def too_early(cart_hours: FloatArray, config: TruthConfig) -> BoolArray:
    """Whether a contact comes too soon after something was put into the cart.

    Args:
        cart_hours: hours since then, NaN = no open cart.
        config: how soon.
    """
    early: BoolArray = cart_hours < config.early_hours
    return early


def gain_of_contact(
    kinds: IntArray,
    cart_hours: FloatArray,
    counted: FloatArray,
    tolerance: FloatArray,
    arm: IntArray,
    price: FloatArray,
    *,
    ordinary_price: float,
    config: TruthConfig,
) -> FloatArray:
    """Chance that a contact that reaches wins an order, shape (n,), in [0, 1].

    Args:
        kinds: shape (n,), types.
        cart_hours: shape (n,), hours since something was put into the open cart, NaN = no open cart.
        counted: shape (n,), relevance of what is shown.
        tolerance: shape (n,), what contacts before have left of the effect, in [0, 1], by `tolerance_after`.
        arm: shape (n,), position in `config.arms`.
        price: shape (n,), of the item that would be ordered.
        ordinary_price: `ShelfConfig.median_price`.
        config: sizes.
    """
    in_cart = ~np.isnan(cart_hours)
    said = np.array([each.cart for each in config.arms])[arm]
    stage = np.where(in_cart, config.cart * said, 1.0)
    factor = stage * counted * tolerance * price_factor(price, ordinary_price, config)
    chance = np.minimum(config.gain * factor, 1.0)
    works = (kinds == PERSUADABLE) & ~too_early(cart_hours, config)
    return np.where(works, chance, 0.0)


def loss_of_contact(kinds: IntArray, cart_hours: FloatArray, config: TruthConfig) -> FloatArray:
    """Chance that a contact that reaches costs the orders of the next seven days, shape (n,); arguments as above."""
    early = np.where(too_early(cart_hours, config), config.early_loss, 0.0)
    annoyed = np.where(kinds == HARMED, config.harmed_loss, 0.0)
    return np.maximum(early, annoyed)


def visit_gain_of_contact(kinds: IntArray, config: TruthConfig) -> FloatArray:
    """Chance that a contact that reaches brings one more visit, shape (n,)."""
    return np.where(kinds == INDIFFERENT, 0.0, config.visit_gain)


def tolerance_after(contacts: IntArray, config: TruthConfig) -> FloatArray:
    """What so many contacts that reached in the 28 days before have left of the effect, in [0, 1]."""
    left: FloatArray = np.power(1.0 - config.fatigue, contacts.astype(np.float64))
    return left


def won_within(days: int, config: TruthConfig) -> float:
    """Share of the orders won that fall on the first so many days, 1 to 28.

    Example:
        >>> [round(won_within(days, TruthConfig()), 4) for days in (1, 7, 28)]
        [0.3133, 0.94, 1.0]
    """
    first_week = config.first_day + (1.0 - config.first_day) * (min(days, 7) - 1) / 6
    return (1.0 - config.later) * first_week + config.later * max(days - 7, 0) / 21


def day_of_order(draw: FloatArray, config: TruthConfig) -> IntArray:
    """The day after the contact, 0 to 27, on which an order is won, for draws in [0, 1); the inverse of `won_within`."""
    ends = np.array([won_within(day, config) for day in range(1, 28)])
    return np.searchsorted(ends, draw, side="right")


def ordinary_item(tastes: npt.NDArray[np.int16], shelf: Shelf) -> IntArray:
    """What a person who is shown nothing of their own would order: the most popular item of the best-liked category."""
    item: IntArray = shelf.first[tastes[:, 0].astype(np.int64)]
    return item
