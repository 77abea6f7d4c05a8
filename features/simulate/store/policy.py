"""What any policy is worth in a made-up store, exactly: expected values over the auction and over people's responses.

    knowledge = know(store, world)                       # features.simulate.store.knowledge: once per store and seed
    plan = Plan.of(person, moment, item, arm)            # numpy arrays; item may be (n,) or (n, places)
    policy_value(knowledge, plan)                        # contacts, orders, revenue, margin, cost, profit, harmed
    effects(knowledge, plan, tolerance).margin           # the same row by row, shape (n,)
    oracle(knowledge, 3, budget=40.0, contacts=...)      # the Plan of one decision that nobody can beat

Nothing here is drawn: values are means over the draws that `features.simulate.store.world` makes, given what people do by
themselves. Fatigue is exact too: with chance f(1 - r) a contact of chance f and reach r tires nobody, so what a plan leaves
of the effect of a later contact is the product of 1 - fatigue x f x r over the contacts of the 28 days before.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.arrays import BoolArray, FloatArray, IntArray
from features.histories.histories import NO_CODE
from features.simulate.store import truth
from features.simulate.store.auction import expected_cost, reach
from features.simulate.store.knowledge import Knowledge

FATIGUE_DAYS: Final = 28
"""Days for which a contact is remembered."""


class Plan(NamedTuple):
    """Contacts, one row each; at most one per person and decision.

    Attributes:
        person: shape (n,), number of the person.
        moment: shape (n,), number of the decision.
        items: shape (n, places), item codes, the first place first, -1 = none.
        arm: shape (n,), position in `TruthConfig.arms`.
        chance: shape (n,), probability of the contact, drawn by itself; 1 = certain.
    """

    person: IntArray
    moment: IntArray
    items: IntArray
    arm: IntArray
    chance: FloatArray

    @classmethod
    def of(
        cls,
        person: npt.ArrayLike,
        moment: npt.ArrayLike,
        items: npt.ArrayLike,
        arm: npt.ArrayLike = 0,
        chance: npt.ArrayLike = 1.0,
    ) -> Plan:
        """A plan from arrays; `moment`, `arm` and `chance` may be one number for all rows, `items` one per row."""
        who = np.asarray(person, np.int64)
        shown = np.asarray(items, np.int64)
        return cls(
            who,
            np.broadcast_to(np.asarray(moment, np.int64), who.shape),
            shown[:, None] if shown.ndim == 1 else shown,
            np.broadcast_to(np.asarray(arm, np.int64), who.shape),
            np.broadcast_to(np.asarray(chance, np.float64), who.shape),
        )

    def only(self, rows: IntArray) -> Plan:
        """These rows."""
        return Plan(
            self.person[rows],
            self.moment[rows],
            self.items[rows],
            self.arm[rows],
            self.chance[rows],
        )


class Effects(NamedTuple):
    """What each contact of a plan is expected to change if it is made, shape (n,) each.

    Attributes:
        gain: chance that, if it reaches, an order is won.
        loss: chance that, if it reaches, the orders of the week are lost.
        reach: chance that it reaches.
        orders: expected change of orders kept, of which `truth.won_within(7)` of those won fall in the week.
        conversion: expected change of having an order in the week.
        revenue, margin: expected change, money.
        cost: expected money for impressions.
        visits: expected further visits.
        item: what would be ordered, item code.
        harmful: the contact can only lose orders.
    """

    gain: FloatArray
    loss: FloatArray
    reach: FloatArray
    orders: FloatArray
    conversion: FloatArray
    revenue: FloatArray
    margin: FloatArray
    cost: FloatArray
    visits: FloatArray
    item: IntArray
    harmful: BoolArray


class PolicyValue(NamedTuple):
    """Expected totals of a plan.

    Attributes:
        contacts: how many.
        orders, revenue, margin: incremental.
        cost: money for impressions.
        harmed_contacts: contacts that can only lose orders.
    """

    contacts: float
    orders: float
    revenue: float
    margin: float
    cost: float
    harmed_contacts: float

    @property
    def profit(self) -> float:
        """Incremental margin less cost."""
        return self.margin - self.cost


def policy_value(
    knowledge: Knowledge, plan: Plan, *, tolerance: FloatArray | None = None
) -> PolicyValue:
    """The exact expected value of a plan.

    Args:
        knowledge: of the store.
        plan: contacts of any decisions.
        tolerance: shape (n,), what earlier contacts have left of each row's effect (`truth.tolerance_after` of those that
            reached); None = there were none but the plan's own, whose fatigue is taken into account.
    """
    left = planned_tolerance(knowledge, plan) if tolerance is None else tolerance
    found = effects(knowledge, plan, left)
    return PolicyValue(
        contacts=float(plan.chance.sum()),
        **{
            name: float(plan.chance @ getattr(found, name))
            for name in ("orders", "revenue", "margin", "cost")
        },
        harmed_contacts=float(plan.chance @ found.harmful),
    )


def effects(knowledge: Knowledge, plan: Plan, tolerance: FloatArray) -> Effects:
    """What each contact is expected to change if it is made, given what earlier ones have left of its effect.

    Args:
        knowledge: of the store.
        plan: n contacts; `chance` is not looked at.
        tolerance: shape (n,), in [0, 1].

    Invariants: a row's effects do not depend on the other rows.
    """
    config, shelf = knowledge.world.truth, knowledge.shelf
    kinds = knowledge.kinds[plan.person]
    hours = knowledge.cart_hours(plan.moment, plan.person)
    item, counted = _shown(knowledge, plan)
    gain = truth.gain_of_contact(
        kinds,
        hours,
        counted,
        tolerance,
        plan.arm,
        shelf.price[item],
        ordinary_price=knowledge.store.shelf.median_price,
        config=config,
    )
    loss = truth.loss_of_contact(kinds, hours, config)
    reached = reach(knowledge.places[plan.person], knowledge.world.auction)
    orders, revenue, margin = (each[plan.moment, plan.person] for each in knowledge.organic)
    in_week = gain * truth.won_within(7, config)
    return Effects(
        gain=gain,
        loss=loss,
        reach=reached,
        orders=reached * (gain - loss * orders),
        conversion=reached * np.where(orders > 0, -loss, in_week),
        revenue=reached * (gain * shelf.price[item] - loss * revenue),
        margin=reached * (gain * (shelf.price[item] - shelf.cost[item]) - loss * margin),
        cost=expected_cost(knowledge.places[plan.person], knowledge.world.auction),
        visits=reached * truth.visit_gain_of_contact(kinds, config),
        item=item,
        harmful=loss > 0,
    )


def planned_tolerance(knowledge: Knowledge, plan: Plan) -> FloatArray:
    """What the plan's own earlier contacts leave of the effect of each, expected over chance and auction; shape (n,)."""
    tired = np.zeros((knowledge.n_moments, knowledge.n_persons))
    reached = reach(knowledge.places[plan.person], knowledge.world.auction)
    tired[plan.moment, plan.person] = knowledge.world.truth.fatigue * plan.chance * reached
    days = knowledge.days
    left = np.ones_like(tired)
    for moment in range(knowledge.n_moments):
        recent = (days < days[moment]) & (days >= days[moment] - FATIGUE_DAYS)
        left[moment] = np.prod(1.0 - tired[recent], axis=0)
    found: FloatArray = left[plan.moment, plan.person]
    return found


