"""A made-up store with advertising, week by week: decisions in, impressions, costs and orders out.

    world = World(know(store, config))
    for moment in range(world.n_moments):
        decided = Decisions.of(person, items, arm, treated, probability)     # from what was observable so far
        week = world.deliver(moment, decided)                                # impressions, cost, clicks, ghosts
        world.outcomes(moment).margin                                        # what everybody ordered in the week, shape (n,)

What people do by themselves never changes; a week of decisions adds orders and visits to it and takes orders away. Every
draw is fixed by the seed, the person's number and the decision's, so two policies are compared on the same luck.
`features.simulate.store.happenings` tells the same as events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import InputError
from features.histories.histories import MICROSECONDS_PER_DAY
from features.simulate.store import truth
from features.simulate.store.auction import hold_auctions
from features.simulate.store.draws import uniforms
from features.simulate.store.knowledge import WEEK, Knowledge, Organic
from features.simulate.store.policy import FATIGUE_DAYS, Effects, Plan, effects

_OPENS, _CLOSES = 8.0, 22.0  # hours between which orders are won


class Decisions(NamedTuple):
    """What was decided about n persons; the others are not part of it.

    Attributes:
        person: shape (n,), number, each at most once.
        items: shape (n, places), item codes, -1 = none.
        arm: shape (n,), position in `TruthConfig.arms`: how they are contacted, or would have been.
        treated: shape (n,), contacted; who is not is held out, and what would have been shown is a ghost.
        probability: shape (n,), in (0, 1], of being treated as they are.
    """

    person: IntArray
    items: IntArray
    arm: IntArray
    treated: BoolArray
    probability: FloatArray

    @classmethod
    def of(
        cls,
        person: npt.ArrayLike,
        items: npt.ArrayLike,
        arm: npt.ArrayLike = 0,
        treated: npt.ArrayLike = True,
        probability: npt.ArrayLike = 1.0,
    ) -> Decisions:
        """Decisions from arrays, or one value for all; `items` has one row per person."""
        plan = Plan.of(person, 0, items, arm, probability)
        held = np.broadcast_to(np.asarray(treated, np.bool_), plan.person.shape)
        return cls(plan.person, plan.items, plan.arm, held, plan.chance)


class Won(NamedTuple):
    """Orders or visits that contacts brought, one row each.

    Attributes:
        person: number.
        moment: of the contact.
        time: microseconds since the store's first moment.
        item: that was shown, and ordered or looked at.
    """

    person: IntArray
    moment: IntArray
    time: IntArray
    item: IntArray


class Week(NamedTuple):
    """What became of the decisions of one week.

    Attributes:
        moment: number of the decision.
        decisions: n of them.
        impressions: shape (n,), of the held out: ghosts, which would have been shown.
        cost: shape (n,), money, 0 for the held out.
        clicks: shape (n,), 0 for the held out.
        orders, visits: that the contacts brought, then or later.
        lost: shape (n,), the contact cost the person the orders of the week, whether there were any or not.
        expected: what each contact is expected to change, made or not, given the contacts before.
    """

    moment: int
    decisions: Decisions
    impressions: IntArray
    cost: FloatArray
    clicks: IntArray
    orders: Won
    visits: Won
    lost: BoolArray
    expected: Effects

    @property
    def reached(self) -> BoolArray:
        """Who saw an ad, shape (n,)."""
        return self.decisions.treated & (self.impressions > 0)


class World:
    """A store and what has been done to its people so far.

    Attributes:
        knowledge: the truth; a policy under test does not look at it.
        weeks: what was delivered so far, in order.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.weeks: list[Week] = []
        shape = (knowledge.n_moments, knowledge.n_persons)
        self._reached = np.zeros(shape, np.bool_)
        self._lost = np.zeros(shape, np.bool_)

    @property
    def n_moments(self) -> int:
        return self.knowledge.n_moments

    @property
    def lost(self) -> BoolArray:
        """Whose orders of which week a contact cost, shape (n_moments, n_persons)."""
        return self._lost

    def contacts(self, moment: int) -> IntArray:
        """Contacts that reached each person in the 28 days before a decision, shape (n_persons,)."""
        days = self.knowledge.days
        recent = (days < days[moment]) & (days >= days[moment] - FATIGUE_DAYS)
        found: IntArray = self._reached[recent].sum(axis=0)
        return found

    def tolerance(self, moment: int) -> FloatArray:
        """What they have left of the effect of a contact now, shape (n_persons,)."""
        return truth.tolerance_after(self.contacts(moment), self.knowledge.world.truth)

    def deliver(self, moment: int, decisions: Decisions) -> Week:
        """Carry out the decisions of a week.

        Args:
            moment: number of the decision; each is taken once, in order.
            decisions: about anybody.

        Raises:
            InputError: the decision is not the next one, or a person is decided about twice.
        """
        _require_next(moment, len(self.weeks), self.n_moments)
        _require_once(decisions.person)
        known, seed = self.knowledge, self.knowledge.store.seed
        person, rows = decisions.person, np.full(len(decisions.person), moment)
        shown = hold_auctions(known.places[person], rows, person, known.world.auction, seed=seed)
        reached = decisions.treated & (shown.impressions > 0)
        plan = Plan.of(person, moment, decisions.items, decisions.arm)
        found = effects(known, plan, self.tolerance(moment)[person])
        brings = truth.visit_gain_of_contact(known.kinds[person], known.world.truth)
        won = reached & (uniforms(seed, truth.DRAW_WON, rows, person) < found.gain)
        came = reached & ~won & (uniforms(seed, truth.DRAW_VISIT, rows, person) < brings)
        lost = reached & (uniforms(seed, truth.DRAW_LOST, rows, person) < found.loss)
        self._reached[moment, person] = reached
        self._lost[moment, person] = lost
        week = Week(
            moment,
            decisions,
            shown.impressions,
            np.where(decisions.treated, shown.cost, 0.0),
            np.where(decisions.treated, shown.clicks, 0),
            orders=self._won(moment, person[won], found.item[won]),
            visits=self._won(moment, person[came], found.item[came]),
            lost=lost,
            expected=found,
        )
        self.weeks.append(week)
        return week

    def outcomes(self, moment: int) -> Organic:
        """What everybody ordered in the week after a decision as far as decided, refunds taken off; shapes (n_persons,)."""
        known = self.knowledge
        kept = ~self._lost[moment]
        person, item = self.won_in_week(moment)
        orders, revenue, margin = (each[moment] * kept for each in known.organic)
        np.add.at(orders, person, 1)
        np.add.at(revenue, person, known.shelf.price[item])
        np.add.at(margin, person, (known.shelf.price - known.shelf.cost)[item])
        return Organic(orders, revenue, margin)

    def won_in_week(self, moment: int) -> tuple[IntArray, IntArray]:
        """Persons and items of the orders that contacts so far won and that fall in the week after a decision."""
        begin = self.knowledge.days[moment] * MICROSECONDS_PER_DAY
        person, _, time, item = together([week.orders for week in self.weeks[: moment + 1]])
        inside = (time >= begin) & (time < begin + WEEK * MICROSECONDS_PER_DAY)
        return person[inside], item[inside]

    def branch(self) -> World:
        """A world with the same past, whose future is its own."""
        other = World(self.knowledge)
        other.weeks = list(self.weeks)
        other._reached, other._lost = self._reached.copy(), self._lost.copy()
        return other

    def _won(self, moment: int, person: IntArray, item: IntArray) -> Won:
        known, rows = self.knowledge, np.full(len(person), moment)
        draw = uniforms(known.store.seed, truth.DRAW_DAY, rows, person)
        hour = uniforms(known.store.seed, truth.DRAW_HOUR, rows, person)
        day = known.days[moment] + truth.day_of_order(draw, known.world.truth)
        hours = 24 * day + _OPENS + (_CLOSES - _OPENS) * hour
        return Won(person, rows, (hours * (MICROSECONDS_PER_DAY / 24)).astype(np.int64), item)


def together(parts: Sequence[Won]) -> Won:
    """The rows of all parts."""
    nothing = Won(*[np.zeros(0, np.int64)] * len(Won._fields))
    return Won(*(np.concatenate(columns) for columns in zip(nothing, *parts, strict=True)))


def _require_next(moment: int, done: int, n_moments: int) -> None:
    if moment != done or moment >= n_moments:
        raise InputError(
            f"decision {moment}",
            f"{done} of {n_moments} decisions are taken",
            rule="decisions are taken in order, each once",
            next_step=f"Take decision {done}." if done < n_moments else "Begin a new world.",
        )


def _require_once(person: IntArray) -> None:
    if len(np.unique(person)) < len(person):
        raise InputError(
            "decisions",
            f"{len(person) - len(np.unique(person))} persons are decided about twice",
            rule="at most one decision per person and week",
            next_step="Keep one row per person.",
        )
