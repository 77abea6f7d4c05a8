"""One policy in one store: a pilot, then week by week decide, deliver, observe, and learn again."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.histories.histories import NO_CODE
from features.simulate.store.knowledge import WEEK
from features.simulate.store.policy import Plan, PolicyValue, effects, policy_value
from features.simulate.store.truth import won_within
from features.simulate.store.world import Decisions, World
from serving.allocate import Offers, allocate
from serving.proof.decided import Decided
from serving.proof.policies import LEARN_UPLIFT, NOBODY, ORACLE, UPLIFT_ONLY, Moment, Wanted, wanted
from serving.proof.stage import Stage
from serving.proof.uplift import Earnings, row_features


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


def run_season(stage: Stage, policy: str) -> Season:
    """Run a policy through the weeks of a store."""
    world = World(stage.knowledge)
    design = stage.config.design
    parts: list[Decided] = []
    weeks = []
    earnings: Earnings | None = None
    for number in range(stage.knowledge.n_moments):
        week = number - design.pilot_weeks
        if policy in LEARN_UPLIFT and week >= 0 and week % stage.config.learning.every_weeks == 0:
            earnings = Earnings.learn(
                Decided.together(parts),
                stage.config.learning.uplift,
                with_items=policy != UPLIFT_ONLY,
            )
        lots, treated = _decide(stage, world, policy, number, earnings)
        row, value = _deliver(stage, world, number, lots, treated)
        parts.append(row)
        if week >= 0:
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
    rng = np.random.default_rng([stage.seed, number])
    lot, drawn, random = rng.random((3, n))
    items = stage.views[number].sight.items
    place = _any_place(items, rng)
    if number < design.pilot_weeks:
        lots = _by_lot(eligible & (place >= 0), items, place, design.pilot_share)
    elif policy == NOBODY:
        lots = _by_lot(np.zeros(n, np.bool_), items, place, design.pilot_share)
    else:
        explore = 0.0 if policy == ORACLE else design.explore_share
        explored = _by_lot(
            eligible & (drawn < explore) & (place >= 0), items, place, design.explored_share
        )
        moment = Moment(
            stage, number, contacts, world.tolerance(number), eligible, random, earnings
        )
        paid = design.budget_share - explore * design.explored_share
        budget = paid * float(eligible.sum()) / (1 - design.holdout_share)
        own = _chosen(wanted(policy, moment), moment, among=drawn >= explore, budget=budget)
        lots = _Lots(
            *(
                np.concatenate([getattr(part, f.name) for part in (explored, own)])
                for f in fields(own)
            )
        )
    return lots, lot[lots.person] < lots.probability


def _by_lot(who: BoolArray, items: IntArray, place: IntArray, share: float) -> _Lots:
    person = np.flatnonzero(who)
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


def _any_place(items: IntArray, rng: np.random.Generator) -> IntArray:
    """A candidate at random, shape (n,), -1 = there is none."""
    draw = np.where(items == NO_CODE, -1.0, rng.random(items.shape))
    return np.where(draw.max(axis=1) < 0, -1, draw.argmax(axis=1))


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
    row = Decided(
        person=lots.person,
        moment=np.full(len(lots.person), number),
        features=row_features(stage.views[number], contacts, lots.person, lots.place),
        treated=treated,
        probability=lots.probability,
        chosen=lots.chosen,
        ordered=(outcomes.orders[lots.person] > 0).astype(np.float64),
        worth=(knowledge.shelf.price - knowledge.shelf.cost)[lots.item],
        margin=outcomes.margin[lots.person],
        cost=week.cost,
        effect=found.margin - late,
        price=found.cost,
    )
    return row, value
