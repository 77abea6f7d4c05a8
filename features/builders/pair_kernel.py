"""One pass over a person's events for all of the person's candidates: the kernel of the pair features.

The candidates of a row lie in numbered slots; an event finds its slot, or the slot of its category, by the item's code. So
the work grows with events plus candidates, not with their product.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import CodeArray, FloatArray, IntArray
from features.builders.baskets import units_of
from features.builders.categories import category_at
from features.builders.item_counts import OCCASION
from features.builders.replenishment import MIN_OWN_GAPS, OWN
from features.histories.histories import MICROSECONDS_PER_DAY
from features.histories.reversals import Reversals, is_taken_back
from features.kernels import helper
from features.tables import EVENT_NAMES

RECENT_ITEMS: Final = 10
"""Different items touched last that similarity looks at."""

CART_DAYS: Final = 30
"""Additions older than this no longer lie in a cart."""

N_COLUMNS: Final = 20

_CART: Final = CART_DAYS * MICROSECONDS_PER_DAY
_MONTH: Final = 30 * MICROSECONDS_PER_DAY
_QUARTER: Final = 90 * MICROSECONDS_PER_DAY
_LIST, _VIEW, _ADD, _REMOVE, _BUY = (
    EVENT_NAMES.index(name) for name in ("view_list", "view", "cart_add", "cart_remove", "purchase")
)

# what is kept per slot during the pass
_VIEWS, _ADDS, _BUYS, _VIEWED, _ADDED, _BOUGHT, _UNITS, _REMOVED, _FIRST, _OCCASION, _GAPS = range(
    11
)
_N_KEPT: Final = 11

# what is kept per category
_TOUCHES, _PURCHASES, _TOUCHED, _WEIGHT = range(4)
_N_KEPT_CATEGORY: Final = 4


class Events(NamedTuple):
    """Slices of the rows, and the columns they point into."""

    start: IntArray
    stop: IntArray
    cutoff: IntArray
    time: IntArray
    event: npt.NDArray[np.int8]
    item: CodeArray
    category: CodeArray
    quantity: FloatArray


class Shop(NamedTuple):
    """Codes of the part in the whole shop; then, by code in the shop, what is known of each item."""

    item_code: CodeArray
    part_category: CodeArray
    category_code: CodeArray
    category: CodeArray
    price: FloatArray
    interval: FloatArray
    source: FloatArray
    similar_offsets: IntArray
    similar_item: IntArray
    similar_value: FloatArray


class Candidates(NamedTuple):
    """Pairs of row r are `offsets[r]:offsets[r + 1]`; item is a code in the shop, -1 = unknown."""

    offsets: IntArray
    item: IntArray


class _Scratch(NamedTuple):
    """What one row writes; an entry counts only if its `by` names the row, so nothing is cleared."""

    slot_by: IntArray
    slot: IntArray
    category_by: IntArray
    kept: FloatArray
    category: FloatArray
    similarity: FloatArray
    recent: IntArray


@numba.njit(cache=True, nogil=True)
def scan_pairs(
    events: Events,
    reversals: Reversals,
    shop: Shop,
    candidates: Candidates,
    weight_of: FloatArray,
    half_life: float,
    usual_price: FloatArray,
    n_categories: int,
    found: FloatArray,
) -> None:
    """Fill `found`, shape (N_COLUMNS, n_pairs), row by row."""
    most = 0
    for row in range(len(events.start)):
        most = max(most, candidates.offsets[row + 1] - candidates.offsets[row])
    scratch = _Scratch(
        np.full(len(shop.category), -1, np.int64),
        np.zeros(len(shop.category), np.int64),
        np.full(n_categories, -1, np.int64),
        np.zeros((most, _N_KEPT)),
        np.zeros((n_categories, _N_KEPT_CATEGORY)),
        np.zeros((most, 2)),
        np.zeros(RECENT_ITEMS, np.int64),
    )
    for row in range(len(events.start)):
        begin, end = candidates.offsets[row], candidates.offsets[row + 1]
        if begin == end:
            continue
        _take_places(row, begin, end, candidates, shop, scratch)
        total = _replay(row, end - begin, events, reversals, shop, scratch, weight_of, half_life)
        _compare_recent(row, events, shop, scratch)
        for pair in range(begin, end):
            code = candidates.item[pair]
            slot = scratch.slot[code] if code >= 0 else pair - begin
            _write(pair, slot, code, total, usual_price[row], shop, scratch, found)


@helper
def _take_places(
    row: int, begin: int, end: int, candidates: Candidates, shop: Shop, scratch: _Scratch
) -> None:
    """A slot for each candidate, an entry for each category of one; a repeated item shares one slot."""
    for pair in range(begin, end):
        slot = pair - begin
        for place in range(_N_KEPT):
            scratch.kept[slot, place] = 0.0
        scratch.kept[slot, _VIEWED] = scratch.kept[slot, _ADDED] = np.nan
        scratch.kept[slot, _BOUGHT] = np.nan
        scratch.similarity[slot, 0] = scratch.similarity[slot, 1] = 0.0
        code = candidates.item[pair]
        if code < 0:
            continue
        scratch.slot_by[code] = row
        scratch.slot[code] = slot
        category = shop.category[code]
        if category >= 0 and scratch.category_by[category] != row:
            scratch.category_by[category] = row
            for place in range(_N_KEPT_CATEGORY):
                scratch.category[category, place] = 0.0
            scratch.category[category, _TOUCHED] = np.nan


@helper
def _replay(
    row: int,
    n_slots: int,
    events: Events,
    reversals: Reversals,
    shop: Shop,
    scratch: _Scratch,
    weight_of: FloatArray,
    half_life: float,
) -> float:
    """Every event of the row's slice, oldest first; returns the decayed weight of all known categories."""
    total = 0.0
    moment_ends = events.start[row]
    for position in range(events.start[row], events.stop[row]):
        if position == moment_ends:
            while (
                moment_ends < events.stop[row] and events.time[moment_ends] == events.time[position]
            ):
                moment_ends += 1
            if events.cutoff[row] - events.time[position] <= _CART:
                _move_cart(row, n_slots, position, moment_ends, events, shop, scratch)
        total += _touch_category(row, position, events, shop, scratch, weight_of, half_life)
        part = events.item[position]
        code = shop.item_code[part] if part >= 0 else -1
        if code >= 0 and scratch.slot_by[code] == row:
            _touch_item(row, position, events, reversals, scratch.kept[scratch.slot[code]])
    return total


