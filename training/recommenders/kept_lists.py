"""Lists of the best items, and how they are kept: one item offered, or a block of dense scores merged in."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import BoolArray, CodeArray, IntArray, ScoreArray

NO_ITEM: Final = -1

_LEAST: Final = np.finfo(np.float32).tiny
"""The smallest score above 0: a smaller one is a rounded 0."""

_STRIP: Final = 64
"""Scores compared with a row's worst kept one in one go, without a branch: most strips hold nothing better."""


def empty_lists(n_rows: int, k: int) -> tuple[CodeArray, ScoreArray]:
    """Lists without any item: -1 and NaN, each (n_rows, k)."""
    return np.full((n_rows, k), NO_ITEM, np.int32), np.full((n_rows, k), np.nan, np.float32)


def open_lists(n_rows: int, k: int) -> tuple[CodeArray, ScoreArray]:
    """Lists for `merge` to fill: -1 and the score that an item has to reach, each (n_rows, k)."""
    return np.full((n_rows, k), NO_ITEM, np.int32), np.full((n_rows, k), _LEAST, np.float32)


def closed(items: CodeArray, scores: ScoreArray) -> ScoreArray:
    """The scores of lists that `merge` has filled, NaN where nothing was kept."""
    return np.where(items == NO_ITEM, np.float32(np.nan), scores)


@numba.njit(cache=True, nogil=True)
def offer(items: CodeArray, scores: ScoreArray, filled: int, item: int, score: float) -> int:
    """Insert an item at its place in one list, in place; returns how many places are taken then.

    Invariants: scores fall; equal scores are ordered by item code.
    """
    place = filled
    while place > 0 and (
        score > scores[place - 1] or (score == scores[place - 1] and item < items[place - 1])
    ):
        place -= 1
    if place == len(items):
        return filled
    last = min(filled, len(items) - 1)
    for position in range(last, place, -1):
        items[position] = items[position - 1]
        scores[position] = scores[position - 1]
    items[place] = item
    scores[place] = score
    return last + 1


@numba.njit(cache=True, nogil=True, fastmath=True)
def merge(
    block: ScoreArray,
    codes: CodeArray,
    rows: IntArray,
    allowed: BoolArray,
    indptr: npt.NDArray[np.int32],
    barred: npt.NDArray[np.int32],
    items: CodeArray,
    scores: ScoreArray,
) -> None:
    """Merge a block of scores into lists, in place.

    Args:
        block: finite scores of some rows and some items, shape (n, m).
        codes: item of each column, shape (m,), in any order.
        rows: list of each row, shape (n,).
        allowed: shape (n_items,), whether an item may be listed at all.
        indptr: CSR pointers of the lists' barred items, shape (n_lists + 1,).
        barred: items kept from a list, rising within it.
        items: the lists so far, shape (n_lists, k), as `open_lists` begins them.
        scores: their scores.

    Invariants: scores fall; equal scores are ordered by item code, whatever the order of the blocks.
    """
    k = items.shape[1]
    for place in range(len(rows)):
        score, row = block[place], rows[place]
        own = barred[indptr[row] : indptr[row + 1]]
        worst = scores[row, k - 1]
        for begin in range(0, len(codes), _STRIP):
            if begin + _STRIP <= len(codes):
                reached = np.int32(0)
                for step in range(_STRIP):
                    reached |= np.int32(score[begin + step] >= worst)
                if reached == 0:
                    continue
            for column in range(begin, min(begin + _STRIP, len(codes))):
                item = codes[column]
                if score[column] >= worst and allowed[item] and not _holds(own, item):
                    offer(items[row], scores[row], k, item, score[column])
                    worst = scores[row, k - 1]


@numba.njit(cache=True, nogil=True)
def _holds(rising: npt.NDArray[np.int32], item: int) -> bool:
    place = np.searchsorted(rising, item)
    return bool(place < len(rising) and rising[place] == item)
