"""Items bought by the same people: sparse item-item neighbours."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field

from training.recommenders.base import ModelConfig
from training.recommenders.observed import Observed
from training.recommenders.relations import RelationModel, strongest

_BM25_SATURATION = 1.2
_BM25_LENGTH = 0.75


class ItemNeighboursConfig(ModelConfig):
    """How alike two items are, and how many neighbours an item keeps."""

    kind: Literal["item_neighbours"] = "item_neighbours"

    similarity: Literal["cosine", "tfidf", "bm25", "rp3beta"] = "tfidf"
    """Weighting before the product of item columns; tfidf and bm25 discount persons who buy everything. rp3beta is a walk
    item - person - item that discounts popular ends."""

    popularity_power: float = Field(default=0.6, ge=0, le=2)
    """rp3beta alone: the chance of a walk is divided by (weight of its end) to this power."""

    neighbours: int = Field(default=10, ge=1, le=1_000)
    """Neighbours kept per item, the item itself among them."""

    minimum_persons: int = Field(default=10, ge=1)
    """Items with fewer distinct persons get no neighbours: too few to tell from chance."""

    threads: int = Field(default=2, ge=1)
    """Threads of the fit; the result does not depend on it."""


class ItemNeighbours(RelationModel[ItemNeighboursConfig]):
    """Score = the person's decayed weights times the similarity of their items to the candidate."""

    config_type = ItemNeighboursConfig

    def _fit(self, observed: Observed) -> None:
        weights = observed.weights
        persons = np.bincount(weights.indices, minlength=weights.shape[1])
        kept = np.flatnonzero(persons >= self.config.minimum_persons)
        n_items = weights.shape[1]
        if len(kept) == 0:
            self._relation = sp.csr_matrix((n_items, n_items), dtype=np.float32)
            return
        found = self._similarity(weights[:, kept].astype(np.float64)).tocoo()
        self._relation = sp.csr_matrix(
            (found.data.astype(np.float32), (kept[found.row], kept[found.col])),
            shape=(n_items, n_items),
        )

    def _similarity(self, weights: sp.csr_matrix) -> sp.csr_matrix:
        if self.config.similarity == "rp3beta":
            return _walks(
                weights, k=self.config.neighbours, popularity_power=self.config.popularity_power
            )
        from implicit.nearest_neighbours import ItemItemRecommender  # noqa: PLC0415 - slow import

        neighbours = ItemItemRecommender(K=self.config.neighbours, num_threads=self.config.threads)
        neighbours.fit(_weighted(weights, self.config.similarity), show_progress=False)
        return neighbours.similarity


def _walks(weights: sp.csr_matrix, *, k: int, popularity_power: float) -> sp.csr_matrix:
    """Chance of going from an item to one of its persons and on to an item of theirs, over the end's weight to a power.

    Source: Paudel et al. (2017), RP3beta.
    """
    of_items = np.asarray(weights.sum(axis=0)).ravel()
    of_persons = np.asarray(weights.sum(axis=1)).ravel()
    to_persons = weights.T.tocsr()
    to_persons.data /= np.repeat(of_items, np.diff(to_persons.indptr))
    to_items = weights.copy()
    to_items.data /= np.repeat(of_persons, np.diff(to_items.indptr))
    to_items.data /= of_items[to_items.indices] ** popularity_power
    return strongest(to_persons, to_items, k=k)


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
