"""The items that could be shown, as arrays: one snapshot of the catalog, with what is popular."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, CodeArray, FloatArray, IntArray, TextArray
from features.histories.histories import NO_CODE
from training.recommenders.attributes import ItemAttributes
from training.recommenders.category_tree import category_tree
from training.recommenders.observed import codes_of

_IN_STOCK = "in_stock"


@dataclass(frozen=True, eq=False)
class Shelf:
    """Items of one snapshot, in the order of their ids; an item's code is its position.

    Attributes:
        item_ids: shape (n_items,), sorted text.
        attributes: n_items rows, one column per attribute.
        title: "" when unknown.
        category: catalog category, "" when unknown.
        price: NaN when unknown.
        in_stock: availability is `in_stock`; unknown availability is not, but a shelf without that column has everything.
        stock_unknown: its availability is not known.
        suppressed: held back by a check of the feed.
        touched: some event names the item.
        node: finest category of each item in a tree, -1 = none.
        parent: shape (n_nodes,), the category above, -1 = none.
        group: item group, -1 = none.
        popularity: rank, 0 = most popular, each once; unknown items last, by id.
    """

    item_ids: TextArray
    attributes: pa.Table
    title: TextArray
    category: TextArray
    price: FloatArray
    in_stock: BoolArray
    stock_unknown: BoolArray
    suppressed: BoolArray
    touched: BoolArray
    node: CodeArray
    parent: CodeArray
    group: CodeArray
    popularity: IntArray

    def __len__(self) -> int:
        return len(self.item_ids)

    def codes(self, item_ids: TextArray) -> CodeArray:
        """Code of each id, -1 where the shelf does not hold it."""
        return codes_of(item_ids, known=self.item_ids)

    def codes_by_value(self, attribute: str) -> CodeArray:
        """A number for each different value of an attribute, -1 = none; shape (n_items,)."""
        encoded = self.attributes[attribute].combine_chunks().cast(pa.string()).dictionary_encode()
        codes: IntArray = pc.fill_null(encoded.indices, NO_CODE).to_numpy(zero_copy_only=False)
        return codes.astype(np.int32)


def build_shelf(
    attributes: pa.Table,
    *,
    popular: TextArray,
    category_levels: Sequence[str],
    touched: TextArray | None = None,
    suppressed: pa.ChunkedArray | None = None,
) -> Shelf:
    """Lay out the items of a snapshot.

    Args:
        attributes: one row per item, `item_id` and any attributes.
        popular: item ids, most popular first.
        category_levels: attributes that form the path of an item, coarse to fine.
        touched: ids of items that some event names; None = all are.
        suppressed: ids of items held back; None = none.
    """
    table = attributes.sort_by(c.ITEM_ID)
    ids = _texts(table, c.ITEM_ID)
    n = len(ids)
    held = [name for name in (*category_levels, c.CATEGORY) if name in table.column_names]
    known = ItemAttributes.from_table(table, list(dict.fromkeys(held)))
    availability = _texts(table, c.AVAILABILITY, missing=_IN_STOCK)
    node, parent = category_tree(known, tuple(category_levels))
    shelf = Shelf(
        item_ids=ids,
        attributes=table,
        title=_texts(table, c.TITLE),
        category=_texts(table, c.CATEGORY),
        price=_numbers(table, c.PRICE),
        in_stock=availability == _IN_STOCK,
        stock_unknown=availability == "",
        suppressed=np.zeros(n, np.bool_) if suppressed is None else _among(ids, suppressed),
        touched=np.ones(n, np.bool_)
        if touched is None
        else _among(ids, pa.array(touched, pa.string())),
        node=node,
        parent=parent,
        group=np.full(n, NO_CODE, np.int32),
        popularity=_popularity(ids, popular),
    )
    if c.ITEM_GROUP_ID in table.column_names:
        shelf.group[:] = shelf.codes_by_value(c.ITEM_GROUP_ID)
    return shelf


def _popularity(item_ids: TextArray, popular: TextArray) -> IntArray:
    place = codes_of(item_ids, known=popular).astype(np.int64)
    place[place == NO_CODE] = len(popular)
    rank = np.empty(len(item_ids), np.int64)
    rank[np.argsort(place, kind="stable")] = np.arange(len(item_ids))
    return rank


def _among(item_ids: TextArray, chosen: pa.Array | pa.ChunkedArray) -> BoolArray:
    found: BoolArray = pc.is_in(pa.array(item_ids, pa.string()), value_set=chosen).to_numpy(
        zero_copy_only=False
    )
    return found


def _texts(table: pa.Table, name: str, *, missing: str = "") -> TextArray:
    """A column as text, "" for null; `missing` everywhere when there is no such column."""
    if name not in table.column_names:
        return np.full(table.num_rows, missing, dtype=object)
    texts: TextArray = pc.fill_null(table[name].cast(pa.string()), "").to_numpy().astype(object)
    return texts


def _numbers(table: pa.Table, name: str) -> FloatArray:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    numbers: FloatArray = pc.fill_null(table[name].cast(pa.float64()), float("nan")).to_numpy()
    return numbers
