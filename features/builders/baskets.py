"""How a person buys: what an order holds, and at which price."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.arrays import CodeArray, FloatArray, IntArray
from features.builders.feature import Feature, feature_table, ratio
from features.histories.histories import MICROSECONDS_PER_DAY, AsOf, same_order
from features.kernels import helper
from features.tables import EVENT_NAMES

_PURCHASE: Final = EVENT_NAMES.index("purchase")
_BASKET_WINDOW: Final = 90 * MICROSECONDS_PER_DAY
_PRICE_WINDOW: Final = 365 * MICROSECONDS_PER_DAY
_NO_ORDER: Final = "no order in 90 days"
_NO_PRICE: Final = "no purchase of known value in 365 days"

BASKET_FEATURES: Final = (
    Feature("orders_90d", "orders in the last 90 days", "never"),
    Feature("basket_value", "mean money per order of 90 days, refunds not taken off", _NO_ORDER),
    Feature("basket_lines", "mean purchases per order of 90 days", _NO_ORDER),
    Feature("basket_units", "mean units per order of 90 days", _NO_ORDER),
    Feature("unit_price_mean", "mean price paid per unit over purchases of 365 days", _NO_PRICE),
    Feature("unit_price_median", "median price paid per unit over purchases of 365 days", _NO_PRICE),
)  # fmt: skip
"""The columns of `basket_features`, in order. A purchase without quantity is one unit; one without value is no money in a
basket and no price; one of zero units has no price."""


def basket_features(history: AsOf) -> pa.Table:
    """Baskets and price level of each row's person, from events strictly before the row's time.

    Args:
        history: n_rows rows.

    Returns:
        n_rows rows in the same order, the columns of `BASKET_FEATURES`.

    Invariants: unchanged by events at or after a row's time.
    """
    orders, totals, mean_price, median_price = scan_baskets(history)
    return feature_table(
        BASKET_FEATURES,
        [
            orders,
            *(ratio(totals[:, kind], orders) for kind in range(totals.shape[1])),
            mean_price,
            median_price,
        ],
    )


def scan_baskets(history: AsOf) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Orders; money, lines and units of shape (n_rows, 3); mean and median price paid; as the features say."""
    columns = history.histories
    orders, totals, prices = _scan(
        history.start,
        history.stop,
        history.time,
        columns.time,
        columns.event,
        columns.transaction,
        columns.quantity,
        columns.value,
    )
    return orders, totals, prices[:, 0], prices[:, 1]


@helper
def units_of(quantity: float) -> float:
    """Units of an event; one where no quantity is recorded."""
    return 1.0 if np.isnan(quantity) else quantity


@numba.njit(cache=True, nogil=True)
def _scan(
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    transaction: CodeArray,
    quantity: FloatArray,
    value: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """One pass over each row's slice, newest first, up to the end of the longer window."""
    rows = len(start)
    orders = np.zeros(rows)
    totals = np.zeros((rows, 3))  # money, lines, units
    prices = np.full((rows, 2), np.nan)  # mean, median
    longest = 0
    for row in range(rows):
        longest = max(longest, stop[row] - start[row])
    paid = np.empty(longest)
    for row in range(rows):
        newer = -1
        n_paid = 0
        for position in range(stop[row] - 1, start[row] - 1, -1):
            age = cutoff[row] - time[position]
            if age > _PRICE_WINDOW:
                break
            if event[position] != _PURCHASE:
                continue
            units = units_of(quantity[position])
            money = value[position]
            if not np.isnan(money) and units > 0:
                paid[n_paid] = money / units
                n_paid += 1
            if age <= _BASKET_WINDOW:
                orders[row] += not same_order(position, newer, time, transaction)
                totals[row, 0] += 0.0 if np.isnan(money) else money
                totals[row, 1] += 1
                totals[row, 2] += units
            newer = position
        if n_paid:
            prices[row, 0] = _mean(paid, n_paid)
            upper, lower = n_paid // 2, (n_paid - 1) // 2
            prices[row, 1] = (_select(paid, n_paid, lower) + _select(paid, n_paid, upper)) / 2
    return orders, totals, prices


@helper
def _mean(values: FloatArray, n_values: int) -> float:
    total = 0.0
    for place in range(n_values):
        total += values[place]
    return total / n_values


@helper
def _select(values: FloatArray, n_values: int, rank: int) -> float:
    """The value with `rank` smaller ones before it, by Hoare's selection; moves the values about.

    NumPy's median does the same, but takes numba five seconds to compile.
    """
    low, high = 0, n_values - 1
    while low < high:
        pivot, left, right = values[rank], low, high
        while left <= right:
            while values[left] < pivot:
                left += 1
            while pivot < values[right]:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left, right = left + 1, right - 1
        if right < rank:
            low = left
        if rank < left:
            high = right
    return float(values[rank])
