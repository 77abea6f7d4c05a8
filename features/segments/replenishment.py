"""When an item is due again: the usual days between two purchases of it, or of its category where there are too few.

Gaps are counted per item and merged as sums, so that parts of the persons can be counted apart. Only completed gaps are
seen: an item bought once says nothing yet, which makes the estimate short for items bought for the first time lately.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from features import columns as c
from features.arrays import CodeArray, FloatArray, IntArray
from features.config import BaseConfig
from features.histories import MICROSECONDS_PER_DAY, AsOf, Histories
from features.segments.purchases import Purchases, kept_purchases

BY_ITEM: Final = "item"
BY_CATEGORY: Final = "category"
INTERVAL_SOURCES: Final = (BY_ITEM, BY_CATEGORY)

_GAPS: Final = pa.schema(
    [(c.ITEM_ID, pa.string()), (c.GAP_DAYS, pa.int64()), (c.COUNT, pa.int64())]
)
_INTERVALS: Final = pa.schema(
    [
        (c.ITEM_ID, pa.string()),
        (c.INTERVAL_DAYS, pa.float64()),
        (c.INTERVAL_SOURCE, pa.string()),
    ]
)


class ReplenishmentConfig(BaseConfig):
    """When an interval is believed."""

    minimum_repeats: int = Field(default=20, ge=1)
    """Repeat purchases an item needs for an interval of its own, and a category for lending its items one."""


@dataclass(frozen=True, eq=False)
class DueItems:
    """Items due again, by row, then by due time, then by item code.

    Attributes:
        row: shape (n,), row of the `AsOf`.
        item: shape (n,), item code.
        bought: shape (n,), microseconds of the last kept purchase.
        due: shape (n,), microseconds.
        by_category: shape (n,), whether the interval is the category's.
    """

    row: IntArray
    item: CodeArray
    bought: IntArray
    due: IntArray
    by_category: IntArray


def count_gaps(histories: Histories, *, as_of: datetime) -> pa.Table:
    """How often each number of days lay between two purchases of an item by one person.

    Args:
        histories: whole histories of some persons.
        as_of: purchases and refunds at or after it are not seen.

    Returns:
        item_id, gap_days (>= 1), count; sorted. Several purchases of one UTC day are one occasion.

    Invariants: the tables of two sets of persons, put together by `merge_gaps`, are the table of both.
    """
    bought = kept_purchases(histories.everyone(as_of))
    row, item, time = _of_items(histories, bought)
    day = time // MICROSECONDS_PER_DAY
    order = np.lexsort((day, item, row))
    row, item, day = row[order], item[order], day[order]
    same = (row[1:] == row[:-1]) & (item[1:] == item[:-1])
    gap = np.diff(day)
    repeat = same & (gap > 0)
    pairs, counts = np.unique(
        np.stack([item[1:][repeat], gap[repeat]], axis=1), axis=0, return_counts=True
    )
    ids = pa.array(histories.item_ids[pairs[:, 0]], pa.string())
    return pa.table([ids, pairs[:, 1], counts], schema=_GAPS)


def merge_gaps(parts: list[pa.Table]) -> pa.Table:
    """The counts of all parts together; independent of their order."""
    together = pa.concat_tables([_GAPS.empty_table(), *parts])
    summed = together.group_by([c.ITEM_ID, c.GAP_DAYS]).aggregate([(c.COUNT, "sum")])
    named = pa.table(
        [summed[c.ITEM_ID], summed[c.GAP_DAYS], summed[f"{c.COUNT}_sum"]], schema=_GAPS
    )
    return named.sort_by([(c.ITEM_ID, "ascending"), (c.GAP_DAYS, "ascending")])


def estimate_intervals(gaps: pa.Table, items: pa.Table, config: ReplenishmentConfig) -> pa.Table:
    """The usual days between two purchases of each item: the median gap.

    Args:
        gaps: as `merge_gaps` gives them.
        items: item_id and category of the catalog; an item that is not there has no category.
        config: how many repeats are enough.

    Returns:
        item_id, interval_days, interval_source (`item`, or `category` where the item's own repeats are too few), sorted
        by item. An item without either is not there.
    """
    categories = dict(zip(items[c.ITEM_ID].to_pylist(), items[c.CATEGORY].to_pylist(), strict=True))
    ids = gaps[c.ITEM_ID].to_pylist()
    category = pa.array([categories.get(item) for item in ids], pa.string())
    own = _medians(gaps[c.ITEM_ID], gaps, config.minimum_repeats)
    lent = _medians(category, gaps, config.minimum_repeats)
    rows = []
    for item in sorted(set(categories) | set(ids)):
        if item in own:
            rows.append((item, own[item], BY_ITEM))
        elif categories.get(item) in lent:
            rows.append((item, lent[categories[item]], BY_CATEGORY))
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    return pa.table(
        [pa.array(col, f.type) for col, f in zip(columns, _INTERVALS, strict=True)],
        schema=_INTERVALS,
    )


def due_items(
    history: AsOf, intervals: pa.Table, *, lead_days: float, overdue_days: float
) -> DueItems:
    """Items whose due time is at most `lead_days` ahead and at most `overdue_days` past.

    Args:
        history: n_rows rows.
        intervals: as `estimate_intervals` gives them.
        lead_days: an item counts as due this long before its time.
        overdue_days: and this long after; later the person is taken to buy it elsewhere.
    """
    histories = history.histories
    days, lent = _interval_arrays(histories, intervals)
    row, item, time = _of_items(histories, kept_purchases(history))
    order = np.lexsort((time, item, row))
    row, item, time = row[order], item[order], time[order]
    last = np.ones(len(row), np.bool_)
    last[:-1] = (row[1:] != row[:-1]) | (item[1:] != item[:-1])
    last &= np.isfinite(days[item])
    row, item, time = row[last], item[last], time[last]
    due = time + np.round(days[item] * MICROSECONDS_PER_DAY).astype(np.int64)
    ahead = (due - history.time[row]) / MICROSECONDS_PER_DAY
    is_due = (ahead <= lead_days) & (ahead >= -overdue_days)
    row, item, time, due = row[is_due], item[is_due], time[is_due], due[is_due]
    order = np.lexsort((item, due, row))
    return DueItems(
        row[order], item[order], time[order], due[order], lent[item[order]].astype(np.int64)
    )


def _of_items(histories: Histories, bought: Purchases) -> tuple[IntArray, CodeArray, IntArray]:
    item = histories.item[bought.position]
    known = item >= 0
    return bought.row[known], item[known], histories.time[bought.position[known]]


def _interval_arrays(histories: Histories, intervals: pa.Table) -> tuple[FloatArray, IntArray]:
    """Interval per item code, NaN = none, and whether it is the category's."""
    days = np.full(histories.n_items, np.nan)
    lent = np.zeros(histories.n_items, np.int64)
    code = histories.item_codes(intervals[c.ITEM_ID])
    here = code >= 0
    days[code[here]] = intervals[c.INTERVAL_DAYS].to_numpy()[here]
    by_category = pc.equal(intervals[c.INTERVAL_SOURCE], BY_CATEGORY)
    lent[code[here]] = by_category.to_numpy(zero_copy_only=False)[here]
    return days, lent


def _medians(groups: pa.Array | pa.ChunkedArray, gaps: pa.Table, minimum: int) -> dict[str, float]:
    """Weighted lower median of the gaps of each group with enough of them."""
    if not len(groups):
        return {}
    table = pa.table({c.CATEGORY: groups, c.GAP_DAYS: gaps[c.GAP_DAYS], c.COUNT: gaps[c.COUNT]})
    table = table.filter(pc.is_valid(table[c.CATEGORY]))
    table = table.sort_by([(c.CATEGORY, "ascending"), (c.GAP_DAYS, "ascending")])
    names, start = np.unique(table[c.CATEGORY].to_numpy().astype(object), return_index=True)
    gap, count = table[c.GAP_DAYS].to_numpy(), table[c.COUNT].to_numpy()
    found = {}
    for name, low, high in zip(names, start, [*start[1:], len(gap)], strict=True):
        running = np.cumsum(count[low:high])
        if running[-1] >= minimum:
            middle = np.searchsorted(running, (running[-1] + 1) // 2)
            found[str(name)] = float(gap[low + middle])
    return found
