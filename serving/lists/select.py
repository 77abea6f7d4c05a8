"""Which candidates make a list: pins first, then the model's order, what is lost replaced, what is missing filled, under caps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import BoolArray, CodeArray, IntArray
from features.kernels import helper
from serving.lists.chain import (
    BEST_SELLER,
    CATEGORY,
    CATEGORY_PRICE,
    GROUP,
    PARENT,
    PINNED,
    STATIC,
    Chain,
)

NOTHING: Final = -1
_LATER: Final = -2
"""No item now, but one that waits for a cap to give way."""

_ANY_PRICE: Final = 0.0
_BURIED_TOO: Final = 1
"""Concessions from which buried items are let in; every further one is a cap that gives way."""

LevelArray = npt.NDArray[np.int8]


class Candidates(NamedTuple):
    """What n rows could be shown, best first.

    Attributes:
        items: shape (n, p), codes of the shelf, -1 = nothing.
        level: shape (n, p), code of `LIST_LEVELS`.
        lost: shape (n, p), the item itself cannot be shown; a replacement can.
        origins: shape (n, o), items whose stand-ins fill a short list, -1 = none.
        place: shape (n,), row of `Chain.allowed`.
        barred_indptr, barred: CSR, items that the row must not be shown.
    """

    items: CodeArray
    level: LevelArray
    lost: BoolArray
    origins: CodeArray
    place: IntArray
    barred_indptr: IntArray
    barred: CodeArray


class Wishes(NamedTuple):
    """What the shop asks of every list.

    Attributes:
        pins: item codes that come first.
        buried: shape (n_items,), shown only where nothing else is left.
        cap_codes: shape (n_caps, n_items), value of each capped attribute, -1 = not counted.
        cap_most: shape (n_caps,), items of one value in a list; caps give way from the last to the first.
    """

    pins: CodeArray
    buried: BoolArray
    cap_codes: CodeArray
    cap_most: IntArray


@dataclass(frozen=True, eq=False)
class Selection:
    """The lists of n rows.

    Attributes:
        items: shape (n, width), codes of the shelf, -1 = nothing, only at the end of a row.
        column: shape (n, width), the candidate that stands there or is replaced, -1 = none of them.
        level: shape (n, width), code of `LIST_LEVELS`.
        origin: shape (n, width), the item it stands in for, -1 = none.
        relaxed: shape (n,), caps that gave way, counted from the last.
    """

    items: CodeArray
    column: IntArray
    level: LevelArray
    origin: CodeArray
    relaxed: IntArray


class _Work(NamedTuple):
    """What the kernel reads, and the lists it writes; `taken_for` is the last row that holds, or is barred from, an item."""

    candidates: Candidates
    chain: Chain
    wishes: Wishes
    items: CodeArray
    column: IntArray
    level: LevelArray
    origin: CodeArray
    taken_for: IntArray


def select(candidates: Candidates, chain: Chain, wishes: Wishes, *, width: int) -> Selection:
    """Fill the lists.

    A round takes candidates in their order (a lost one is replaced in place by one of its group), then stand-ins of the
    origins level by level, one per origin in turn, then best sellers; pins stand before all. An item that breaks a cap, or
    is buried, waits. If places are left after a round and something waits, there is a further round with a concession:
    buried items first, then the last cap gives way, then the one before.

    Args:
        candidates: n rows.
        chain: the stand-ins.
        wishes: pins, burials, caps.
        width: places of a list, >= 1.

    Invariants: no barred or disallowed item; none twice in a row; a place stays empty only where nothing allowed is left;
        caps that did not give way hold, but for pins.
    """
    n = len(candidates.items)
    found = Selection(
        items=np.full((n, width), NOTHING, np.int32),
        column=np.full((n, width), NOTHING, np.int64),
        level=np.full((n, width), STATIC, np.int8),
        origin=np.full((n, width), NOTHING, np.int32),
        relaxed=np.zeros(n, np.int64),
    )
    taken_for = np.full(chain.allowed.shape[1], -1, np.int64)
    lists = (found.items, found.column, found.level, found.origin, taken_for)
    _select(_Work(candidates, chain, wishes, *lists), found.relaxed)
    return found


@numba.njit(cache=True, nogil=True)
def _select(work: _Work, relaxed: IntArray) -> None:
    width = work.items.shape[1]
    barred, indptr = work.candidates.barred, work.candidates.barred_indptr
    for row in range(len(work.items)):
        for entry in range(indptr[row], indptr[row + 1]):
            work.taken_for[barred[entry]] = row
        filled = 0
        for pin in work.wishes.pins:
            if filled < width and _may_have(work, row, pin):
                filled = _add(work, row, filled, pin, PINNED, NOTHING, NOTHING)
        pinned, concessions = filled, 0
        while True:
            filled, kept = _take_candidates(work, row, filled, concessions)
            filled, more = _take_stand_ins(work, row, filled, concessions)
            filled, rest = _take_popular(work, row, filled, concessions)
            if filled == width or not (kept or more or rest):
                break
            concessions += 1
        relaxed[row] = max(concessions - _BURIED_TOO, 0)
        _sort(work, row, pinned, filled)


@helper
def _take_candidates(work: _Work, row: int, filled: int, concessions: int) -> tuple[int, bool]:
    """The candidates that fit, in their order; places taken then, and whether one waits."""
    candidates, waiting = work.candidates, False
    for at in range(candidates.items.shape[1]):
        source = candidates.items[row, at]
        if filled == work.items.shape[1]:
            break
        if source == NOTHING or _stands(work, row, filled, at):
            continue
        level, instead = candidates.level[row, at], NOTHING
        if not candidates.lost[row, at]:
            item = _if_fitting(work, row, filled, concessions, source)
        else:
            level, instead = GROUP, source
            item = _stand_in(work, row, filled, concessions, source, GROUP)
            if item < 0 and work.chain.category_in_place:
                level = CATEGORY_PRICE
                other = _stand_in(work, row, filled, concessions, source, CATEGORY_PRICE)
                item = item if other == NOTHING else other
        waiting |= item == _LATER
        if item >= 0:
            filled = _add(work, row, filled, item, level, instead, at)
    return filled, waiting


@helper
def _take_stand_ins(work: _Work, row: int, filled: int, concessions: int) -> tuple[int, bool]:
    """Stand-ins of the origins, level by level, one per origin in turn."""
    origins, waiting = work.candidates.origins, False
    for level in (GROUP, CATEGORY_PRICE, CATEGORY, PARENT):
        more = True
        while more and filled < work.items.shape[1]:
            more = False
            for at in range(origins.shape[1]):
                source = origins[row, at]
                if source == NOTHING or filled == work.items.shape[1]:
                    continue
                item = _stand_in(work, row, filled, concessions, source, level)
                waiting |= item == _LATER
                if item >= 0:
                    filled = _add(work, row, filled, item, level, source, NOTHING)
                    more = True
    return filled, waiting


@helper
def _take_popular(work: _Work, row: int, filled: int, concessions: int) -> tuple[int, bool]:
    waiting = False
    for candidate in work.chain.popular:
        if filled == work.items.shape[1]:
            break
        item = _if_fitting(work, row, filled, concessions, candidate)
        waiting |= item == _LATER
        if item >= 0:
            filled = _add(work, row, filled, item, BEST_SELLER, NOTHING, NOTHING)
    return filled, waiting


@helper
def _stand_in(work: _Work, row: int, filled: int, concessions: int, source: int, level: int) -> int:
    """The most popular item that fits and stands in for `source` at a level."""
    chain = work.chain
    if level == GROUP:
        group = chain.group[source]
        if group < 0:
            return NOTHING
        begin, end = chain.group_offsets[group], chain.group_offsets[group + 1]
        return int(
            _first(
                work, row, filled, concessions, chain.group_items, begin, end, _ANY_PRICE, source
            )
        )
    node = chain.node[source]
    if level == PARENT and node >= 0:
        node = chain.parent[node]
    near = chain.price[source] if level == CATEGORY_PRICE else _ANY_PRICE
    if np.isnan(near):
        return NOTHING
    later = NOTHING
    while node >= 0:
        begin, end = chain.node_offsets[node], chain.node_offsets[node + 1]
        item = _first(work, row, filled, concessions, chain.node_items, begin, end, near, source)
        if item >= 0:
            return int(item)
        later = min(later, item)
        node = chain.parent[node] if level == PARENT else NOTHING
    return later


@helper
def _first(
    work: _Work,
    row: int,
    filled: int,
    concessions: int,
    listed: CodeArray,
    begin: int,
    end: int,
    near: float,
    source: int,
) -> int:
    """The first item of `listed[begin:end]`, but for `source`, that fits and costs about `near`; 0 = any price."""
    later, band = NOTHING, work.chain.band
    for position in range(begin, end):
        price = work.chain.price[listed[position]]
        if listed[position] == source or (near > 0 and not near / band <= price <= near * band):
            continue
        item = _if_fitting(work, row, filled, concessions, listed[position])
        if item >= 0:
            return int(item)
        later = min(later, item)
    return later


@helper
def _if_fitting(work: _Work, row: int, filled: int, concessions: int, item: int) -> int:
    """The item itself where it fits; else whether it waits."""
    if not _may_have(work, row, item):
        return NOTHING
    wishes = work.wishes
    if wishes.buried[item] and concessions < _BURIED_TOO:
        return _LATER
    for cap in range(len(wishes.cap_most) - max(concessions - _BURIED_TOO, 0)):
        value = wishes.cap_codes[cap, item]
        if value < 0:
            continue
        same = 0
        for other in range(filled):
            same += wishes.cap_codes[cap, work.items[row, other]] == value
        if same >= wishes.cap_most[cap]:
            return _LATER
    return item


@helper
def _may_have(work: _Work, row: int, item: int) -> bool:
    return bool(
        work.taken_for[item] != row and work.chain.allowed[work.candidates.place[row], item]
    )


@helper
def _stands(work: _Work, row: int, filled: int, at: int) -> bool:
    """Whether the candidate, or its replacement, is on the list."""
    found = False
    for place in range(filled):
        found |= work.column[row, place] == at
    return found


@helper
def _add(work: _Work, row: int, filled: int, item: int, level: int, instead: int, at: int) -> int:
    work.items[row, filled] = item
    work.column[row, filled] = at
    work.level[row, filled] = level
    work.origin[row, filled] = instead
    work.taken_for[item] = row
    return filled + 1


@helper
def _sort(work: _Work, row: int, pinned: int, filled: int) -> None:
    """Behind the pins: candidates in their order, whatever round let them in; then the stand-ins."""
    for last in range(pinned + 1, filled):
        at = last
        while at > pinned and _comes_before(work.column[row, at], work.column[row, at - 1]):
            for lists in (work.items, work.origin):
                lists[row, at], lists[row, at - 1] = lists[row, at - 1], lists[row, at]
            column, level = work.column, work.level
            column[row, at], column[row, at - 1] = column[row, at - 1], column[row, at]
            level[row, at], level[row, at - 1] = level[row, at - 1], level[row, at]
            at -= 1


@helper
def _comes_before(one: int, other: int) -> bool:
    return bool(one >= 0 and (other < 0 or one < other))
