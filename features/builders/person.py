"""What is known about a person at a moment: order counts, spend, recency, rhythm.

One row per (person, time) of an `AsOf`, so nothing at or after the moment can enter. An *order* is a run of purchases of
one transaction at one time; a purchase without transaction id is an order of its own.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.arrays import FloatArray, IntArray
from features.builders.feature import Feature, feature_table, ratio
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE, AsOf, same_order
from features.tables import EVENT_NAMES

FEATURES: Final = (
    Feature("recency_days", "days since the last order", "no order yet"),
    Feature("tenure_days", "days since the first order", "no order yet"),
    Feature("orders_7d", "orders in the last 7 days", "never"),
    Feature("orders_28d", "orders in the last 28 days", "never"),
    Feature("orders_91d", "orders in the last 91 days", "never"),
    Feature("spend_28d", "money spent in the last 28 days", "never"),
    Feature("spend_91d", "money spent in the last 91 days", "never"),
    Feature("order_value", "mean money per order in the last 91 days", "no order in 91 days"),
    Feature("lines_per_order", "mean purchases per order in the last 91 days", "no order in 91 days"),
    Feature("gap_days", "mean days between orders, over all time", "fewer than two orders"),
    Feature("gap_ratio", "recency over mean gap; above 1 = overdue", "fewer than two orders"),
    Feature("spend_trend", "spend of 28 days over a 28-day share of 91 days", "no spend in 91 days"),
    Feature("distinct_items_91d", "different items bought in the last 91 days", "never"),
)  # fmt: skip
"""The columns of `person_features`, in order, all float64."""

_WINDOWS: Final = np.array([7, 28, 91]) * MICROSECONDS_PER_DAY
_PURCHASE: Final = EVENT_NAMES.index("purchase")


def person_features(history: AsOf) -> pa.Table:
    """Features of each row's person, from events strictly before the row's time.

    Args:
        history: n_rows rows.

    Returns:
        n_rows rows in the same order, the columns of `FEATURES`.

    Invariants: unchanged by events at or after a row's time, and by other persons' events.
    """
    columns = history.histories
    raw = _scan(
        history.start,
        history.stop,
        history.time,
        columns.time,
        columns.event,
        columns.item,
        columns.transaction,
        columns.value,
        columns.n_items,
    )
    first, last, orders_ever, orders, spend, lines, distinct = raw
    day = float(MICROSECONDS_PER_DAY)
    ordered = orders_ever > 0
    recency = np.where(ordered, (history.time - last) / day, np.nan)
    tenure = np.where(ordered, (history.time - first) / day, np.nan)
    gap = ratio(np.where(ordered, (last - first) / day, 0.0), orders_ever - 1.0)
    values = (
        recency,
        tenure,
        orders[:, 0],
        orders[:, 1],
        orders[:, 2],
        spend[:, 1],
        spend[:, 2],
        ratio(spend[:, 2], orders[:, 2]),
        ratio(lines, orders[:, 2]),
        gap,
        ratio(recency, gap),
        ratio(spend[:, 1], spend[:, 2] * 28 / 91),
        distinct,
    )
    return feature_table(FEATURES, values)


@numba.njit(cache=True, nogil=True)
def _scan(
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    item: npt.NDArray[np.int32],
    transaction: npt.NDArray[np.int64],
    value: FloatArray,
    n_items: int,
) -> tuple[IntArray, IntArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """One pass over each row's slice, newest first."""
    rows = len(start)
    first = np.zeros(rows, np.int64)
    last = np.zeros(rows, np.int64)
    orders_ever = np.zeros(rows)
    orders = np.zeros((rows, len(_WINDOWS)))
    spend = np.zeros((rows, len(_WINDOWS)))
    lines = np.zeros(rows)
    distinct = np.zeros(rows)
    seen_by = np.full(n_items, NO_CODE, np.int64)  # last row that counted the item
    for row in range(rows):
        newer = -1
        for position in range(stop[row] - 1, start[row] - 1, -1):
            if event[position] != _PURCHASE:
                continue
            age = cutoff[row] - time[position]
            begins_order = not same_order(position, newer, time, transaction)
            newer = position
            if begins_order:
                orders_ever[row] += 1
                first[row] = time[position]
                if orders_ever[row] == 1:
                    last[row] = time[position]
            money = 0.0 if np.isnan(value[position]) else value[position]
            for window in range(len(_WINDOWS)):
                if age <= _WINDOWS[window]:
                    orders[row, window] += begins_order
                    spend[row, window] += money
            if age <= _WINDOWS[len(_WINDOWS) - 1]:
                lines[row] += 1
                if item[position] != NO_CODE and seen_by[item[position]] != row:
                    seen_by[item[position]] = row
                    distinct[row] += 1
    return first, last, orders_ever, orders, spend, lines, distinct
