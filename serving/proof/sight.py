"""What can be observed at a moment: features of persons, items that each could be shown, and how these are related."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from features.arrays import BoolArray, FloatArray, IntArray
from features.builders.funnel import funnel_features
from features.builders.person import person_features
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE, AsOf, Histories
from features.histories.rhythm import last_items, recency_days, sessions
from features.interactions import InteractionConfig, interaction_matrix
from features.segments.cart import open_carts
from features.simulate.store.shelf import Shelf

Matrix = npt.NDArray[np.float32]

PERSON_COLUMNS: Final = (
    "recency_days", "orders_28d", "orders_91d", "spend_91d", "order_value", "gap_ratio",
)  # fmt: skip
FUNNEL_COLUMNS: Final = (
    "view_7d", "view_30d", "view_90d", "view_days", "cart_add_30d", "cart_add_90d", "cart_add_days", "checkout_90d",
    "event_days",
)  # fmt: skip
OWN_COLUMNS: Final = ("visits_per_day", "carts_per_view", "account", "cart_hours")
PAIR_COLUMNS: Final = (
    "category_share", "category_share_lately", "category_weight", "in_cart", "bought_days", "viewed_last", "price",
)  # fmt: skip
CART, LAST_VIEWED, BOUGHT = range(3)
"""Places of the candidates that are not from liked categories."""

LIKED: Final = 3
"""Liked categories with a candidate each."""

_WEIGHTS: Final = {"view": 1.0, "cart_add": 3.0, "purchase": 3.0}
_LONG, _LATELY = (InteractionConfig(weights=_WEIGHTS, half_life_days=days) for days in (60.0, 10.0))
_CART_DAYS: Final = 14.0
_PRIOR: Final = 1.0  # of the weight of a category
_CHEAP: Final = 0.25  # of the median price; what is cheaper is not shown unasked


class Sight(NamedTuple):
    """What is known of n persons at a moment, in the order of their numbers.

    Attributes:
        person: shape (n, n_columns), `PERSON_COLUMNS`, `FUNNEL_COLUMNS`, `OWN_COLUMNS`.
        items: shape (n, candidates), item codes, -1 = none: left in the cart, viewed last, bought last, then the best seller
            of each of the most liked categories.
        pair: shape (n, candidates, n_pair_columns), `PAIR_COLUMNS`, NaN without an item.
        seen: shape (n,), there was an event.
    """

    person: Matrix
    items: IntArray
    pair: Matrix
    seen: BoolArray

    def column(self, name: str) -> FloatArray:
        """One person column, shape (n,)."""
        names = (*PERSON_COLUMNS, *FUNNEL_COLUMNS, *OWN_COLUMNS)
        return self.person[:, names.index(name)].astype(np.float64)


def look(
    histories: Histories, shelf: Shelf, first_login: IntArray, *, day: int, moment: int
) -> Sight:
    """Everything observable of everybody strictly before a moment.

    Args:
        histories: of all persons; the code of an item is its code on the shelf.
        shelf: categories, prices and stock, as a feed would tell them.
        first_login: shape (n,), microseconds since 1970 UTC of the first event under an account.
        day: of the store, for what is in stock.
        moment: microseconds since 1970 UTC.
    """
    history = histories.as_of(np.arange(histories.n_persons), moment)
    weight = _by_category(interaction_matrix(history, _LONG), shelf)
    cart, cart_hours = _cart(history)
    items = np.column_stack(
        [
            cart,
            last_items(history, events=("view",), n=1)[:, 0],
            last_items(history, events=("purchase",), n=1)[:, 0],
            _best_sellers(history, shelf, day)[
                np.argsort(-weight, axis=1, kind="stable")[:, :LIKED]
            ],
        ]
    ).astype(np.int64)
    items[(items != NO_CODE) & ~shelf.in_stock(day)[items]] = NO_CODE
    return Sight(
        person=_person_columns(history, first_login, cart_hours, day=day),
        items=items,
        pair=_pair_columns(history, shelf, items, weight),
        seen=history.stop > history.start,
    )


def or_best_seller(sight: Sight, place: IntArray) -> IntArray:
    """Who has nothing at a place is shown the best seller of the category they like best; shape of `place`, (n,)."""
    items = sight.items
    empty = items[np.arange(len(items)), place] == NO_CODE
    return np.where(empty, items.shape[1] - LIKED, place)


def _person_columns(
    history: AsOf, first_login: IntArray, cart_hours: FloatArray, *, day: int
) -> Matrix:
    """`PERSON_COLUMNS`, `FUNNEL_COLUMNS`, `OWN_COLUMNS`; none grows by itself as the store grows older."""
    orders, funnel = person_features(history), funnel_features(history)
    visits = sessions(history).number
    views, carts = (funnel[name].to_numpy() for name in ("view_90d", "cart_add_90d"))
    columns = [
        *(orders[name].to_numpy() for name in PERSON_COLUMNS),
        *(funnel[name].to_numpy() for name in FUNNEL_COLUMNS),
        (visits + 1) / (day + 3),  # drawn towards one in three days while there are few days
        (carts + 1) / (views + 30),  # drawn towards one in thirty while there are few views
        first_login < history.time,
        cart_hours,
    ]
    return np.column_stack(columns).astype(np.float32)


def _pair_columns(history: AsOf, shelf: Shelf, items: IntArray, weight: FloatArray) -> Matrix:
    known = items != NO_CODE
    of = shelf.category[np.where(known, items, 0)]
    lately = _by_category(interaction_matrix(history, _LATELY), shelf)
    ordered = recency_days(history, events=("purchase",))[:, 0]
    shares = [
        np.take_along_axis(each, of, axis=1) / (each.sum(axis=1, keepdims=True) + _PRIOR)
        for each in (weight, lately)
    ]
    place = np.broadcast_to(np.arange(items.shape[1]), items.shape)
    last = np.broadcast_to(items[:, LAST_VIEWED, None], items.shape)
    columns = [
        *shares,
        np.take_along_axis(weight, of, axis=1),
        place == CART,
        np.where(place == BOUGHT, ordered[:, None], np.nan),
        items == last,
        shelf.price[np.where(known, items, 0)],
    ]
    pair = np.stack(columns, axis=2).astype(np.float32)
    pair[~known] = np.nan
    return pair


def _by_category(weights: sp.csr_matrix, shelf: Shelf) -> FloatArray:
    """Weight of each category for each row, shape (n, n_categories)."""
    n_categories = len(shelf.first) - 1
    items = np.arange(len(shelf.category))
    member = sp.csr_matrix(
        (np.ones(len(items)), (items, shelf.category)), shape=(len(items), n_categories)
    )
    dense: FloatArray = (weights @ member).toarray()
    return dense


def _cart(history: AsOf) -> tuple[IntArray, FloatArray]:
    """The item last put into each open cart, -1 = none, and hours since then."""
    lines = open_carts(history, window_days=_CART_DAYS)
    order = np.lexsort((lines.added, lines.row))
    row = lines.row[order]
    newest = order[np.append(row[1:] != row[:-1], True)] if len(row) else order
    item, hours = np.full(len(history), NO_CODE), np.full(len(history), np.nan)
    item[lines.row[newest]] = lines.item[newest]
    age = history.time[lines.row[newest]] - lines.added[newest]
    hours[lines.row[newest]] = age / (MICROSECONDS_PER_DAY / 24)
    return item, hours


def _best_sellers(history: AsOf, shelf: Shelf, day: int) -> IntArray:
    """The item of each category that most events are about, in stock and not among the cheapest; shape (n_categories,)."""
    _, position = history.events()
    item = history.histories.item[position]
    count = np.bincount(item[item != NO_CODE], minlength=len(shelf.price)).astype(np.float64)
    count[~shelf.in_stock(day) | (shelf.price < _CHEAP * np.median(shelf.price))] = -1
    return np.array(
        [
            first + count[first:last].argmax()
            for first, last in zip(shelf.first, shelf.first[1:], strict=False)
        ]
    )
