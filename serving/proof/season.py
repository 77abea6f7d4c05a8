"""One policy in one store: a pilot, then week by week decide, deliver, observe, and learn again."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.histories.histories import NO_CODE
from features.simulate.store.knowledge import WEEK
from features.simulate.store.policy import Plan, PolicyValue, effects, policy_value
from features.simulate.store.truth import won_within
from features.simulate.store.world import Decisions, World
from serving.allocate import Offers, allocate
from serving.proof.decided import Decided
from serving.proof.policies import (
    LEARN_UPLIFT,
    NOBODY,
    ORACLE,
    POLICIES,
    UPLIFT_ONLY,
    Moment,
    Wanted,
    wanted,
)
from serving.proof.stage import Stage, View
from serving.proof.uplift import Earnings, row_features

_LUCK: Final = 1_000_033
"""Of the seed of the weeks' draws: no other draw of a store has it, so that a lot has nothing to do with what people are like."""


_OF_PILOT: Final = 0


@dataclass(frozen=True, eq=False)
class Season:
    """What became of a policy after the pilot, per week.

    Attributes:
        profit, spend, contacts, harmful: shape (n_weeks,), exact expected values of the contacts made.
        decided: every row a lot decided about, the pilot included.
    """

    profit: FloatArray
    spend: FloatArray
    contacts: FloatArray
    harmful: FloatArray
    decided: Decided


@dataclass(frozen=True, eq=False)
class Pilot:
    """The weeks before any policy, the same for all.

    Attributes:
        world: after them.
        decided: what came of them.
    """

    world: World
    decided: Decided


def run_pilot(stage: Stage) -> Pilot:
    """The weeks in which a lot decides about everybody."""
    world = World(stage.knowledge)
    parts = []
    for number in range(stage.config.design.pilot_weeks):
        rng, lot = _week_of_luck(stage, number, _OF_PILOT)
        eligible = stage.eligible(number, world.contacts(number))
        lots = _explored(stage, number, eligible, rng, stage.config.design.pilot_share)
        row, _ = _deliver(stage, world, number, lots, lot[lots.person] < lots.probability)
        parts.append(row)
    return Pilot(world, Decided.together(parts))


def run_season(stage: Stage, policy: str, pilot: Pilot) -> Season:
    """Run a policy through the weeks of a store that follow the pilot, which stays as it is."""
    world = pilot.world.branch()
    learning, first = stage.config.learning, stage.config.design.pilot_weeks
    parts = [pilot.decided]
    weeks = []
    earnings: Earnings | None = None
    for number in range(first, stage.knowledge.n_moments):
        if policy in LEARN_UPLIFT and (number - first) % learning.every_weeks == 0:
            earnings = Earnings.learn(
                Decided.together(parts),
                learning,
                with_items=policy != UPLIFT_ONLY,
                seed=stage.seed,
            )
        lots, treated = _decide(stage, world, policy, number, earnings)
        row, value = _deliver(stage, world, number, lots, treated)
        parts.append(row)
        weeks.append((value.profit, value.cost, value.contacts, value.harmed_contacts))
    profit, spend, contacts, harmful = np.array(weeks).T
    return Season(profit, spend, contacts, harmful, Decided.together(parts))


@dataclass(frozen=True, eq=False)
class _Lots:
    """Persons about whom a lot decides this week, one row each.

    Attributes:
        person: number.
        item: what is or would be shown.
        place: of the item among the candidates.
        probability: of being contacted.
        chosen: by the policy.
    """

    person: IntArray
    item: IntArray
    place: IntArray
    probability: FloatArray
    chosen: BoolArray


def _decide(
    stage: Stage, world: World, policy: str, number: int, earnings: Earnings | None
) -> tuple[_Lots, BoolArray]:
    """Whom a lot decides about, and what it decided."""
    design, n = stage.config.design, stage.knowledge.n_persons
    contacts = world.contacts(number)
    eligible = stage.eligible(number, contacts)
    rng, lot = _week_of_luck(stage, number, 1 + POLICIES.index(policy))
    drawn, random = rng.random((2, n))
    explore = 0.0 if policy in (NOBODY, ORACLE) else design.explore_share
    explored = _explored(stage, number, eligible & (drawn < explore), rng, design.explored_share)
    if policy == NOBODY:
        return explored, lot[explored.person] < explored.probability
    moment = Moment(stage, number, contacts, world.tolerance(number), eligible, random, earnings)
    paid = design.budget_share - explore * design.explored_share
    budget = paid * float(eligible.sum()) / (1 - design.holdout_share)
    own = _chosen(wanted(policy, moment), moment, among=drawn >= explore, budget=budget)
    lots = _Lots(
        *(np.concatenate([getattr(part, f.name) for part in (explored, own)]) for f in fields(own))
    )
    return lots, lot[lots.person] < lots.probability


