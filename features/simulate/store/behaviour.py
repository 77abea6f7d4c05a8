"""What the people of a made-up store do, visit by visit: look, take up, order, send back.

A person's day has a Poisson number of visits, more at the weekend and when something bought before is due again. A visit
looks at items of liked categories by popularity, or again at items known already; what is in stock may go into the cart,
which is kept for two weeks; a cart may be taken to the checkout, and a checkout may end in an order, at once or later.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np

from features.arrays import FloatArray, IntArray
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE
from features.kernels import helper
from features.simulate.store.actions import Actions, note
from features.simulate.store.config import PeopleConfig
from features.simulate.store.draws import (
    State,
    below,
    exponential,
    geometric,
    poisson,
    start,
    uniform,
)
from features.simulate.store.mind import (
    CART_DAY,
    CART_DAYS,
    CART_TIME,
    IN_CART,
    KNOWN,
    ORDERS,
    ROOM,
    Mind,
    Minds,
    first_due,
    in_cart,
    keep_in_mind,
    need_again,
    remember,
)
from features.simulate.store.people import People
from features.simulate.store.shelf import NEVER, Shelf
from features.tables import EVENT_NAMES

_PAGE: Final = EVENT_NAMES.index("page_view")
_VIEW: Final = EVENT_NAMES.index("view")
_CART: Final = EVENT_NAMES.index("cart_add")
_CHECKOUT: Final = EVENT_NAMES.index("checkout")
_ORDER: Final = EVENT_NAMES.index("purchase")
_REFUND: Final = EVENT_NAMES.index("refund")

_SECOND: Final = 1_000_000
_PAUSE: Final = 40.0 * _SECOND  # mean time between two actions
_MOST_VISITS: Final = 12  # of one day
_NEED: Final = 0.1  # further visits per day while something is due
_NEED_VIEW: Final = 0.5  # chance that a view goes to what is due
_NEED_CART: Final = 0.6  # chance to take it up then
_NEXT_TASTE: Final = 0.5  # chance to go on to the next liked category
_TRIES: Final = 20  # to come upon an item that is there
_REFUND_DAYS: Final = 10
_WEEKDAYS: Final = (0.9, 0.9, 0.95, 1.0, 1.05, 1.15, 1.05)
_HOURS: Final = (
    1, 1, 1, 1, 1, 2, 4, 7, 9, 9, 9, 10, 11, 10, 9, 9, 10, 11, 13, 15, 16, 13, 8, 4,
)  # fmt: skip

_WEEKDAY: Final = np.array(_WEEKDAYS) / np.mean(_WEEKDAYS)
_HOUR: Final = np.cumsum(_HOURS) / np.sum(_HOURS)


class _Rules(NamedTuple):
    """Chances and means of `PeopleConfig` for the kernel."""

    views: float
    repeat: float
    drift: float
    cart: float
    checkout: float
    order: float
    second_unit: float
    refund: float
    login: float


def live(
    people: People, shelf: Shelf, config: PeopleConfig, *, days: int, weekday: int, seed: int
) -> Actions:
    """Everything these people do, by person and then in the order of time, refunds after the order they undo.

    Args:
        people: who.
        shelf: what there is.
        config: chances.
        days: length of the simulation.
        weekday: of the first day, 0 = Monday.
        seed: of the draws.

    Invariants: what a person does depends on the person's number and the seed, not on who else is asked.
    """
    never = np.zeros(0, np.int64)
    return live_and_think(
        people, shelf, config, days=days, weekday=weekday, seed=seed, moments=never
    )[0]


def live_and_think(
    people: People,
    shelf: Shelf,
    config: PeopleConfig,
    *,
    days: int,
    weekday: int,
    seed: int,
    moments: IntArray,
) -> tuple[Actions, Minds]:
    """As `live`, and what people have in mind when some days begin.

    Args:
        people: who.
        shelf: what there is.
        config: chances.
        days: length of the simulation.
        weekday: of the first day, 0 = Monday.
        seed: of the draws.
        moments: days, rising, each before `days`.

    Invariants: what people do does not depend on `moments`.
    """
    rules = _Rules(
        config.views_per_visit,
        config.repeat,
        config.drift_per_day,
        config.cart,
        config.checkout,
        config.order,
        config.second_unit,
        config.refund,
        config.login,
    )
    expected = people.visits_per_day.sum() * days * (config.views_per_visit + 2)
    room = int(1.5 * expected) + 1_000
    minds = Minds.empty(moments, persons=len(people.known), tastes=people.tastes.shape[1])
    while True:
        actions = Actions.empty(room)
        written = _live(people, shelf, rules, days, weekday, seed, _WEEKDAY, _HOUR, actions, minds)
        if written <= room:
            return actions.begin(written), minds
        room = written


@numba.njit(cache=True, nogil=True)
def _live(
    people: People,
    shelf: Shelf,
    rules: _Rules,
    days: int,
    weekday: int,
    seed: int,
    weekdays: FloatArray,
    hours: FloatArray,
    actions: Actions,
    minds: Minds,
) -> int:
    """Fill `actions` as far as there is room, and `minds`; returns how many actions there are."""
    state = np.empty(1, np.uint64)
    n_tastes = people.tastes.shape[1]
    mind = Mind(
        np.empty(n_tastes, np.int64),
        np.empty(ROOM, np.int64),
        np.empty(ROOM, np.int64),
        np.empty(ROOM, np.int64),
        np.empty(ROOM, np.int64),
        np.empty(6, np.int64),
    )
    when = np.empty(_MOST_VISITS)
    written = 0
    for row in range(people.visits_per_day.shape[0]):
        start(state, seed, people.first + row)
        mind.tastes[:] = people.tastes[row]
        mind.counts[:] = 0
        moment = 0
        for day in range(days):
            if moment < minds.day.shape[0] and minds.day[moment] == day:
                keep_in_mind(minds, moment, row, mind, day)
                moment += 1
            if uniform(state) < rules.drift:
                category = below(state, shelf.first.shape[0] - 1)
                mind.tastes[below(state, n_tastes)] = category
            rate = people.visits_per_day[row] * weekdays[(weekday + day) % 7]
            if first_due(mind, day) >= 0:
                rate += _NEED
            visits = min(poisson(state, rate), _MOST_VISITS)
            for visit in range(visits):
                when[visit] = _hour(state, hours)
            when[:visits].sort()
            for visit in range(visits):
                time = day * MICROSECONDS_PER_DAY + int(when[visit] * MICROSECONDS_PER_DAY / 24)
                written = _visit(
                    state, people, row, shelf, rules, mind, day, days, time, actions, written
                )
    return written


@helper
def _visit(
    state: State,
    people: People,
    row: int,
    shelf: Shelf,
    rules: _Rules,
    mind: Mind,
    day: int,
    days: int,
    time: int,
    actions: Actions,
    written: int,
) -> int:
    counts = mind.counts
    person = people.first + row
    device = below(state, people.devices[row])
    logged_in = people.known[row] and uniform(state) < rules.login
    if day - counts[CART_DAY] > CART_DAYS:
        counts[IN_CART] = 0
    written = note(actions, written, person, time, _PAGE, NO_CODE, 0, -1, device, logged_in)
    for _ in range(geometric(state, rules.views)):
        time += 1 + int(exponential(state, _PAUSE))
        due = first_due(mind, day)
        needed = due >= 0 and uniform(state) < _NEED_VIEW
        item = mind.due[due] if needed else _look(state, shelf, rules, mind, day)
        written = note(actions, written, person, time, _VIEW, item, 0, -1, device, logged_in)
        remember(mind, state, item)
        chance = _NEED_CART if needed else rules.cart * people.appetite[row]
        if (
            uniform(state) < chance
            and _in_stock(shelf, item, day)
            and counts[IN_CART] < ROOM
            and not in_cart(mind, item)
        ):
            time += 1 + int(exponential(state, _PAUSE))
            written = note(actions, written, person, time, _CART, item, 1, -1, device, logged_in)
            mind.cart[counts[IN_CART]] = item
            counts[IN_CART] += 1
            counts[CART_DAY] = day
            counts[CART_TIME] = time
    if counts[IN_CART] == 0 or uniform(state) >= rules.checkout:
        return written
    logged_in = people.known[row]
    time += 1 + int(exponential(state, _PAUSE))
    written = note(actions, written, person, time, _CHECKOUT, NO_CODE, 0, -1, device, logged_in)
    if uniform(state) >= rules.order:
        return written
    time += 1 + int(exponential(state, _PAUSE))
    return int(
        _order(
            state, shelf, rules, mind, day, days, time, actions, written, person, device, logged_in
        )
    )


@helper
def _order(
    state: State,
    shelf: Shelf,
    rules: _Rules,
    mind: Mind,
    day: int,
    days: int,
    time: int,
    actions: Actions,
    written: int,
    person: int,
    device: int,
    logged_in: bool,
) -> int:
    """Order what of the cart is in stock, and perhaps send it back."""
    counts = mind.counts
    begun = written
    for place in range(counts[IN_CART]):
        item = mind.cart[place]
        if _in_stock(shelf, item, day):
            units = 2 if uniform(state) < rules.second_unit else 1
            written = note(
                actions, written, person, time, _ORDER, item, units, counts[ORDERS], device,
                logged_in,
            )  # fmt: skip
            need_again(state, shelf, mind, item, day)
    counts[IN_CART] = 0
    if written == begun:
        return written
    if uniform(state) < rules.refund:
        back = time + MICROSECONDS_PER_DAY
        back += int(uniform(state) * (_REFUND_DAYS - 1) * MICROSECONDS_PER_DAY)
        if back < days * MICROSECONDS_PER_DAY and written <= actions.item.shape[0]:
            for place in range(begun, written):
                item, units = actions.item[place], actions.quantity[place]
                written = note(
                    actions, written, person, back, _REFUND, item, units, counts[ORDERS], device,
                    logged_in,
                )  # fmt: skip
    counts[ORDERS] += 1
    return written


@helper
def _hour(state: State, hours: FloatArray) -> float:
    """A time of day, in hours."""
    drawn = uniform(state)
    hour = 0
    while hours[hour] <= drawn and hour < hours.shape[0] - 1:
        hour += 1
    minute: float = uniform(state)
    return hour + minute


@helper
def _look(state: State, shelf: Shelf, rules: _Rules, mind: Mind, day: int) -> int:
    """The next item looked at: one known already, or one of a liked category by popularity."""
    if mind.counts[KNOWN] > 0 and uniform(state) < rules.repeat:
        return int(mind.known[below(state, mind.counts[KNOWN])])
    liked = 0
    while liked < mind.tastes.shape[0] - 1 and uniform(state) < _NEXT_TASTE:
        liked += 1
    category = mind.tastes[liked]
    for _ in range(_TRIES):
        item = _popular(shelf, category, uniform(state))
        gone = shelf.out_from[item] <= day and shelf.out_until[item] >= NEVER
        if shelf.launch[item] <= day and not gone:
            return int(item)
    return int(shelf.first[category])


@helper
def _popular(shelf: Shelf, category: int, drawn: float) -> int:
    """The item of a category at this share of its interest."""
    low, high = shelf.first[category], shelf.first[category + 1] - 1
    while low < high:
        middle = (low + high) // 2
        if shelf.popularity[middle] > drawn:
            high = middle
        else:
            low = middle + 1
    return int(low)


@helper
def _in_stock(shelf: Shelf, item: int, day: int) -> bool:
    gone = shelf.out_from[item] <= day < shelf.out_until[item]
    return shelf.launch[item] <= day and not gone