@helper
def _touch_category(
    row: int,
    position: int,
    events: Events,
    shop: Shop,
    scratch: _Scratch,
    weight_of: FloatArray,
    half_life: float,
) -> float:
    """Enter an event into its category; returns its decayed weight, 0 where the category is not known."""
    event = events.event[position]
    touches = event in (_VIEW, _LIST, _ADD, _BUY)
    if not touches and weight_of[event] <= 0:
        return 0.0
    category = category_at(
        position, events.item, events.category, shop.part_category, shop.category_code
    )
    if category < 0:
        return 0.0
    age = events.cutoff[row] - events.time[position]
    weight = weight_of[event] * np.exp2(-age / half_life) if weight_of[event] > 0 else 0.0
    if scratch.category_by[category] == row:
        kept = scratch.category[category]
        kept[_WEIGHT] += weight
        if touches:
            kept[_TOUCHED] = age / MICROSECONDS_PER_DAY
            kept[_TOUCHES] += age <= _MONTH
            kept[_PURCHASES] += event == _BUY and age <= _QUARTER
    return weight


@helper
def _touch_item(
    row: int, position: int, events: Events, reversals: Reversals, kept: FloatArray
) -> None:
    """Enter an event into the slot of its item."""
    event = events.event[position]
    days = (events.cutoff[row] - events.time[position]) / MICROSECONDS_PER_DAY
    if event == _VIEW:
        kept[_VIEWS] += 1
        kept[_VIEWED] = days
    elif event == _ADD:
        kept[_ADDS] += 1
        kept[_ADDED] = days
    elif event == _BUY:
        if is_taken_back(position, events.cutoff[row], events.quantity, reversals):
            return
        moment = float(events.time[position] - events.time[events.start[row]])
        if kept[_BUYS] == 0:
            kept[_FIRST] = kept[_OCCASION] = moment
        elif moment - kept[_OCCASION] >= OCCASION:
            kept[_GAPS] += 1
            kept[_OCCASION] = moment
        kept[_BUYS] += 1
        kept[_BOUGHT] = days


