"""Which items are due again: bought before, and gone for as long as they usually last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import BoolArray, CodeArray, IntArray
from features.builders.knowledge import Knowledge, ShopCodes
from features.builders.replenishment import CATEGORY, prior_intervals
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE, AsOf
from features.segments.purchases import kept_purchases

BY_ITEM: Final = "item"
BY_CATEGORY: Final = "category"
"""Where an interval comes from: from the item's own repeats, or from its category's where it has too few."""


@dataclass(frozen=True, eq=False)
class DueItems:
    """Items due again, by row, then by due time, then by item code.

    Attributes:
        row: shape (n,), row of the `AsOf`.
        item: shape (n,), item code of the histories.
        bought: shape (n,), microseconds of the last kept purchase.
        due: shape (n,), microseconds.
        by_category: shape (n,), whether the interval is the category's.
    """

    row: IntArray
    item: CodeArray
    bought: IntArray
    due: IntArray
    by_category: BoolArray


def due_items(
    history: AsOf, knowledge: Knowledge, *, lead_days: float, overdue_days: float
) -> DueItems:
    """Items whose due time is at most `lead_days` ahead and at most `overdue_days` past.

    Args:
        history: n_rows rows.
        knowledge: the whole shop, with the counts that intervals are estimated from.
        lead_days: an item counts as due this long before its time.
        overdue_days: and this long after; later the person is taken to buy it elsewhere.

    Invariants: an item without an interval is never due; unchanged by events and refunds at or after a row's time.
    """
    histories = history.histories
    interval, source = prior_intervals(knowledge)
    code = ShopCodes.of(histories, knowledge).item
    days = np.append(interval, np.nan)[code]
    lent = np.append(source, np.nan)[code] == CATEGORY
    kept = kept_purchases(history)
    item = histories.item[kept.position]
    named = item != NO_CODE
    row, item, time = kept.row[named], item[named], histories.time[kept.position[named]]
    order = np.lexsort((time, item, row))
    row, item, time = row[order], item[order], time[order]
    last = np.ones(len(row), np.bool_)
    last[:-1] = (row[1:] != row[:-1]) | (item[1:] != item[:-1])
    last &= np.isfinite(days[item])
    row, item, time = row[last], item[last], time[last]
    due = time + np.round(days[item] * MICROSECONDS_PER_DAY).astype(np.int64)
    ahead = (due - history.time[row]) / MICROSECONDS_PER_DAY
    is_due = np.flatnonzero((ahead <= lead_days) & (ahead >= -overdue_days))
    order = is_due[np.lexsort((item[is_due], due[is_due], row[is_due]))]
    return DueItems(row[order], item[order], time[order], due[order], lent[item[order]])
