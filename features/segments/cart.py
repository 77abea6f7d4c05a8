"""The cart as events show it: which items are left in it, what they are worth, and whether checkout was reached.

A purchase or a removal takes a line out; a purchase that names no item takes them all. Within one moment additions come
first, then removals, checkouts, purchases, so that the order in which a tag fires does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from features.arrays import BoolArray, CodeArray, FloatArray, IntArray
from features.histories.histories import AsOf
from features.tables import EVENT_NAMES

_RANKS: Final = {"cart_add": 0, "cart_remove": 1, "checkout": 2, "purchase": 3}
_ADD, _REMOVE, _CHECKOUT, _PURCHASE = range(4)
_NO_LINE: Final = -1
_NO_RANK: Final = -1


@dataclass(frozen=True, eq=False)
class CartLines:
    """Lines left in carts, by row, then in the order of their first addition.

    Attributes:
        row: shape (n_lines,), row of the `AsOf`.
        item: shape (n_lines,), item code.
        units: shape (n_lines,), above 0; an addition without quantity is one unit.
        value: shape (n_lines,), money of the units left at the latest known unit value, NaN = never recorded.
        added: shape (n_lines,), microseconds of the last addition.
        checked_out: shape (n_lines,), whether a checkout followed while the line was in the cart.
        checkout: shape (n_rows,), microseconds of the row's last checkout, -1 = none.
    """

    row: IntArray
    item: CodeArray
    units: FloatArray
    value: FloatArray
    added: IntArray
    checked_out: BoolArray
    checkout: IntArray


def open_carts(history: AsOf, *, window_days: float) -> CartLines:
    """What is left in each row's cart.

    Args:
        history: n_rows rows.
        window_days: events older than this do not count: what was added before is forgotten.

    Invariants: unchanged by events at or after a row's time, and by the order of events of one moment that touch
    different items.
    """
    columns = history.histories
    rank_of = np.array([_RANKS.get(name, _NO_RANK) for name in EVENT_NAMES])
    row, position = history.events()
    rank = rank_of[columns.event[position]]
    keep = (rank != _NO_RANK) & (history.age_days(row, position) <= window_days)
    row, position, rank = row[keep], position[keep], rank[keep]
    order = np.lexsort((columns.item[position], rank, columns.time[position], row))
    row, position, rank = row[order], position[order], rank[order]
    lines = _replay(
        row,
        rank,
        columns.time[position],
        columns.item[position],
        columns.quantity[position],
        columns.value[position],
        len(history),
        columns.n_items,
    )
    return CartLines(*lines)


@numba.njit(cache=True, nogil=True)
def _replay(
    row: IntArray,
    rank: IntArray,
    time: IntArray,
    item: CodeArray,
    quantity: FloatArray,
    value: FloatArray,
    n_rows: int,
    n_items: int,
) -> tuple[IntArray, CodeArray, FloatArray, FloatArray, IntArray, BoolArray, IntArray]:
    """Events in order of (row, time, rank); a line is open while it lies in the cart of the row at hand."""
    most = np.sum(rank == _ADD)
    line_row = np.zeros(most, np.int64)
    line_item = np.zeros(most, np.int32)
    units = np.zeros(most)
    unit_value = np.full(most, np.nan)
    added = np.zeros(most, np.int64)
    checked_out = np.zeros(most, np.bool_)
    checkout = np.full(n_rows, -1, np.int64)
    open_line = np.full(n_items, _NO_LINE, np.int64)
    count, first = 0, 0
    for event in range(len(row)):
        if event and row[event] != row[event - 1]:
            open_line[line_item[first:count]] = _NO_LINE
            first = count
        if rank[event] == _CHECKOUT:
            checkout[row[event]] = time[event]
            for line in range(first, count):
                checked_out[line] |= units[line] > 0
        elif rank[event] != _ADD:
            bought = rank[event] == _PURCHASE
            _take_out(
                first, count, item[event], quantity[event], bought, units, line_item, open_line
            )
        elif item[event] >= 0 and quantity[event] != 0:
            line = open_line[item[event]]
            if line == _NO_LINE:
                line = count
                count += 1
                open_line[item[event]] = line
                line_row[line], line_item[line] = row[event], item[event]
            amount = 1.0 if np.isnan(quantity[event]) else quantity[event]
            units[line] += amount
            added[line] = time[event]
            if not np.isnan(value[event]):
                unit_value[line] = value[event] / amount
    left = np.flatnonzero(units[:count] > 0)
    money = units[left] * unit_value[left]
    return (
        line_row[left],
        line_item[left],
        units[left],
        money,
        added[left],
        checked_out[left],
        checkout,
    )


@numba.njit(cache=True, nogil=True)
def _take_out(
    first: int,
    count: int,
    item: int,
    quantity: float,
    bought: bool,
    units: FloatArray,
    line_item: CodeArray,
    open_line: IntArray,
) -> None:
    """Lines `first:count` are those of the row at hand."""
    for line in range(first, count):
        if line_item[line] != item and not (bought and item < 0):
            continue
        if bought or np.isnan(quantity) or quantity >= units[line]:
            units[line] = 0.0
            open_line[line_item[line]] = _NO_LINE
        else:
            units[line] -= quantity
