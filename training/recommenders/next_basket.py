"""Next-basket neighbours: a person's items by habit, blended with those of persons with like habits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field

from features.arrays import CodeArray, FloatArray, IntArray, ScoreArray
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.observed import ItemEvents, Observed
from training.recommenders.relations import entries, summed
from training.recommenders.top_k import Eligible, top_k_dense, top_k_sparse

_CELLS_AT_ONCE: Final = 8_000_000


class NextBasketConfig(ModelConfig):
    """How baskets fade, and how much like-minded persons say."""

    kind: Literal["next_basket"] = "next_basket"

    gap_days: float = Field(default=0.0, ge=0)
    """Events of one person without a longer pause are one basket; 0 = the same moment."""

    groups: int = Field(default=7, ge=1)
    """Runs of consecutive baskets, as equal as possible, that a history is cut into."""

    within_fade: float = Field(default=0.9, gt=0, le=1)
    """Weight of a basket relative to the next one of its group."""

    group_fade: float = Field(default=0.7, gt=0, le=1)
    """Weight of a group relative to the next one."""

    own_share: float = Field(default=0.7, ge=0, le=1)
    """Share of the score that comes from the person's own baskets."""

    neighbours: int = Field(default=300, ge=1)
    """Persons whose habits count, nearest first."""

    max_persons: int | None = Field(default=20_000, ge=1)
    """Persons whose habits are kept as possible neighbours, drawn by a hash of their ids; null = all."""


class NextBasket(Recommender[NextBasketConfig]):
    """Score = own_share * the person's habit + (1 - own_share) * mean habit of the nearest persons.

    A habit is the mean over groups of group_fade ** (groups since) * mean over its baskets of within_fade ** (baskets
    since, in the group) * whether the basket holds the item. Nearest = smallest Euclidean distance. A person of the
    training histories may be among their own neighbours. Half-life plays no part; event weights choose which events
    count. What is saved holds the drawn persons' habits without their ids.

    Source: Hu et al. (2020), TIFU-KNN.
    """

    config_type = NextBasketConfig

    def __init__(self, config: NextBasketConfig) -> None:
        super().__init__(config)
        self._habits = sp.csr_matrix((0, 0), dtype=np.float32)

    def _fit(self, observed: Observed) -> None:
        self._habits = _habits(observed.events, self.config, n_items=observed.n_items)

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        own = _habits(observed.events, self.config, n_items=observed.n_items)
        step = max(1, _CELLS_AT_ONCE // max(1, self._habits.shape[0]))
        parts = [
            self._blended(own[first : first + step])
            for first in range(0, max(1, len(observed)), step)
        ]
        return top_k_sparse(sp.vstack(parts, format="csr"), k=k, eligible=eligible)

    def _blended(self, own: sp.csr_matrix) -> sp.csr_matrix:
        known = sp.diags((np.diff(own.indptr) > 0).astype(np.float32))
        near = known @ _nearest(own, self._habits, k=self.config.neighbours)
        share = self.config.own_share
        blended = own * np.float32(share) + (near @ self._habits) * np.float32(1 - share)
        return sp.csr_matrix(blended)

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        matrix = self._habits
        return {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        parts = (arrays["data"], arrays["indices"], arrays["indptr"])
        shape = (len(arrays["indptr"]) - 1, self.n_items)
        self._habits = sp.csr_matrix(parts, shape=shape)


def _nearest(rows: sp.csr_matrix, others: sp.csr_matrix, *, k: int) -> sp.csr_matrix:
    """The k others nearest to each row, each with weight 1 / (number found), ties by position rising."""
    products = np.asarray((rows @ others.T).todense(), np.float64)
    squares = _squares(rows)[:, None] + _squares(others)[None, :] - 2 * products
    closeness = 1 / (1 + np.maximum(squares, 0))
    found, score = top_k_dense(
        closeness.astype(np.float32),
        k=min(k, others.shape[0]),
        eligible=Eligible.everything(*closeness.shape),
    )
    near = entries(found, score, n_items=others.shape[0])
    near.data[:] = np.float32(1 / found.shape[1])
    return near


def _squares(matrix: sp.csr_matrix) -> FloatArray:
    squares: FloatArray = np.asarray(matrix.multiply(matrix).sum(axis=1), np.float64).ravel()
    return squares


def _habits(events: ItemEvents, config: NextBasketConfig, *, n_items: int) -> sp.csr_matrix:
    session, row_of = events.sessions(gap_days=config.gap_days)
    weight = _basket_weights(row_of, events.n_rows, config)
    held = np.unique(session * n_items + events.item)
    basket, item = held // n_items, held % n_items
    return summed(weight[basket], row_of[basket], item, shape=(events.n_rows, n_items))


def _basket_weights(row_of: IntArray, n_rows: int, config: NextBasketConfig) -> FloatArray:
    """Weight of each basket in its row's habit, shape (n_baskets,); a row's oldest basket comes first."""
    baskets = np.bincount(row_of, minlength=n_rows)
    place = np.arange(len(row_of)) - np.searchsorted(row_of, row_of)
    n, groups = baskets[row_of], np.minimum(baskets, config.groups)[row_of]
    group = place * groups // np.maximum(n, 1)
    # baskets of group g lie from ceil(g n / groups) to before ceil((g + 1) n / groups)
    first = -(-group * n // groups)
    stop = -(-(group + 1) * n // groups)
    within = np.power(config.within_fade, stop - 1 - place) / (stop - first)
    return np.asarray(within * np.power(config.group_fade, groups - 1 - group) / groups)
