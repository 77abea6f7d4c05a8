"""Whom each policy would contact, and with which item: a score per person, a place per person, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.histories.histories import NO_CODE
from features.simulate.store.policy import best_contacts, effects
from serving.proof.sight import CART, LAST_VIEWED, LIKED, or_best_seller
from serving.proof.stage import Stage, View
from serving.proof.uplift import Earnings, row_features

NOBODY: Final = "nobody"
ORACLE: Final = "oracle"
OURS: Final = "ours"
PROPENSITY: Final = "propensity"
RELEVANCE_ONLY: Final = "ours without uplift"
UPLIFT_ONLY: Final = "ours without relevance"

LEARN_UPLIFT: Final = (UPLIFT_ONLY, OURS)
_ABANDONED_DAYS: Final = 7.0
_HOURS: Final = 24.0


class Wanted(NamedTuple):
    """What a policy wants of everybody.

    Attributes:
        value: shape (n,), higher = contact first; money where `in_money`; NaN = never.
        items: shape (n,), item codes to show, -1 = nothing, so no contact.
        place: shape (n,), place of the item among the candidates; of no meaning to the oracle.
    """

    value: FloatArray
    items: IntArray
    place: IntArray


@dataclass(frozen=True, eq=False)
class Moment:
    """A decision as a policy finds it.

    Attributes:
        stage: the store.
        number: of the decision.
        contacts: shape (n,), that reached in the 28 days before.
        tolerance: shape (n,), for the oracle alone.
        eligible: shape (n,).
        random: shape (n,), in [0, 1), drawn anew for each decision.
        earnings: what was learned of uplift; None where nothing is.
    """

    stage: Stage
    number: int
    contacts: IntArray
    tolerance: FloatArray
    eligible: BoolArray
    random: FloatArray
    earnings: Earnings | None

    @property
    def view(self) -> View:
        """What is known."""
        return self.stage.views[self.number]

    def learned(self) -> Earnings:
        """What was learned of uplift.

        Raises:
            ValueError: nothing was.
        """
        if self.earnings is None:
            raise ValueError("the policy needs an uplift model")
        return self.earnings


def wanted(policy: str, moment: Moment) -> Wanted:
    """What a policy wants; only the oracle looks at the truth."""
    return _POLICIES[policy](moment)


def _everybody(moment: Moment) -> Wanted:
    """Everybody once in as many weeks as the budget needs, with the item that most would like."""
    weeks = round(1 / moment.stage.config.design.budget_share)
    number = np.arange(len(moment.random))
    turn = (number + moment.number) % weeks == 0
    return _popular(moment, turn + moment.random)


def _anybody(moment: Moment) -> Wanted:
    return _popular(moment, moment.random)


def _abandoners(moment: Moment) -> Wanted:
    """Whoever left something in the cart within a week, the latest first, with the item viewed last."""
    hours = moment.view.sight.column("cart_hours")
    left = hours <= _HOURS * _ABANDONED_DAYS
    return _of(moment, np.where(left, -hours, np.nan), np.full(len(hours), LAST_VIEWED))


def _buyers_by_rfm(moment: Moment) -> Wanted:
    return _of(moment, _rfm(moment), np.full(len(moment.random), LAST_VIEWED))


def _likeliest_buyers(moment: Moment) -> Wanted:
    return _of(moment, moment.view.order, moment.view.relevant)


def _best_matches(moment: Moment) -> Wanted:
    """Whoever is likeliest to take up what they want most, with that item."""
    view = moment.view
    return _of(moment, np.where(_too_early(moment), np.nan, view.uptake), view.relevant)


def _of(moment: Moment, value: FloatArray, place: IntArray) -> Wanted:
    items = moment.view.sight.items
    spare = or_best_seller(moment.view.sight, place)
    return Wanted(value, items[np.arange(len(items)), spare], spare)


def _too_early(moment: Moment) -> BoolArray:
    """Whose cart is too fresh for `ours`."""
    hours = moment.view.sight.column("cart_hours")
    fresh: BoolArray = hours < moment.stage.config.timing.start_hours
    return fresh


def _popular(moment: Moment, value: FloatArray) -> Wanted:
    """The same item for everybody: the one that most have as best seller of what they like."""
    items = moment.view.sight.items
    liked = items.shape[1] - LIKED
    best = np.bincount(items[items[:, liked] != NO_CODE, liked]).argmax()
    return Wanted(value, np.full(len(items), best), np.full(len(items), liked))


def _rfm(moment: Moment) -> FloatArray:
    """Sum of the fifths of recency, frequency and money among buyers; the others come after them."""
    sight = moment.view.sight
    recency = sight.column("recency_days")
    bought = ~np.isnan(recency)
    value = np.zeros(len(recency))
    for column in (-recency, sight.column("orders_91d"), sight.column("spend_91d")):
        rank = np.searchsorted(np.sort(column[bought]), column[bought], side="right")
        value[bought] += np.ceil(5 * rank / max(bought.sum(), 1))
    return value + moment.random / 2


def _uplift_only(moment: Moment) -> Wanted:
    found = _popular(moment, np.zeros(len(moment.random)))
    expected = _expected(moment, found.place, found.items)
    return found._replace(value=expected)


def _ours(moment: Moment) -> Wanted:
    """What each person wants most, to whom it is expected to earn most, if it earns more than it costs."""
    place = moment.view.relevant
    found = _of(moment, np.zeros(len(place)), place)
    return found._replace(value=_expected(moment, found.place, found.items))


def _expected(moment: Moment, place: IntArray, items: IntArray) -> FloatArray:
    shelf = moment.stage.knowledge.shelf
    view = moment.view
    found = np.full(len(place), np.nan)
    rows = np.flatnonzero(moment.eligible & ~_too_early(moment))
    features = row_features(view, moment.contacts, rows, place[rows])
    worth = (shelf.price - shelf.cost)[items[rows]]
    found[rows] = moment.learned().expected(features, worth, view.order[rows])
    return found


def _oracle(moment: Moment) -> Wanted:
    knowledge = moment.stage.knowledge
    best = best_contacts(knowledge, moment.number)
    found = effects(knowledge, best, moment.tolerance)
    profit = found.margin - found.cost
    value = np.where(profit > 0, profit, np.nan)
    return Wanted(value, best.items[:, 0], np.full(len(value), CART))


_POLICIES: Final[dict[str, Callable[[Moment], Wanted]]] = {
    "everybody in turn": _everybody,
    "random": _anybody,
    "cart abandoners": _abandoners,
    "rfm": _buyers_by_rfm,
    PROPENSITY: _likeliest_buyers,
    RELEVANCE_ONLY: _best_matches,
    UPLIFT_ONLY: _uplift_only,
    OURS: _ours,
    ORACLE: _oracle,
}

POLICIES: Final = (NOBODY, *_POLICIES)
"""Names of the policies, in the order of the table."""
