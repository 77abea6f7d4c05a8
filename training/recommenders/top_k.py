"""Exact top-k of sparse and dense scores, and the popular items that fill what is left of a list."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from features.arrays import BoolArray, CodeArray, ScoreArray
from training.recommenders.kept_lists import (
    closed,
    empty_lists,
    merge,
    offer,
    open_lists,
)


@dataclass(frozen=True, eq=False)
class Eligible:
    """Which items each row may get.

    Attributes:
        allowed: shape (n_items,), for all rows.
        barred: CSR, shape (n_rows, n_items); items with a stored entry are kept from that row.
    """

    allowed: BoolArray
    barred: sp.csr_matrix

    @classmethod
    def everything(cls, n_rows: int, n_items: int) -> Eligible:
        """No restriction."""
        return cls(np.ones(n_items, np.bool_), sp.csr_matrix((n_rows, n_items), dtype=np.bool_))

    def rows(self, first: int, stop: int) -> Eligible:
        """The rows from `first` to before `stop`."""
        return Eligible(self.allowed, self.barred[first:stop])

    def sorted_barred(self) -> sp.csr_matrix:
        """`barred` with rising items in each row."""
        return self.barred if self.barred.has_sorted_indices else self.barred.sorted_indices()


def top_k_sparse(
    scores: sp.csr_matrix, *, k: int, eligible: Eligible
) -> tuple[CodeArray, ScoreArray]:
    """The k best eligible items of each row with a score above 0.

    Args:
        scores: shape (n_rows, n_items), stored entries in any order, no duplicates.
        k: length of a list, >= 1.
        eligible: of the same shape.

    Returns:
        Items and scores, each (n_rows, k): best first, ties by item code rising, then -1 and NaN.
    """
    items, best = empty_lists(scores.shape[0], k)
    barred = eligible.barred
    _fill_sparse(
        scores.indptr,
        scores.indices,
        scores.data.astype(np.float32),
        eligible.allowed,
        barred.indptr,
        barred.indices,
        items,
        best,
    )
    return items, best


def top_k_dense(scores: ScoreArray, *, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
    """As `top_k_sparse`, from a score for every item."""
    barred = eligible.sorted_barred()
    items, best = open_lists(len(scores), k)
    codes, rows = np.arange(scores.shape[1], dtype=np.int32), np.arange(len(scores))
    merge(scores, codes, rows, eligible.allowed, barred.indptr, barred.indices, items, best)
    return items, closed(items, best)


def fill_popular(
    items: CodeArray, scores: ScoreArray, *, popular: CodeArray, eligible: Eligible
) -> None:
    """Fill the free end of each list, in place, with eligible popular items not in it yet.

    A filler scores -(1 + its popularity rank): below every item of the row's own, and recognisable.

    Args:
        items: item codes as `top_k_sparse` returns them.
        scores: their scores.
        popular: item codes, most popular first, each once.
        eligible: one row per list.
    """
    barred = eligible.barred
    _fill_popular(items, scores, popular, eligible.allowed, barred.indptr, barred.indices)


@numba.njit(cache=True, nogil=True)
def _fill_sparse(
    indptr: npt.NDArray[np.int32],
    indices: npt.NDArray[np.int32],
    data: ScoreArray,
    allowed: BoolArray,
    barred_indptr: npt.NDArray[np.int32],
    barred: npt.NDArray[np.int32],
    items: CodeArray,
    scores: ScoreArray,
) -> None:
    barred_for = np.full(len(allowed), -1, np.int64)
    for row in range(len(items)):
        for entry in range(barred_indptr[row], barred_indptr[row + 1]):
            barred_for[barred[entry]] = row
        filled = 0
        for entry in range(indptr[row], indptr[row + 1]):
            item = indices[entry]
            if data[entry] > 0 and allowed[item] and barred_for[item] != row:
                filled = offer(items[row], scores[row], filled, item, data[entry])


@numba.njit(cache=True, nogil=True)
def _fill_popular(
    items: CodeArray,
    scores: ScoreArray,
    popular: CodeArray,
    allowed: BoolArray,
    barred_indptr: npt.NDArray[np.int32],
    barred: npt.NDArray[np.int32],
) -> None:
    k = items.shape[1]
    taken_for = np.full(len(allowed), -1, np.int64)
    for row in range(len(items)):
        filled = 0
        while filled < k and items[row, filled] >= 0:
            taken_for[items[row, filled]] = row
            filled += 1
        if filled == k:
            continue
        for entry in range(barred_indptr[row], barred_indptr[row + 1]):
            taken_for[barred[entry]] = row
        for rank in range(len(popular)):
            if filled == k:
                break
            item = popular[rank]
            if allowed[item] and taken_for[item] != row:
                items[row, filled] = item
                scores[row, filled] = -(1 + rank)
                filled += 1
