"""Best sellers of the category a person looked at last, then of its parents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numba
import numpy as np
import numpy.typing as npt
from pydantic import Field

from features import columns as c
from features.arrays import BoolArray, CodeArray, FloatArray, IntArray, ScoreArray
from features.interactions import EventName
from features.tables import EVENT_NAMES
from training.recommenders.attributes import ItemAttributes
from training.recommenders.base import ModelConfig, Recommender, attributes_needed
from training.recommenders.category_tree import NO_NODE, category_tree
from training.recommenders.kept_lists import empty_lists
from training.recommenders.observed import ItemEvents, Observed
from training.recommenders.top_k import Eligible


class CategoryBestSellersConfig(ModelConfig):
    """What a category is, and what selling is. Which events count as a look is said by `weights`."""

    kind: Literal["category_best_sellers"] = "category_best_sellers"

    levels: tuple[str, ...] = Field(default=(c.PRODUCT_TYPE, c.CATEGORY), min_length=1)
    """Item attributes that form the path of an item, coarse to fine; a value 'Toys > Dolls' is two steps of it."""

    sales: tuple[EventName, ...] = Field(default=("purchase",), min_length=1)
    """Events that make a best seller, counted as distinct persons within `popular_window_days`."""


class CategoryBestSellers(Recommender[CategoryBestSellersConfig]):
    """Score = (depth of the category reached) + 1 / (1 + rank there): all of the category, then all of its parent, ...

    The category is that of the item of the person's newest weighted event. Above the root come the popular items of the
    base. A category without sales gives nothing, so its parent is next.
    """

    config_type = CategoryBestSellersConfig

    def __init__(self, config: CategoryBestSellersConfig) -> None:
        super().__init__(config)
        self._node: CodeArray = np.empty(0, np.int32)
        self._parent: CodeArray = np.empty(0, np.int32)
        self._offsets: IntArray = np.zeros(1, np.int64)
        self._sellers: CodeArray = np.empty(0, np.int32)

    def _fit_attributes(self, attributes: ItemAttributes) -> None:
        self._node, self._parent = category_tree(attributes, self.config.levels)

    def _fit(self, observed: Observed) -> None:
        if len(self._node) == 0:
            raise attributes_needed(self.kind)
        persons = _buyers(observed, self.config)
        order = np.argsort(-persons, kind="stable")
        order = order[(persons[order] > 0) & (self._node[order] != NO_NODE)]
        at, items, node = order, [], []
        reached = self._node[at]
        while len(at):
            items.append(at)
            node.append(reached)
            above = self._parent[reached]
            at, reached = at[above != NO_NODE], above[above != NO_NODE]
        every_item = np.concatenate(items) if items else np.empty(0, np.int64)
        every_node = np.concatenate(node) if node else np.empty(0, np.int32)
        by_node = np.lexsort((every_item, -persons[every_item], every_node))
        counts = np.bincount(every_node, minlength=len(self._parent))
        self._offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self._sellers = every_item[by_node].astype(np.int32)

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        events = observed.events
        items, scores = empty_lists(len(observed), k)
        has = np.diff(events.offsets) > 0
        last = np.full(len(observed), NO_NODE, np.int32)
        last[has] = self._node[events.item[events.offsets[1:][has] - 1]]
        _climb(
            last,
            self._parent,
            self._offsets,
            self._sellers,
            eligible.allowed,
            eligible.barred.indptr,
            eligible.barred.indices,
            items,
            scores,
        )
        return items, scores

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        return {
            "node": self._node,
            "parent": self._parent,
            "offsets": self._offsets,
            "sellers": self._sellers,
        }

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._node, self._parent = np.array(arrays["node"]), np.array(arrays["parent"])
        self._offsets, self._sellers = np.array(arrays["offsets"]), np.array(arrays["sellers"])


def _buyers(observed: Observed, config: CategoryBestSellersConfig) -> FloatArray:
    """Distinct rows with a sale in the window, per item."""
    events: ItemEvents = observed.events
    sales = np.isin(events.event, [EVENT_NAMES.index(name) for name in config.sales])
    sold = events.of(sales & (events.age_days <= config.popular_window_days))
    pairs = np.unique(sold.rows() * observed.n_items + sold.item)
    return np.bincount(pairs % observed.n_items, minlength=observed.n_items).astype(np.float64)


@numba.njit(cache=True, nogil=True)
def _climb(
    start: CodeArray,
    parent: CodeArray,
    offsets: IntArray,
    sellers: CodeArray,
    allowed: BoolArray,
    barred_indptr: CodeArray,
    barred: CodeArray,
    items: CodeArray,
    scores: ScoreArray,
) -> None:
    k = items.shape[1]
    taken_for = np.full(len(allowed), -1, np.int64)
    for row in range(len(start)):
        for entry in range(barred_indptr[row], barred_indptr[row + 1]):
            taken_for[barred[entry]] = row
        depth = 0
        node = start[row]
        while node >= 0:
            depth += 1
            node = parent[node]
        node = start[row]
        filled = 0
        while node >= 0 and filled < k:
            depth -= 1
            for place in range(offsets[node], offsets[node + 1]):
                if filled == k:
                    break
                item = sellers[place]
                if allowed[item] and taken_for[item] != row:
                    taken_for[item] = row
                    items[row, filled] = item
                    scores[row, filled] = depth + 1 / (2 + place - offsets[node])
                    filled += 1
            node = parent[node]
