"""What an item is to a person: left in the cart, due again, dearer than what they own, beside it, or new; and lists by kind."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import BoolArray, CodeArray, FloatArray, IntArray
from features.histories.histories import NO_CODE
from features.tables import RECO_KINDS
from serving.lists.chain import Chain
from serving.lists.config import FallbackConfig, PostPurchaseConfig
from serving.lists.past import Pairs, Past
from serving.lists.shelf import Shelf

CART, REPLENISHMENT, BUY_AGAIN, REMINDER, UPSELL_KIND, CROSS_SELL, DISCOVER, STATIC_KIND = range(
    len(RECO_KINDS)
)

KindArray = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Relations:
    """What n rows' persons have to do with the items of a shelf."""

    shelf: Shelf
    cart: Pairs
    due: Pairs
    bought: Pairs
    touched: Pairs
    owned_categories: Pairs
    dearest: FloatArray
    owns: BoolArray

    @classmethod
    def of(cls, past: Past, config: PostPurchaseConfig, fallback: FallbackConfig) -> Relations:
        """Read them off the past."""
        categories, dearest = past.dearest(days=config.window_days)
        row, _ = past.owned(days=config.window_days)
        return cls(
            shelf=past.shelf,
            cart=past.in_cart(days=fallback.cart_days),
            due=past.due(share=config.due_share),
            bought=past.bought(),
            touched=past.touched()[0],
            owned_categories=categories,
            dearest=dearest,
            owns=np.bincount(row, minlength=len(past.history)) > 0,
        )

    def kinds(self, items: CodeArray) -> KindArray:
        """Kind of each candidate, shape (n, k), code of `RECO_KINDS`."""
        node = np.append(self.shelf.node, np.int32(NO_CODE))[items]
        place = self.owned_categories.place(node)
        floor = np.append(self.dearest, np.nan)[place]
        price = np.append(self.shelf.price, np.nan)[items]
        found: KindArray = np.select(
            [
                items == NO_CODE,
                self.cart.hold(items),
                self.due.hold(items),
                self.bought.hold(items),
                self.touched.hold(items),
                (place >= 0) & (price > floor),
                self.owns[:, None] & (node >= 0) & (place < 0),
            ],
            [STATIC_KIND, CART, REPLENISHMENT, BUY_AGAIN, REMINDER, UPSELL_KIND, CROSS_SELL],
            default=DISCOVER,
        ).astype(np.int8)
        return found


def upsells(
    relations: Relations, chain: Chain, barred: Pairs, config: PostPurchaseConfig, *, n_rows: int
) -> CodeArray:
    """The most popular items above the dearest owned of their category, not touched before; shape (n_rows, places).

    Categories take turns in the order of their codes. Never below the price of an owned item of the category, and at most
    `max_price_step` above the dearest.
    """
    found = np.full((n_rows, config.upsell), NO_CODE, np.int32)
    if not config.upsell:
        return found
    row, node = np.divmod(relations.owned_categories.key, max(relations.owned_categories.width, 1))
    begin, end = chain.node_offsets[node], chain.node_offsets[node + 1]
    length = end - begin
    pair = np.repeat(np.arange(len(row)), length)
    position = np.arange(len(pair)) - np.repeat(np.cumsum(length) - length, length) + begin[pair]
    item = chain.node_items[position]
    floor, price = relations.dearest[pair], relations.shelf.price[item]
    good = (price > floor) & (price <= floor * (1 + config.max_price_step))
    good &= relations.shelf.node[item] == node[pair]
    key = row[pair] * len(relations.shelf) + item
    good &= ~np.isin(key, relations.touched.key) & ~np.isin(key, barred.key)
    pair, item = pair[good], item[good]
    turn = np.arange(len(pair)) - np.searchsorted(pair, pair)
    order = np.lexsort((pair, turn, row[pair]))
    line, item = row[pair][order], item[order]
    rank = np.arange(len(line)) - np.searchsorted(line, line)
    kept = rank < config.upsell
    found[line[kept], rank[kept]] = item[kept]
    return found


def places_first(kinds: KindArray, config: PostPurchaseConfig, owns: BoolArray) -> IntArray:
    """Columns of each row with the kept places of buyers at the head, everything else behind in its order.

    Args:
        kinds: shape (n, k), candidates best first.
        config: places per kind.
        owns: rows that bought lately, shape (n,); the others keep their order.
    """
    rank = np.full(kinds.shape, len(RECO_KINDS))
    wanted = (
        (REPLENISHMENT, config.replenishment),
        (UPSELL_KIND, config.upsell),
        (CROSS_SELL, config.cross_sell),
    )
    for order, (kind, places) in enumerate(wanted):
        mine = kinds == kind
        rank[mine & (np.cumsum(mine, axis=1) <= places) & owns[:, None]] = order
    found: IntArray = np.argsort(rank, axis=1, kind="stable")
    return found


def cross_sells(
    relations: Relations, chain: Chain, barred: Pairs, place: IntArray, *, count: int
) -> CodeArray:
    """The most popular items from categories of which nothing is owned, one per category; shape (n_rows, count).

    Rows that own nothing get none; left out are items without category, touched before, or not
    allowed at the row's place.
    """
    found = np.full((len(relations.owns), count), NO_CODE, np.int32)
    kept_from = Pairs(np.union1d(barred.key, relations.touched.key), len(relations.shelf))
    indptr, kept = kept_from.rows(len(found))
    owned_indptr, owned = relations.owned_categories.rows(len(found))
    _find_cross_sells(chain, relations.owns, place, indptr, kept, owned_indptr, owned, found)
    return found


@numba.njit(cache=True, nogil=True)
def _find_cross_sells(
    chain: Chain,
    owns: BoolArray,
    place: IntArray,
    indptr: IntArray,
    kept: CodeArray,
    owned_indptr: IntArray,
    owned: CodeArray,
    found: CodeArray,
) -> None:
    kept_from = np.full(chain.allowed.shape[1], -1, np.int64)
    closed_to = np.full(len(chain.parent), -1, np.int64)
    for row in range(len(found)):
        if not owns[row]:
            continue
        for entry in range(indptr[row], indptr[row + 1]):
            kept_from[kept[entry]] = row
        for entry in range(owned_indptr[row], owned_indptr[row + 1]):
            closed_to[owned[entry]] = row
        filled = 0
        for item in chain.popular:
            if filled == found.shape[1]:
                break
            node = chain.node[item]
            if node < 0 or closed_to[node] == row or kept_from[item] == row:
                continue
            if chain.allowed[place[row], item]:
                found[row, filled] = item
                closed_to[node] = row
                filled += 1