def _week_of_luck(stage: Stage, number: int, stream: int) -> tuple[np.random.Generator, FloatArray]:
    """The draws of a week: of contacts, shape (n,), and those after them.

    Every policy has a stream of its own, so that the errors of their estimates have nothing to do with each other.
    """
    rng = np.random.default_rng([stage.seed, _LUCK, number, stream])
    return rng, rng.random(stage.knowledge.n_persons)


def _explored(
    stage: Stage, number: int, who: BoolArray, rng: np.random.Generator, share: float
) -> _Lots:
    """These persons as far as there is an item for them, which is the one they should like most, or any."""
    view = stage.views[number]
    items = view.sight.items
    place = _some_place(view, rng, relevant=stage.config.design.relevant_share)
    person = np.flatnonzero(who & (items[np.arange(len(items)), place] != NO_CODE))
    return _Lots(
        person,
        items[person, place[person]],
        place[person],
        np.full(len(person), share),
        np.zeros(len(person), np.bool_),
    )


def _chosen(wish: Wanted, moment: Moment, *, among: BoolArray, budget: float) -> _Lots:
    """Those whom a policy wants most, as many as the budget of contacts allows; at a loss nobody, where it knows."""
    known = ~np.isnan(wish.value)
    cost = 1.0 if moment.earnings is None else moment.earnings.cost
    free = moment.eligible & among & known & (wish.items != NO_CODE)
    offers = Offers(
        value=wish.value[:, None],
        cost=np.full((len(known), 1), cost),
        possible=free[:, None],
        tie_break=moment.random,
    )
    allocation = allocate(
        offers,
        free=free,
        budget=budget * cost,
        min_return=-np.inf if moment.earnings is None else 1.0,
    )
    person = np.flatnonzero(allocation.contact)
    return _Lots(
        person,
        wish.items[person],
        wish.place[person],
        np.full(len(person), 1 - moment.stage.config.design.holdout_share),
        np.ones(len(person), np.bool_),
    )


def _some_place(view: View, rng: np.random.Generator, *, relevant: float) -> IntArray:
    """The place of the most relevant candidate, or of any that there is, by lot; shape (n,)."""
    items = view.sight.items
    draw = np.where(items == NO_CODE, -1.0, rng.random(items.shape))
    by_relevance = rng.random(len(items)) < relevant
    return np.where(by_relevance, view.relevant, draw.argmax(axis=1))


def _deliver(
    stage: Stage, world: World, number: int, lots: _Lots, treated: BoolArray
) -> tuple[Decided, PolicyValue]:
    """Carry out decisions: rows to learn from, and the exact value of the contacts made."""
    knowledge = stage.knowledge
    contacts, tolerance = world.contacts(number), world.tolerance(number)
    plan = Plan.of(lots.person, number, lots.item)
    found = effects(knowledge, plan, tolerance[lots.person])
    earns = knowledge.shelf.price[found.item] - knowledge.shelf.cost[found.item]
    late = found.reach * found.gain * earns * (1 - won_within(WEEK, knowledge.world.truth))
    made = Plan.of(lots.person[treated], number, lots.item[treated])
    value = policy_value(knowledge, made, tolerance=tolerance[made.person])
    received = np.where(treated, lots.probability, 1 - lots.probability)
    week = world.deliver(number, Decisions.of(lots.person, lots.item, 0, treated, received))
    outcomes = world.outcomes(number)
    sold, others = _ordered(stage, world, number, lots.person, lots.item)
    row = Decided(
        person=lots.person,
        moment=np.full(len(lots.person), number),
        features=row_features(stage.views[number], contacts, lots.person, lots.place),
        treated=treated,
        probability=lots.probability,
        chosen=lots.chosen,
        sold=sold.astype(np.float64),
        others=others.astype(np.float64),
        worth=(knowledge.shelf.price - knowledge.shelf.cost)[lots.item],
        margin=outcomes.margin[lots.person],
        cost=week.cost,
        effect=found.margin - late,
        price=found.cost,
    )
    return row, value


def _ordered(
    stage: Stage, world: World, number: int, person: IntArray, item: IntArray
) -> tuple[BoolArray, BoolArray]:
    """Whether each person ordered the item, and anything else, in the week after a decision; shapes (n,)."""
    n_items = len(stage.knowledge.shelf.price)
    buyer, bought = stage.orders[number]
    kept = ~world.lost[number][buyer]
    winner, won = world.won_in_week(number)
    pairs = np.unique(
        np.concatenate([buyer[kept] * n_items + bought[kept], winner * n_items + won])
    )
    sold = np.isin(person * n_items + item, pairs)
    items = np.bincount(pairs // n_items, minlength=stage.knowledge.n_persons)
    return sold, items[person] > sold
