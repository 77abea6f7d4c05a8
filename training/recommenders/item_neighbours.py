"""Items bought by the same people: sparse item-item neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field

from features.arrays import CodeArray, ScoreArray
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.observed import Observed
from training.recommenders.top_k import Eligible, top_k_sparse

_BM25_SATURATION = 1.2
_BM25_LENGTH = 0.75


class ItemNeighboursConfig(ModelConfig):
    """How alike two items are, and how many neighbours an item keeps."""

    kind: Literal["item_neighbours"] = "item_neighbours"

    similarity: Literal["cosine", "tfidf", "bm25"] = "tfidf"
    """Weighting before the product of item columns; tfidf and bm25 discount persons who buy everything."""

    neighbours: int = Field(default=10, ge=1, le=1_000)
    """Neighbours kept per item, the item itself among them."""

    minimum_persons: int = Field(default=10, ge=1)
    """Items with fewer distinct persons get no neighbours: too few to tell from chance."""

    threads: int = Field(default=2, ge=1)
    """Threads of the fit; the result does not depend on it."""


class ItemNeighbours(Recommender[ItemNeighboursConfig]):
    """Score = the person's decayed weights times the similarity of their items to the candidate."""

    config_type = ItemNeighboursConfig

    def __init__(self, config: ItemNeighboursConfig) -> None:
        super().__init__(config)
        self._similarity = sp.csr_matrix((0, 0), dtype=np.float32)

    def _fit(self, observed: Observed) -> None:
        from implicit.nearest_neighbours import ItemItemRecommender  # noqa: PLC0415 - slow import

        weights = observed.weights
        persons = np.bincount(weights.indices, minlength=weights.shape[1])
        kept = np.flatnonzero(persons >= self.config.minimum_persons)
        n_items = weights.shape[1]
        if len(kept) == 0:
            self._similarity = sp.csr_matrix((n_items, n_items), dtype=np.float32)
            return
        neighbours = ItemItemRecommender(K=self.config.neighbours, num_threads=self.config.threads)
        weighted = _weighted(weights[:, kept].astype(np.float64), self.config.similarity)
        neighbours.fit(weighted, show_progress=False)
        found = neighbours.similarity.tocoo()
        self._similarity = sp.csr_matrix(
            (found.data.astype(np.float32), (kept[found.row], kept[found.col])),
            shape=(n_items, n_items),
        )

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        return top_k_sparse(observed.weights @ self._similarity, k=k, eligible=eligible)

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        matrix = self._similarity
        return {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        parts = (arrays["data"], arrays["indices"], arrays["indptr"])
        self._similarity = sp.csr_matrix(parts, shape=(self.n_items, self.n_items))


def _weighted(weights: sp.csr_matrix, similarity: str) -> sp.csr_matrix:
    """Weights whose item-item products are the similarity; shape kept, CSR.

    Rows play the part of terms and items that of documents: a person with many items says little about each. The
    person's idf is log(1 + n_items / items of the person), above 0 also for a person who has everything.
    """
    matrix = weights.copy()
    if similarity != "cosine":
        counts = np.diff(matrix.indptr)
        idf = np.repeat(np.log1p(matrix.shape[1] / np.maximum(counts, 1)), counts)
        matrix.data = idf * (_saturated(matrix) if similarity == "bm25" else np.sqrt(matrix.data))
    if similarity == "bm25":
        return matrix
    norms = np.sqrt(np.bincount(matrix.indices, matrix.data**2, minlength=matrix.shape[1]))
    matrix.data /= norms[matrix.indices]
    return matrix


def _saturated(matrix: sp.csr_matrix) -> npt.NDArray[np.float64]:
    """BM25 term frequency: grows ever more slowly with the weight, discounted for items everybody has."""
    totals = np.bincount(matrix.indices, matrix.data, minlength=matrix.shape[1])
    length = (1 - _BM25_LENGTH) + _BM25_LENGTH * totals / totals.mean()
    bound = _BM25_SATURATION * length[matrix.indices]
    saturated: npt.NDArray[np.float64] = (
        matrix.data * (_BM25_SATURATION + 1) / (bound + matrix.data)
    )
    return saturated
