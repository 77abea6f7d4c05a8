"""Why each item is on a list: the own event that led to it, the level it comes from, and what was done to its place."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import BoolArray, CodeArray, IntArray
from features.histories.histories import NO_CODE
from features.tables import LIST_LEVELS
from serving.lists.chain import BEST_SELLER, CATEGORY_PRICE, EXACT, FOR_BUYERS
from serving.lists.past import Pairs, Past
from serving.lists.select import LevelArray

BASES: Final = (
    "from_own_item", "from_replaced_item", "from_own_category", "from_latest_event", "from_no_event",
)  # fmt: skip
"""Which own event a row names: the last one with the item itself, with the item it stands in for, with an item of its
category; else the last one of all, where the model used the whole history; else none."""

_OWN, _REPLACED, _CATEGORY, _LATEST, _NONE = range(len(BASES))


class Source(NamedTuple):
    """The own event behind each place, shape (n, w).

    Attributes:
        position: in the columns of the histories, -1 = none.
        item: code of the shelf, -1 = none.
        basis: code of `BASES`.
    """

    position: IntArray
    item: CodeArray
    basis: npt.NDArray[np.int8]

    def at(self, place: tuple[IntArray, IntArray]) -> Source:
        """Chosen places, shape (n_places,)."""
        return Source(self.position[place], self.item[place], self.basis[place])


def source_events(past: Past, items: CodeArray, origin: CodeArray, level: LevelArray) -> Source:
    """The own event that led to each item.

    Args:
        past: n rows.
        items: shape (n, w), codes of the shelf, -1 = none.
        origin: shape (n, w), the item it stands in for, -1 = none.
        level: shape (n, w), code of `LIST_LEVELS`.
    """
    pairs, last = past.touched()
    of_item = np.append(last, NO_CODE)[pairs.place(items)]
    of_origin = np.append(last, NO_CODE)[pairs.place(origin)]
    of_category = _last_of_category(past, items)
    of_all = np.broadcast_to(past.last()[:, None], items.shape)
    uses_history = np.isin(level, (EXACT, FOR_BUYERS)) | (origin != NO_CODE)
    tries = (
        (_OWN, of_item, np.ones(items.shape, np.bool_)),
        (_REPLACED, of_origin, np.ones(items.shape, np.bool_)),
        (_CATEGORY, of_category, uses_history),
        (_LATEST, of_all, uses_history),
    )
    position = np.full(items.shape, NO_CODE, np.int64)
    basis = np.full(items.shape, _NONE, np.int8)
    for code, found, counts in tries:
        open_ = (basis == _NONE) & counts & (found != NO_CODE) & (items != NO_CODE)
        position[open_] = found[open_]
        basis[open_] = code
    return Source(position, past.item_at(position), basis)


def reason_codes(
    level: LevelArray,
    source: Source,
    *,
    boosted: BoolArray,
    cold: BoolArray,
    by_default: BoolArray,
    gave_way: list[BoolArray],
    caps: tuple[str, ...],
) -> pa.Array:
    """Level, source and marks of rows, joined by semicolons.

    Args:
        level: shape (n,).
        source: of shape (n,).
        boosted: a boost changed the score, shape (n,).
        cold: the person or the item is new, shape (n,).
        by_default: the person's place is the default, shape (n,).
        gave_way: per cap, whether it gave way in the list, shape (n,) each.
        caps: attribute of each cap.
    """
    marks = [
        pa.array(np.array(LIST_LEVELS, dtype=object)[level], pa.string()),
        pa.array(np.array(BASES, dtype=object)[source.basis], pa.string()),
        _mark("filled", (level >= CATEGORY_PRICE) & (level <= BEST_SELLER)),
        _mark("boosted", boosted),
        _mark("cold_start", cold),
        _mark("place_by_default", by_default),
        *(_mark(f"cap_relaxed:{n}", gone) for n, gone in zip(caps, gave_way, strict=True)),
    ]
    return pc.binary_join_element_wise(*marks, ";", null_handling="skip")


def _mark(text: str, where: BoolArray) -> pa.Array:
    return pa.array(np.full(len(where), text, dtype=object), pa.string(), mask=~where)


def _last_of_category(past: Past, items: CodeArray) -> IntArray:
    """Position of each row's last event with an item of the candidate's category, shape (n, w), -1 = none."""
    node = past.shelf.node[past.item]
    held = node != NO_CODE
    width = max(len(past.shelf.parent), 1)
    key = past.row[held] * width + node[held]
    found, from_end = np.unique(key[::-1], return_index=True)
    last = past.position[held][len(key) - 1 - from_end]
    wanted = np.append(past.shelf.node, np.int32(NO_CODE))[items]
    positions: IntArray = np.append(last, NO_CODE)[Pairs(found, width).place(wanted)]
    return positions
