"""The fallback chain: which items may stand in for which, laid out for the kernel that fills lists."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.arrays import BoolArray, CodeArray, FloatArray, IntArray
from features.tables import LIST_LEVELS
from serving.lists.config import FallbackConfig
from serving.lists.shelf import Shelf

EXACT, GROUP, CATEGORY_PRICE, CATEGORY, PARENT, BEST_SELLER, PINNED, FOR_BUYERS, STATIC = range(
    len(LIST_LEVELS)
)


class Chain(NamedTuple):
    """Stand-ins of items; every list of codes is ordered by popularity.

    Attributes:
        allowed: shape (n_places, n_items), items that may be shown at each place, as far as no person is concerned.
        node, parent: categories as in `Shelf`.
        node_offsets, node_items: items of category v and of those below it are `node_items[node_offsets[v]:node_offsets[v + 1]]`.
        group, group_offsets, group_items: the same for item groups.
        popular: all items.
        price: NaN = unknown.
        band: highest ratio of two prices that are about the same, above 1.
        category_in_place: whether an item of the category at about the price takes the place of an unavailable one.
    """

    allowed: BoolArray
    node: CodeArray
    parent: CodeArray
    node_offsets: IntArray
    node_items: CodeArray
    group: CodeArray
    group_offsets: IntArray
    group_items: CodeArray
    popular: CodeArray
    price: FloatArray
    band: float
    category_in_place: bool


def build_chain(shelf: Shelf, allowed: BoolArray, config: FallbackConfig) -> Chain:
    """Lay out the stand-ins; only items allowed at some place are among them.

    Args:
        shelf: n_items items.
        allowed: shape (n_places, n_items).
        config: price band, and what replaces in place.
    """
    popular = np.argsort(shelf.popularity, kind="stable")
    somewhere: BoolArray = np.asarray(allowed.any(axis=0))
    popular = popular[somewhere[popular]]
    node_offsets, node_items = _below(shelf, popular)
    group_offsets, group_items = _grouped(
        shelf.group[popular], popular, count=int(shelf.group.max(initial=-1)) + 1
    )
    return Chain(
        allowed=allowed,
        node=shelf.node,
        parent=shelf.parent,
        node_offsets=node_offsets,
        node_items=node_items,
        group=shelf.group,
        group_offsets=group_offsets,
        group_items=group_items,
        popular=popular.astype(np.int32),
        price=shelf.price,
        band=1 + config.price_band,
        category_in_place=config.in_place == "category_price",
    )


def _below(shelf: Shelf, popular: IntArray) -> tuple[IntArray, CodeArray]:
    """Items of each category and of all below it."""
    at, node = popular, shelf.node[popular]
    items, nodes = [at[:0]], [node[:0]]
    while len(at):
        at, node = at[node >= 0], node[node >= 0]
        items.append(at)
        nodes.append(node)
        node = shelf.parent[node]
    every_item, every_node = np.concatenate(items), np.concatenate(nodes)
    by_rank = np.argsort(shelf.popularity[every_item], kind="stable")
    return _grouped(every_node[by_rank], every_item[by_rank], count=len(shelf.parent))


def _grouped(key: CodeArray, items: IntArray, *, count: int) -> tuple[IntArray, CodeArray]:
    """Items by key, in their order; items with a key of -1 are left out."""
    keyed = key >= 0
    key, items = key[keyed], items[keyed]
    order = np.argsort(key, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=count))])
    return offsets.astype(np.int64), items[order].astype(np.int32)