def oracle(
    knowledge: Knowledge, moment: int, *, budget: float, tolerance: FloatArray | None = None
) -> Plan:
    """Whom to contact with what at one decision, by the truth: most profit for the money, and nobody at a loss.

    Best for this decision; that a contact tires for later ones is not weighed.

    Args:
        knowledge: of the store.
        moment: number of the decision.
        budget: expected money to spend at most.
        tolerance: shape (n_persons,), what earlier contacts have left of the effect; None = there were none.
    """
    left = np.ones(knowledge.n_persons) if tolerance is None else tolerance
    best = best_contacts(knowledge, moment)
    found = effects(knowledge, best, left)
    return best_affordable(best, found.margin, found.cost, budget=budget)


def best_contacts(knowledge: Knowledge, moment: int) -> Plan:
    """The best item and arm for everybody at one decision, by the truth."""
    everybody = np.arange(knowledge.n_persons)
    options = [
        Plan.of(everybody, moment, items, arm)
        for arm, of in enumerate(knowledge.world.truth.arms)
        for items in (
            _candidates(knowledge, moment).T if of.dynamic else [np.full(len(everybody), NO_CODE)]
        )
    ]
    fresh = np.ones(knowledge.n_persons)
    margins = np.stack([effects(knowledge, option, fresh).margin for option in options])
    best = margins.argmax(axis=0)
    items = np.stack([option.items[:, 0] for option in options])[best, everybody]
    arms = np.stack([option.arm for option in options])[best, everybody]
    return Plan.of(everybody, moment, items, arms)


