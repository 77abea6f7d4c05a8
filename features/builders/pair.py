"""What is known about a person and an item together as of a moment: past touches, cart, replenishment, fit."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from features.arrays import IntArray
from features.builders.baskets import scan_baskets
from features.builders.categories import AFFINITY
from features.builders.feature import Feature, feature_table
from features.builders.knowledge import Knowledge, ShopCodes
from features.builders.pair_kernel import N_COLUMNS, Candidates, Events, Shop, scan_pairs
from features.builders.replenishment import prior_intervals
from features.histories.histories import MICROSECONDS_PER_DAY, AsOf
from features.interactions import InteractionConfig, event_weights

_NOT_BOUGHT: Final = "never bought, or all taken back"
_NO_INTERVAL: Final = f"{_NOT_BOUGHT}, or no interval known"
_NO_CATEGORY: Final = "category of the item not known"
_NO_SIMILARITY: Final = "no similarity given"

PAIR_FEATURES: Final = (
    Feature("pair_views", "times the person viewed the item", "never"),
    Feature("pair_carts", "times the person put it into the cart", "never"),
    Feature("pair_purchases", "purchases of it that were not taken back as a whole", "never"),
    Feature("pair_view_days", "days since the last view of it", "never viewed"),
    Feature("pair_cart_days", "days since it was last put into the cart", "never in the cart"),
    Feature("pair_purchase_days", "days since the last purchase of it", _NOT_BOUGHT),
    Feature("pair_in_cart", "1 = it lies in the open cart", "never"),
    Feature("pair_cart_units", "units of it in the open cart", "never"),
    Feature("pair_removed_units", "units of it taken out of the cart by removals in 30 days", "never"),
    Feature("pair_interval_days", "days that it usually lasts", _NO_INTERVAL),
    Feature("pair_interval_source", "position in SOURCES; above 0 = not learned from the person", _NOT_BOUGHT),
    Feature("pair_due_days", "days until it is due again, negative = overdue", _NO_INTERVAL),
    Feature("pair_overdue_ratio", "days since the last purchase over the interval; above 1 = overdue", _NO_INTERVAL),
    Feature("pair_category_touches_30d", "views, list views, cart additions and purchases in its category, 30 days", _NO_CATEGORY),
    Feature("pair_category_purchases_90d", "purchases in its category, 90 days", _NO_CATEGORY),
    Feature("pair_category_days", "days since the last touch of its category", f"{_NO_CATEGORY}, or never touched"),
    Feature("pair_category_share", "its category's share of the person's decayed weight, 0 to 1", f"{_NO_CATEGORY}, or no weight"),
    Feature("pair_price_ratio", "its price over the median price the person pays", "either not known"),
    Feature("pair_similarity_sum", "similarity of it to the last items touched, added up", _NO_SIMILARITY),
    Feature("pair_similarity_max", "similarity of it to the one of the last items touched that is most like it", _NO_SIMILARITY),
)  # fmt: skip
"""The columns of `pair_features`, in order.

The cart holds additions of the last 30 days less removals since; a purchase of the item takes it out, a purchase that
names no item, or a removal without quantity, takes out all there is. Within one moment additions come first, then removals,
then purchases. Occasions less than a day apart are one."""


def pair_features(
    history: AsOf,
    knowledge: Knowledge,
    *,
    row: IntArray,
    item: IntArray,
    affinity: InteractionConfig = AFFINITY,
) -> pa.Table:
    """Features of (person, item) pairs, from events strictly before the time of the pair's row.

    Args:
        history: n_rows rows.
        knowledge: items of the shop: categories, prices, counts for intervals, similarity.
        row: row of each pair in `history`, shape (n_pairs,), never falling.
        item: code of each pair's item in `knowledge`, shape (n_pairs,); -1 = unknown, nothing ever happened to it.
        affinity: weights and half-life of what a person likes.

    Returns:
        n_pairs rows in the same order, the columns of `PAIR_FEATURES`.

    Raises:
        ValueError: a row lies before the moment the knowledge was built; rows fall; a row or code is out of range.

    Invariants: unchanged by events, refunds too, at or after a row's time, by other persons' events, and by the other
    pairs of the row.
    """
    knowledge.require_known(history)
    row, item = np.asarray(row, np.int64), np.asarray(item, np.int64)
    _require_in_range(row, item, len(history), knowledge.n_items)
    columns = history.histories
    codes = ShopCodes.of(columns, knowledge)
    interval, source = prior_intervals(knowledge)
    similarity = knowledge.similarity
    matrix = (
        sp.csr_matrix((knowledge.n_items, knowledge.n_items)) if similarity is None else similarity
    )
    found = np.empty((N_COLUMNS, len(row)))
    scan_pairs(
        Events(
            history.start,
            history.stop,
            history.time,
            columns.time,
            columns.event,
            columns.item,
            columns.category,
            columns.quantity,
        ),
        columns.reversals,
        Shop(
            codes.item,
            codes.item_category,
            codes.category,
            knowledge.attributes.category,
            knowledge.attributes.price,
            interval,
            source,
            matrix.indptr.astype(np.int64),
            matrix.indices.astype(np.int64),
            matrix.data.astype(np.float64),
        ),
        Candidates(np.searchsorted(row, np.arange(len(history) + 1)), item),
        event_weights(affinity),
        affinity.half_life_days * MICROSECONDS_PER_DAY,
        scan_baskets(history)[-1],
        knowledge.attributes.n_categories,
        found,
    )
    if similarity is None:
        found[-2:] = np.nan
    return feature_table(PAIR_FEATURES, list(found))


def _require_in_range(row: IntArray, item: IntArray, n_rows: int, n_items: int) -> None:
    if row.shape != item.shape or row.ndim != 1:
        raise ValueError(
            f"row has shape {row.shape} and item {item.shape}, must be one of each per pair"
        )
    if not len(row):
        return
    if np.any(np.diff(row) < 0):
        raise ValueError("row falls, must be sorted: all pairs of a row stand together")
    if row[0] < 0 or row[-1] >= n_rows:
        raise ValueError(f"row is {row[0]} to {row[-1]}, must be from 0 to {n_rows - 1}")
    if item.min() < -1 or item.max() >= n_items:
        raise ValueError(f"item is {item.min()} to {item.max()}, must be from -1 to {n_items - 1}")
