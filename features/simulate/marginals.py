"""How people shop, in a few figures that any history has: to hold a made-up store beside real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import CodeArray, FloatArray, IntArray
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE, Histories
from features.tables import EVENT_NAMES

_VIEW, _CART, _ORDER = (EVENT_NAMES.index(name) for name in ("view", "cart_add", "purchase"))
_QUARTERS: Final = (25, 50, 75)
_TOP: Final = (0.01, 0.1)


@dataclass(frozen=True)
class Marginals:
    """Figures of all events of a history; NaN where there is nothing to count.

    Attributes:
        persons, events, days: with an event; how many; from the first to the last.
        carts_per_view, lines_per_cart: cart additions per view, bought lines per cart addition.
        viewers_with_cart: share of the persons with a view who put something into the cart.
        carters_with_order: share of the persons with something in the cart who ordered.
        lines_per_order: mean of different lines per order.
        orders_of_one: share of the orders with one line.
        buyers_who_return: share of the buyers with a second order.
        gap_quartiles: days between two orders of one person on different days: quartiles.
        view_shares, order_shares: share of all views, and of all lines bought, that go to the most viewed and most bought
            1 % and 10 % of the items that have any.
    """

    persons: int
    events: int
    days: float
    carts_per_view: float
    lines_per_cart: float
    viewers_with_cart: float
    carters_with_order: float
    lines_per_order: float
    orders_of_one: float
    buyers_who_return: float
    gap_quartiles: tuple[float, float, float]
    view_shares: tuple[float, float]
    order_shares: tuple[float, float]


def marginals(histories: Histories) -> Marginals:
    """The figures of a history; a line without transaction id is an order of its own."""
    persons = np.repeat(np.arange(histories.n_persons), np.diff(histories.offsets))
    view, cart, bought = (histories.event == name for name in (_VIEW, _CART, _ORDER))
    viewers, carters, buyers = (np.unique(persons[stage]) for stage in (view, cart, bought))
    person, lines, day = _orders(histories, persons)
    gap = np.diff(day)[(np.diff(person) == 0) & (np.diff(day) > 0)]
    quartiles = np.percentile(gap, _QUARTERS) if len(gap) else np.full(len(_QUARTERS), np.nan)
    low, median, high = (float(each) for each in quartiles)
    return Marginals(
        persons=len(np.unique(persons)),
        events=len(histories.time),
        days=float(np.ptp(histories.time)) / MICROSECONDS_PER_DAY if len(histories.time) else 0.0,
        carts_per_view=_share(cart.sum(), view.sum()),
        lines_per_cart=_share(bought.sum(), cart.sum()),
        viewers_with_cart=_share(np.isin(viewers, carters).sum(), len(viewers)),
        carters_with_order=_share(np.isin(carters, buyers).sum(), len(carters)),
        lines_per_order=_share(lines.sum(), len(lines)),
        orders_of_one=_share((lines == 1).sum(), len(lines)),
        buyers_who_return=_share((np.unique(person, return_counts=True)[1] > 1).sum(), len(buyers)),
        gap_quartiles=(low, median, high),
        view_shares=_tail(histories.item[view]),
        order_shares=_tail(histories.item[bought]),
    )


def _orders(histories: Histories, persons: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Person, lines and day of each order, by person and time."""
    bought = np.flatnonzero(histories.event == _ORDER)
    person, number = persons[bought], histories.transaction[bought]
    day = histories.time[bought] // MICROSECONDS_PER_DAY
    same = (np.diff(person) == 0) & (np.diff(number) == 0) & (number[1:] != NO_CODE)
    first = np.flatnonzero(np.append(True, ~same)) if len(bought) else bought
    lines = np.diff(np.append(first, len(bought)))
    return person[first], lines, day[first]


def _tail(item: CodeArray) -> tuple[float, float]:
    """Share of the events that the most frequent items have; at least one item counts as the top."""
    counts: FloatArray = np.sort(np.bincount(item[item != NO_CODE]).astype(np.float64))[::-1]
    counts = counts[counts > 0]
    top, wide = (
        _share(counts[: max(1, round(part * len(counts)))].sum(), counts.sum()) for part in _TOP
    )
    return top, wide


def _share(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else float("nan")
