"""Item-item relations: the strongest products of sparse rows, and the models that rank by one relation matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from features.arrays import CodeArray, IntArray, ScoreArray
from training.recommenders.base import ConfigT, Recommender
from training.recommenders.kept_lists import NO_ITEM
from training.recommenders.observed import Observed
from training.recommenders.top_k import Eligible, top_k_sparse

_ROWS_AT_ONCE: Final = 2_048


class RelationModel(Recommender[ConfigT]):
    """Score = the person's decayed weights times the relation of their items to the candidate.

    A child learns `_relation`, shape (n_items, n_items), row = the item a person has, column = the candidate.
    """

    def __init__(self, config: ConfigT) -> None:
        super().__init__(config)
        self._relation = sp.csr_matrix((0, 0), dtype=np.float32)

    def related(self, item_ids: npt.ArrayLike) -> sp.csr_matrix:
        """The relation rows of some items, shape (n, n_items); all zero for an item that the model does not know."""
        wanted = np.asarray(item_ids, dtype=object)
        place = np.searchsorted(self.item_ids, wanted)
        place = np.minimum(place, self.n_items - 1)
        rows = self._relation[place].tolil()
        rows[np.flatnonzero(self.item_ids[place] != wanted)] = 0
        return rows.tocsr()

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        return top_k_sparse(observed.weights @ self._relation, k=k, eligible=eligible)

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        matrix = self._relation
        return {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        parts = (arrays["data"], arrays["indices"], arrays["indptr"])
        self._relation = sp.csr_matrix(parts, shape=(self.n_items, self.n_items))


def strongest(left: sp.csr_matrix, right: sp.csr_matrix, *, k: int) -> sp.csr_matrix:
    """The k largest positive entries of each row of `left @ right`, ties by column rising.

    Args:
        left: shape (n, m).
        right: shape (m, p).
        k: entries kept per row.

    Returns:
        CSR float32, shape (n, p).
    """
    parts = []
    for first in range(0, left.shape[0], _ROWS_AT_ONCE):
        product = (left[first : first + _ROWS_AT_ONCE] @ right).tocsr()
        parts.append(strongest_entries(product, k=k))
    return sp.vstack(parts, format="csr") if parts else sp.csr_matrix((0, right.shape[1]))


def strongest_entries(matrix: sp.csr_matrix, *, k: int) -> sp.csr_matrix:
    """The k largest positive entries of each row, ties by column rising; CSR float32 of the same shape."""
    items, scores = top_k_sparse(matrix, k=k, eligible=Eligible.everything(*matrix.shape))
    return entries(items, scores, n_items=matrix.shape[1])


def entries(items: CodeArray, scores: ScoreArray, *, n_items: int) -> sp.csr_matrix:
    """Lists as a sparse matrix of scores, shape (n_rows, n_items), indices sorted."""
    present = items != NO_ITEM
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    shape = (len(items), n_items)
    matrix = sp.csr_matrix((scores[present], items[present], offsets), shape=shape)
    matrix.sort_indices()
    return matrix


def summed(
    values: npt.ArrayLike, row: IntArray, column: npt.ArrayLike, *, shape: tuple[int, int]
) -> sp.csr_matrix:
    """Values summed by (row, column), CSR float32 with sorted indices; summed in float64."""
    matrix = sp.coo_matrix((np.asarray(values, np.float64), (row, column)), shape=shape).tocsr()
    matrix.sort_indices()
    return matrix.astype(np.float32)