def best_affordable(plan: Plan, margin: FloatArray, cost: FloatArray, *, budget: float) -> Plan:
    """The rows of a plan that earn most per money within a budget; none whose margin is not above its cost.

    Args:
        plan: n possible contacts.
        margin: shape (n,), expected money won by each.
        cost: shape (n,), expected money spent on each, > 0.
        budget: of the sum of costs.
    """
    order = np.argsort(-margin / cost, kind="stable")
    worth = margin[order] > cost[order]
    within = np.cumsum(np.where(worth, cost[order], 0.0)) <= budget
    chosen = np.sort(order[worth & within])
    return plan.only(chosen)


def _candidates(knowledge: Knowledge, moment: int) -> IntArray:
    """Items worth showing to each, shape (n, tastes + 2): what is wanted, and of each liked category the item that earns
    most; what is not in stock earns nothing.
    """
    shelf, minds = knowledge.shelf, knowledge.minds
    config, ordinary = knowledge.world.truth, knowledge.store.shelf.median_price
    earns = truth.price_factor(shelf.price, ordinary, config) * (shelf.price - shelf.cost)
    earns = np.where(shelf.in_stock(int(knowledge.days[moment])), earns, -1.0)
    best = np.array(
        [
            first + earns[first:last].argmax()
            for first, last in zip(shelf.first, shelf.first[1:], strict=False)
        ]
    )
    return np.column_stack(
        [
            minds.cart_item[moment],
            minds.due_item[moment],
            best[minds.tastes[moment].astype(np.int64)],
        ]
    )


def _shown(knowledge: Knowledge, plan: Plan) -> tuple[IntArray, FloatArray]:
    """What each contact would sell, and how much what is shown counts; shapes (n,)."""
    config = knowledge.world.truth
    item = np.zeros(len(plan.person), np.int64)
    counted = np.zeros(len(plan.person))
    dynamic = np.array([arm.dynamic for arm in config.arms])[plan.arm]
    for moment in np.unique(plan.moment):
        rows = plan.moment == moment
        minds, person, shown = knowledge.minds, plan.person[rows], plan.items[rows]
        tastes = minds.tastes[moment, person]
        good = truth.relevance(
            shown,
            tastes=tastes,
            cart_item=minds.cart_item[moment, person],
            due_item=minds.due_item[moment, person],
            category=knowledge.shelf.category,
            stocked=knowledge.shelf.in_stock(int(knowledge.days[moment])),
            config=config,
        )
        place, best = truth.best_place(good, config)
        usual = truth.ordinary_item(tastes, knowledge.shelf)
        own = shown[np.arange(len(person)), place]
        item[rows] = np.where(dynamic[rows] & (own != NO_CODE), own, usual)
        counted[rows] = np.where(dynamic[rows], best, config.generic_relevance)
    return item, counted