@helper
def _move_cart(
    row: int, n_slots: int, begin: int, end: int, events: Events, shop: Shop, scratch: _Scratch
) -> None:
    """The events of one moment: additions, then removals, then purchases."""
    for kind in (_ADD, _REMOVE, _BUY):
        for position in range(begin, end):
            if events.event[position] != kind:
                continue
            part = events.item[position]
            if part < 0:
                if kind == _BUY:
                    for slot in range(n_slots):
                        scratch.kept[slot, _UNITS] = 0.0
                continue
            code = shop.item_code[part]
            if code < 0 or scratch.slot_by[code] != row:
                continue
            kept = scratch.kept[scratch.slot[code]]
            if kind == _ADD:
                kept[_UNITS] += units_of(events.quantity[position])
            elif kind == _BUY:
                kept[_UNITS] = 0.0
            else:
                quantity = events.quantity[position]
                taken = kept[_UNITS] if np.isnan(quantity) else min(quantity, kept[_UNITS])
                kept[_UNITS] -= taken
                kept[_REMOVED] += taken


@helper
def _is_among(code: int, codes: IntArray, n_codes: int) -> bool:
    among = False
    for place in range(n_codes):
        among = among or codes[place] == code
    return among


@helper
def _compare_recent(row: int, events: Events, shop: Shop, scratch: _Scratch) -> None:
    """Similarity of each candidate to the different items touched last, itself left out."""
    n_recent = 0
    for position in range(events.stop[row] - 1, events.start[row] - 1, -1):
        if n_recent == RECENT_ITEMS:
            break
        part = events.item[position]
        if part < 0 or events.event[position] not in (_VIEW, _ADD, _BUY):
            continue
        code = shop.item_code[part]
        if code < 0 or _is_among(code, scratch.recent, n_recent):
            continue
        scratch.recent[n_recent] = code
        n_recent += 1
        for entry in range(shop.similar_offsets[code], shop.similar_offsets[code + 1]):
            other = shop.similar_item[entry]
            if other != code and scratch.slot_by[other] == row:
                likeness = scratch.similarity[scratch.slot[other]]
                likeness[0] += shop.similar_value[entry]
                likeness[1] = max(likeness[1], shop.similar_value[entry])


@helper
def _write(
    pair: int,
    slot: int,
    code: int,
    total: float,
    usual_price: float,
    shop: Shop,
    scratch: _Scratch,
    found: FloatArray,
) -> None:
    """The columns of one pair."""
    kept = scratch.kept[slot]
    for column in range(6):
        found[column, pair] = kept[column]
    found[6, pair] = 1.0 if kept[_UNITS] > 0 else 0.0
    found[7, pair] = kept[_UNITS]
    found[8, pair] = kept[_REMOVED]
    _write_interval(pair, code, kept, shop, found)
    for column in range(13, 18):
        found[column, pair] = np.nan
    category = shop.category[code] if code >= 0 else -1
    if category >= 0:
        for column in range(3):
            found[13 + column, pair] = scratch.category[category, column]
        if total > 0:
            found[16, pair] = scratch.category[category, _WEIGHT] / total
    if code >= 0 and usual_price > 0:
        found[17, pair] = shop.price[code] / usual_price
    found[18, pair] = scratch.similarity[slot, 0]
    found[19, pair] = scratch.similarity[slot, 1]


@helper
def _write_interval(pair: int, code: int, kept: FloatArray, shop: Shop, found: FloatArray) -> None:
    """Interval, source, days until due, overdue ratio."""
    for column in range(9, 13):
        found[column, pair] = np.nan
    if kept[_BUYS] == 0:
        return
    interval, source = shop.interval[code], shop.source[code]
    if kept[_GAPS] >= MIN_OWN_GAPS:
        interval = (kept[_OCCASION] - kept[_FIRST]) / kept[_GAPS] / MICROSECONDS_PER_DAY
        source = OWN
    found[9, pair] = interval
    found[10, pair] = source
    found[11, pair] = interval - kept[_BOUGHT]
    found[12, pair] = kept[_BOUGHT] / interval
