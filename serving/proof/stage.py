"""One store, ready for policies: the truth, and what can be observed at each decision, which no policy changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features import columns as c
from features.arrays import BoolArray, FloatArray, IntArray
from features.histories.histories import (
    MICROSECONDS_PER_DAY,
    NO_CODE,
    Histories,
    microseconds,
)
from features.simulate.store.actions import Actions
from features.simulate.store.knowledge import WEEK, Block, Knowledge, know_blocks, live_blocks
from features.simulate.store.memory import histories_of
from features.simulate.store.shelf import NEVER, stock_shelf
from serving.eligibility import person_rules
from serving.proof.config import ProofConfig
from serving.proof.relevance import NextWeek, Organic
from serving.proof.sight import CART, Sight, look, or_best_seller
from serving.proof.weeks import week_orders


@dataclass(frozen=True, eq=False)
class View:
    """What is known at one decision.

    Attributes:
        sight: features and candidates.
        consented: shape (n,), agrees to personalised advertising.
        liking: shape (n, candidates), as `Organic` predicts it.
        relevant: shape (n,), place of what lies in the cart, else of what suits the category that is liked most.
        uptake: shape (n,), of that.
        order: shape (n,), chance of an order next week by itself.
    """

    sight: Sight
    consented: BoolArray
    liking: FloatArray
    relevant: IntArray
    uptake: FloatArray
    order: FloatArray


@dataclass(frozen=True, eq=False)
class Stage:
    """A store of one seed.

    Attributes:
        config: of the proof.
        seed: of the store and of every lot.
        knowledge: the truth: for delivery, exact values and the oracle only.
        histories: what everybody does by themselves.
        orders: by themselves in the week after each decision, persons and items of the lines: for outcomes only.
        views: what is known at each decision.
    """

    config: ProofConfig
    seed: int
    knowledge: Knowledge
    histories: Histories
    orders: tuple[tuple[IntArray, IntArray], ...]
    views: tuple[View, ...]

    def eligible(self, moment: int, contacts: IntArray) -> BoolArray:
        """Who may be contacted at a decision, shape (n,), given contacts that reached in the 28 days before."""
        view, config = self.views[moment], self.config
        n = len(view.consented)
        rules = person_rules(
            pa.table({c.ERASED: np.zeros(n, np.bool_)}),
            view.consented,
            self.histories.as_of(np.arange(n), _time(config, self.knowledge.days[moment])),
            view.sight.column("recency_days"),
            config.eligibility,
        )
        capped = contacts >= config.frequency.max_contacts
        removed: BoolArray = np.any([capped, *(rule.removes for rule in rules)], axis=0)
        return ~removed


def build_stage(config: ProofConfig, *, seed: int) -> Stage:
    """Simulate a store and look at it; the same for every policy.

    Histories are what people do by themselves: orders that contacts win or cost change outcomes, and the contacts
    themselves are known, but what people do afterwards does not change.
    """
    store = config.store.model_copy(update={"seed": seed})
    shelf = stock_shelf(store.shelf, days=store.days, seed=seed)
    parts = list(live_blocks(store, config.world, shelf))
    knowledge = know_blocks(iter(parts), store, config.world, shelf)
    actions = Actions(
        *(np.concatenate(columns) for columns in zip(*(p.actions for p in parts), strict=True))
    )
    histories = histories_of(actions, shelf, store)
    login = _first_login(actions, store.persons) + microseconds(store.first)

    def seen(day: int) -> Sight:
        return look(histories, shelf, login, day=day, moment=_time(config, day))

    before = [config.world.first_day - WEEK * (k + 1) for k in range(config.learning.snapshots)]
    organic = Organic.learn(
        [seen(day) for day in before],
        [NextWeek.of(histories, shelf, _time(config, day)) for day in before],
        shelf,
        config.learning.outcomes,
        seed=seed,
    )
    views = []
    for day in knowledge.days.tolist():
        sight = seen(day)
        liking = organic.liked(sight)
        relevant = _relevant(sight, liking)
        views.append(
            View(
                sight,
                _consented(parts, day),
                liking,
                relevant,
                organic.taken_up(sight, relevant),
                organic.order.predict(sight.person.astype(np.float64)),
            )
        )
    orders = tuple(week_orders(histories, _time(config, day)) for day in knowledge.days.tolist())
    return Stage(config, seed, knowledge, histories, orders, tuple(views))


def _relevant(sight: Sight, liking: FloatArray) -> IntArray:
    in_cart = sight.items[:, CART] != NO_CODE
    return or_best_seller(sight, np.where(in_cart, CART, liking.argmax(axis=1)))


def _time(config: ProofConfig, day: int) -> int:
    return microseconds(config.store.first) + int(day) * MICROSECONDS_PER_DAY


def _first_login(actions: Actions, persons: int) -> IntArray:
    first = np.full(persons, NEVER * MICROSECONDS_PER_DAY // 1_000)
    np.minimum.at(first, actions.person[actions.logged_in], actions.time[actions.logged_in])
    return first


def _consented(parts: list[Block], day: int) -> BoolArray:
    said: BoolArray = np.concatenate(
        [part.people.consent ^ (day >= part.people.changes) for part in parts]
    )
    return said
