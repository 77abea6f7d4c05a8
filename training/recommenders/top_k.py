"""Exact top-k of sparse and dense scores, and the popular items that fill what is left of a list."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from features.arrays import BoolArray, CodeArray, ScoreArray

NO_ITEM = -1


def top_k_sparse(
    scores: sp.csr_matrix, *, k: int, allowed: BoolArray
) -> tuple[CodeArray, ScoreArray]:
    """The k best allowed items of each row with a score above 0.

    Args:
        scores: shape (n_rows, n_items), stored entries in any order, no duplicates.
        k: length of a list, >= 1.
        allowed: shape (n_items,).

    Returns:
        Items and scores, each (n_rows, k): best first, ties by item code rising, then -1 and NaN.
    """
    items, best = _empty(scores.shape[0], k)
    _fill_sparse(
        scores.indptr, scores.indices, scores.data.astype(np.float32), allowed, items, best
    )
    return items, best


def top_k_dense(scores: ScoreArray, *, k: int, allowed: BoolArray) -> tuple[CodeArray, ScoreArray]:
    """As `top_k_sparse`, from a score for every item."""
    items, best = _empty(len(scores), k)
    _fill_dense(scores, allowed, items, best)
    return items, best


def fill_popular(
    items: CodeArray, scores: ScoreArray, *, popular: CodeArray, allowed: BoolArray
) -> None:
    """Fill the free end of each list, in place, with allowed popular items not in it yet.

    A filler scores -(1 + its popularity rank): below every item of the row's own, and recognisable.

    Args:
        items: item codes as `top_k_sparse` returns them.
        scores: their scores.
        popular: item codes, most popular first, each once.
        allowed: shape (n_items,).
    """
    _fill_popular(items, scores, popular, allowed)


def _empty(n_rows: int, k: int) -> tuple[CodeArray, ScoreArray]:
    return np.full((n_rows, k), NO_ITEM, np.int32), np.full((n_rows, k), np.nan, np.float32)


@numba.njit(cache=True, nogil=True)
def _offer(items: CodeArray, scores: ScoreArray, filled: int, item: int, score: float) -> int:
    """Insert an item at its place in one list; returns how many places are taken."""
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


@numba.njit(cache=True, nogil=True)
def _fill_sparse(
    indptr: npt.NDArray[np.int32],
    indices: npt.NDArray[np.int32],
    data: ScoreArray,
    allowed: BoolArray,
    items: CodeArray,
    scores: ScoreArray,
) -> None:
    for row in range(len(items)):
        filled = 0
        for entry in range(indptr[row], indptr[row + 1]):
            if data[entry] > 0 and allowed[indices[entry]]:
                filled = _offer(items[row], scores[row], filled, indices[entry], data[entry])


@numba.njit(cache=True, nogil=True)
def _fill_dense(
    dense: ScoreArray, allowed: BoolArray, items: CodeArray, scores: ScoreArray
) -> None:
    k = items.shape[1]
    for row in range(len(items)):
        filled = 0
        threshold = np.float32(0)
        for item in range(dense.shape[1]):
            if dense[row, item] > threshold and allowed[item]:
                filled = _offer(items[row], scores[row], filled, item, dense[row, item])
                if filled == k:
                    threshold = scores[row, k - 1]


@numba.njit(cache=True, nogil=True)
def _fill_popular(
    items: CodeArray, scores: ScoreArray, popular: CodeArray, allowed: BoolArray
) -> None:
    k = items.shape[1]
    for row in range(len(items)):
        own = 0
        while own < k and items[row, own] >= 0:
            own += 1
        filled = own
        for rank in range(len(popular)):
            if filled == k:
                break
            item = popular[rank]
            taken = not allowed[item]
            for position in range(own):
                taken = taken or items[row, position] == item
            if not taken:
                items[row, filled] = item
                scores[row, filled] = -(1 + rank)
                filled += 1
