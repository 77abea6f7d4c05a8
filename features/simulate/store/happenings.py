"""What happens in a made-up store with advertising, as actions: what people do by themselves, less orders lost, plus orders won."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import BoolArray, IntArray
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE, Histories
from features.simulate.store.actions import Actions
from features.simulate.store.knowledge import WEEK
from features.simulate.store.memory import histories_of
from features.simulate.store.people import People
from features.simulate.store.world import Week, Won, World, together
from features.tables import EVENT_NAMES

_PAGE, _VIEW, _CART, _CHECKOUT, _ORDER = (
    EVENT_NAMES.index(name) for name in ("page_view", "view", "cart_add", "checkout", "purchase")
)
_STEPS: Final = (_PAGE, _VIEW, _CART, _CHECKOUT, _ORDER)
_LOOK: Final = 2  # the steps of a visit that brings no order
_PAUSE: Final = 45_000_000  # between two steps
FIRST_WON: Final = 1_000_000
"""Number of a person's order that the first decision won; the others follow. By themselves nobody has so many."""


def weeks_of_orders(actions: Actions, days: IntArray) -> IntArray:
    """The decision in whose week the order of each row was made, shape (n,); -1 = in none, or the row is of no order.

    Args:
        actions: by person, as people do them by themselves.
        days: of the decisions, rising.
    """
    most = int(actions.order.max(initial=0)) + 1
    key = np.where(actions.order >= 0, actions.person * most + actions.order, -1)
    lines = np.flatnonzero(actions.name == _ORDER)
    ordered, first = np.unique(key[lines], return_index=True)
    found = np.full(len(key), -1)
    rows = np.flatnonzero(key >= 0)
    made = actions.time[lines[first[np.searchsorted(ordered, key[rows])]]] // MICROSECONDS_PER_DAY
    week = np.searchsorted(days, made, side="right") - 1
    found[rows] = np.where((week >= 0) & (made < days[week] + WEEK), week, -1)
    return found


def kept(actions: Actions, week: IntArray, world: World) -> BoolArray:
    """Which rows happened: all but those of orders that a contact cost, shape (n,).

    Args:
        actions: as for `weeks_of_orders`.
        week: what it returned.
        world: with its decisions so far.
    """
    happened: BoolArray = ~((week >= 0) & world.lost[week, actions.person])
    return happened


def added(weeks: list[Week], people: People) -> Actions:
    """The visits and orders that contacts brought, by person and time.

    Args:
        weeks: delivered.
        people: only of these.
    """
    orders = together([week.orders for week in weeks])
    visits = together([week.visits for week in weeks])
    brought = _brought(orders, len(_STEPS)).and_then(_brought(visits, _LOOK))
    row = brought.person - people.first
    mine = brought.only(np.flatnonzero((row >= 0) & (row < len(people.known))))
    mine.logged_in[:] = people.known[mine.person - people.first]
    return mine.only(np.lexsort((mine.time, mine.person)))


def histories_before(
    world: World, people: People, actions: Actions, week: IntArray, *, day: int
) -> Histories:
    """What could be known when a day begins, in memory: every event before it.

    Args:
        world: with its decisions so far.
        people: everybody.
        actions: of everybody, as they do them by themselves.
        week: `weeks_of_orders` of these.
        day: counted from the store's first.
    """
    end = day * MICROSECONDS_PER_DAY
    brought = added(world.weeks, people)
    own = actions.only(np.flatnonzero(kept(actions, week, world) & (actions.time < end)))
    both = own.and_then(brought.only(np.flatnonzero(brought.time < end)))
    return histories_of(both, world.knowledge.shelf, world.knowledge.store)


def _brought(won: Won, steps: int) -> Actions:
    n = len(won.person)
    step = np.tile(np.arange(steps), n)
    name = np.array(_STEPS, np.int8)[step]
    of_item = np.isin(name, (_VIEW, _CART, _ORDER))
    number = FIRST_WON + np.repeat(won.moment, steps)
    return Actions(
        person=np.repeat(won.person, steps),
        time=np.repeat(won.time, steps) + step * _PAUSE,
        name=name,
        item=np.where(of_item, np.repeat(won.item, steps), NO_CODE).astype(np.int32),
        quantity=np.isin(name, (_CART, _ORDER)).astype(np.int8),
        order=np.where(name == _ORDER, number, -1).astype(np.int32),
        device=np.zeros(n * steps, np.int8),
        logged_in=np.zeros(n * steps, np.bool_),
    )
