"""What people will look at, take up and order by themselves: learned from the weeks before any contact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.histories.histories import NO_CODE, Histories
from features.simulate.store.shelf import Shelf
from features.tables import EVENT_NAMES
from serving.proof.sight import Matrix, Sight
from serving.proof.weeks import week_events
from training.uplift.base_models.base import BaseModel
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.registry import trainer

_VIEW, _CART, _ORDER = (EVENT_NAMES.index(name) for name in ("view", "cart_add", "purchase"))
_MOST_ROWS: Final = 150_000


@dataclass(frozen=True, eq=False)
class NextWeek:
    """What n persons did in the week after a moment.

    Attributes:
        views: shape (n, n_categories), views of items of each category.
        ordered: shape (n,), there was an order.
        taken_up: sorted (person x n_items + item) of what was put into the cart or ordered.
        n_items: of the shelf.
    """

    views: FloatArray
    ordered: BoolArray
    taken_up: IntArray
    n_items: int

    @classmethod
    def of(cls, histories: Histories, shelf: Shelf, moment: int) -> NextWeek:
        """The week that begins at a moment in microseconds since 1970 UTC."""
        everybody = np.arange(histories.n_persons)
        person, event, item = week_events(histories, moment)
        n_categories = len(shelf.first) - 1
        view = (event == _VIEW) & (item != NO_CODE)
        cell = person[view] * n_categories + shelf.category[item[view]]
        views = np.bincount(cell, minlength=len(everybody) * n_categories)
        taken = np.isin(event, (_CART, _ORDER))
        return cls(
            views.reshape(len(everybody), n_categories).astype(np.float64),
            np.bincount(person[event == _ORDER], minlength=len(everybody)) > 0,
            np.unique(person[taken] * len(shelf.price) + item[taken]),
            len(shelf.price),
        )

    def took_up(self, items: IntArray) -> BoolArray:
        """Whether each person took up each item, shape of `items`."""
        key = np.arange(len(items))[:, None] * self.n_items + items
        found: BoolArray = (items != NO_CODE) & np.isin(key, self.taken_up)
        return found


@dataclass(frozen=True, eq=False)
class Organic:
    """Models of what people do by themselves.

    Attributes:
        liking: share of next week's views that go to an item's category, of those who come.
        uptake: chance that the item is put into the cart or ordered next week.
        order: chance that anything is ordered next week.
    """

    liking: BaseModel
    uptake: BaseModel
    order: BaseModel

    @classmethod
    def learn(
        cls,
        sights: Sequence[Sight],
        weeks: Sequence[NextWeek],
        shelf: Shelf,
        config: BoostedConfig,
        *,
        seed: int,
    ) -> Organic:
        """Learn from what was seen at some moments and what people did in the week after each."""
        likes, takes, pairs, orders, persons = [], [], [], [], []
        for sight, week in zip(sights, weeks, strict=True):
            shown = (sight.items != NO_CODE) & (week.views.sum(axis=1, keepdims=True) > 0)
            of = shelf.category[np.where(shown, sight.items, 0)]
            share = np.take_along_axis(week.views, of, axis=1)
            share /= np.maximum(week.views.sum(axis=1, keepdims=True), 1)
            likes.append(share[shown])
            takes.append(week.took_up(sight.items)[shown])
            pairs.append(_pairs(sight)[shown])
            orders.append(week.ordered[sight.seen])
            persons.append(sight.person[sight.seen])
        matrix, kept = _some(np.concatenate(pairs), seed)
        models = trainer(config, matrix.astype(np.float64), categorical=())
        everyone, some = _some(np.concatenate(persons), seed)
        takes_up = np.concatenate(takes)[kept].astype(np.float64)
        ordered = np.concatenate(orders)[some].astype(np.float64)
        return cls(
            models.train(np.concatenate(likes)[kept], kind="continuous"),
            models.train(takes_up, kind="binary"),
            trainer(config, everyone.astype(np.float64), categorical=()).train(
                ordered, kind="binary"
            ),
        )

    def liked(self, sight: Sight) -> FloatArray:
        """Liking of each candidate, shape (n, candidates); 0 without an item."""
        shown = sight.items != NO_CODE
        found = np.zeros(shown.shape)
        found[shown] = self.liking.predict(_pairs(sight)[shown].astype(np.float64))
        return found

    def taken_up(self, sight: Sight, place: IntArray) -> FloatArray:
        """Uptake of one candidate of each person, shape (n,), whatever it is where there is none."""
        rows = _pairs(sight)[np.arange(len(place)), place]
        return self.uptake.predict(rows.astype(np.float64))


def _pairs(sight: Sight) -> Matrix:
    """Columns of the pair, its place, and how active the person is; shape (n, candidates, n_columns)."""
    shape = sight.items.shape
    place = np.broadcast_to(np.arange(shape[1], dtype=np.float32), shape)
    wide = [
        np.broadcast_to(sight.column(name)[:, None], shape).astype(np.float32)
        for name in ("view_days", "cart_hours", "visits_per_day")
    ]
    return np.concatenate([sight.pair, np.stack([place, *wide], axis=2)], axis=2)


def _some(matrix: Matrix, seed: int) -> tuple[Matrix, IntArray]:
    """At most so many rows, by lot, and which."""
    if len(matrix) <= _MOST_ROWS:
        return matrix, np.arange(len(matrix))
    kept = np.sort(np.random.default_rng(seed).choice(len(matrix), _MOST_ROWS, replace=False))
    return matrix[kept], kept
