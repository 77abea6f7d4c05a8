"""What kind of things a person looks at and buys: how many different ones, and which category above all."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.arrays import CodeArray, FloatArray, IntArray
from features.builders.feature import Feature, feature_table, ratio
from features.builders.knowledge import Knowledge, ShopCodes
from features.histories.histories import MICROSECONDS_PER_DAY, AsOf
from features.interactions import InteractionConfig, event_weights
from features.kernels import helper
from features.tables import EVENT_NAMES

AFFINITY: Final = InteractionConfig(
    weights={"view_list": 1.0, "view": 1.0, "cart_add": 3.0, "purchase": 5.0}, half_life_days=30.0
)
"""How much an event says about what a person likes; a refund takes nothing back of it."""

_WINDOW: Final = 90 * MICROSECONDS_PER_DAY
_VIEWED, _BOUGHT = 0, 1
_KIND_OF: Final = np.array(
    [{"view": _VIEWED, "view_list": _VIEWED, "purchase": _BOUGHT}.get(n, -1) for n in EVENT_NAMES],
    np.int8,
)
_NONE: Final = "no event with a known category"

CATEGORY_FEATURES: Final = (
    Feature("items_viewed_90d", "different items viewed in 90 days", "never"),
    Feature("items_bought_90d", "different items bought in 90 days", "never"),
    Feature("categories_viewed_90d", "different categories viewed, of items or lists, in 90 days", "never"),
    Feature("categories_bought_90d", "different categories bought from in 90 days", "never"),
    Feature("category_entropy_90d", "entropy of the categories of 90 days' events, nats, 0 = one category", f"{_NONE} in 90 days"),
    Feature("top_category", "code of the category liked most, the lowest of equals", _NONE),
    Feature("top_category_share", "its share of all decayed weight, 0 to 1", _NONE),
)  # fmt: skip
"""The columns of `category_features`, in order. The category of an event is that of its item in the catalog, else the one
the event names if the catalog knows it. Entropy counts, and affinity weighs, the events that `affinity` gives a weight."""


def category_features(
    history: AsOf, knowledge: Knowledge, *, affinity: InteractionConfig = AFFINITY
) -> pa.Table:
    """Diversity and affinity of each row's person, from events strictly before the row's time.

    Args:
        history: n_rows rows.
        knowledge: the catalog's categories.
        affinity: weights and half-life of what a person likes.

    Returns:
        n_rows rows in the same order, the columns of `CATEGORY_FEATURES`.

    Raises:
        ValueError: a row lies before the moment the knowledge was built.

    Invariants: unchanged by events at or after a row's time.
    """
    knowledge.require_known(history)
    columns = history.histories
    rows = (history.start, history.stop, history.time, columns.time, columns.event, columns.item)
    codes = ShopCodes.of(columns, knowledge)
    items = _distinct_items(*rows, _KIND_OF, columns.n_items)
    viewed, bought, entropy, top, most, total = _scan_categories(
        *rows,
        columns.category,
        codes.item_category,
        codes.category,
        _KIND_OF,
        event_weights(affinity),
        affinity.half_life_days * MICROSECONDS_PER_DAY,
        knowledge.attributes.n_categories,
    )
    return feature_table(
        CATEGORY_FEATURES,
        [*items.T, viewed, bought, entropy, top, ratio(most, total)],
    )


@helper
def category_at(
    position: int,
    item: CodeArray,
    category: CodeArray,
    item_category: CodeArray,
    shop_category: CodeArray,
) -> int:
    """Catalog category of an event: of its item, else the one it names; -1 = not known."""
    if item[position] >= 0 and item_category[item[position]] >= 0:
        return int(item_category[item[position]])
    return int(shop_category[category[position]]) if category[position] >= 0 else -1


@numba.njit(cache=True, nogil=True)
def _distinct_items(
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    item: CodeArray,
    kind_of: npt.NDArray[np.int8],
    n_items: int,
) -> FloatArray:
    found = np.zeros((len(start), 2))
    seen_by = np.full((n_items, 2), -1, np.int64)  # last row that counted the item
    for row in range(len(start)):
        for position in range(stop[row] - 1, start[row] - 1, -1):
            if cutoff[row] - time[position] > _WINDOW:
                break
            kind, code = kind_of[event[position]], item[position]
            if kind >= 0 and code >= 0 and seen_by[code, kind] != row:
                seen_by[code, kind] = row
                found[row, kind] += 1
    return found


@numba.njit(cache=True, nogil=True)
def _scan_categories(
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    item: CodeArray,
    category: CodeArray,
    item_category: CodeArray,
    shop_category: CodeArray,
    kind_of: npt.NDArray[np.int8],
    weight_of: FloatArray,
    half_life: float,
    n_categories: int,
) -> FloatArray:
    """One pass over each row's slice, newest first; shape (6, n_rows), see `_sum_up`."""
    found = np.zeros((6, len(start)))
    kept = np.zeros((n_categories, 4))  # viewed, bought, events of the window, decayed weight
    seen_by = np.full(n_categories, -1, np.int64)  # last row that met the category
    touched = np.empty(n_categories, np.int64)
    for row in range(len(start)):
        n_touched = 0
        for position in range(stop[row] - 1, start[row] - 1, -1):
            weight, kind = weight_of[event[position]], kind_of[event[position]]
            if weight <= 0 and kind < 0:
                continue
            code = category_at(position, item, category, item_category, shop_category)
            if code < 0:
                continue
            if seen_by[code] != row:
                seen_by[code] = row
                touched[n_touched] = code
                n_touched += 1
            age = cutoff[row] - time[position]
            kept[code, 3] += weight * np.exp2(-age / half_life)
            if age <= _WINDOW:
                kept[code, 2] += weight > 0
                if kind >= 0:
                    kept[code, kind] = 1.0
        _sum_up(row, touched, n_touched, kept, found)
    return found


@helper
def _sum_up(
    row: int, touched: IntArray, n_touched: int, kept: FloatArray, found: FloatArray
) -> None:
    """Viewed and bought categories, entropy, top category, its weight, all weight; clears what the row left."""
    events = 0.0
    for place in range(n_touched):
        events += kept[touched[place], 2]
    found[2, row] = 0.0 if events > 0 else np.nan
    found[3, row] = np.nan
    for place in range(n_touched):
        code = touched[place]
        found[0, row] += kept[code, _VIEWED]
        found[1, row] += kept[code, _BOUGHT]
        if kept[code, 2] > 0:
            share = kept[code, 2] / events
            found[2, row] -= share * np.log(share)
        weight = kept[code, 3]
        found[5, row] += weight
        if weight > found[4, row] or (weight == found[4, row] and code < found[3, row]):
            found[3, row] = code
            found[4, row] = weight
        for column in range(4):
            kept[code, column] = 0.0
