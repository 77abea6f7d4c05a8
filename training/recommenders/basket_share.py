"""How often an item is in a person's baskets, blended with how many persons buy it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field

from features.arrays import CodeArray, ScoreArray
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.observed import ItemEvents, Observed
from training.recommenders.relations import summed
from training.recommenders.top_k import Eligible, top_k_dense


class BasketShareConfig(ModelConfig):
    """What a basket is, and how much popularity counts."""

    kind: Literal["basket_share"] = "basket_share"

    gap_days: float = Field(default=0.0, ge=0)
    """Events of one person without a longer pause are one basket; 0 = the same moment."""

    popularity: float = Field(default=0.1, ge=0, lt=1)
    """Share of the score that comes from popularity."""


class BasketShare(Recommender[BasketShareConfig]):
    """Score = (1 - b) * decayed share of the person's baskets with the item + b * share of persons who bought it lately.

    Both shares lie in [0, 1]; b is `popularity`. A basket counts 0.5 ** (age of its first event / half-life); event
    weights choose which events count. The share of persons is of those with an event in `popular_window_days`.
    """

    config_type = BasketShareConfig

    def __init__(self, config: BasketShareConfig) -> None:
        super().__init__(config)
        self._share: ScoreArray = np.empty(0, np.float32)

    def _fit(self, observed: Observed) -> None:
        events = observed.events
        recent = events.of(events.age_days <= self.config.popular_window_days)
        row = recent.rows()
        pairs = np.unique(row * observed.n_items + recent.item)
        persons = np.bincount(pairs % observed.n_items, minlength=observed.n_items)
        self._share = (persons / max(1, len(np.unique(row)))).astype(np.float32)

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        own = basket_shares(
            observed.events,
            gap_days=self.config.gap_days,
            half_life_days=self.config.half_life_days,
            n_items=observed.n_items,
        )
        known = np.diff(own.indptr) > 0
        blended = np.where(known[:, None], np.float32(self.config.popularity) * self._share, 0)
        row = np.repeat(np.arange(len(observed)), np.diff(own.indptr))
        blended[row, own.indices] += np.float32(1 - self.config.popularity) * own.data
        return top_k_dense(blended, k=k, eligible=eligible)

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        return {"share": self._share}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._share = np.array(arrays["share"])


def basket_shares(
    events: ItemEvents, *, gap_days: float, half_life_days: float, n_items: int
) -> sp.csr_matrix:
    """Decayed share of each row's baskets that hold an item, CSR float32 in (0, 1], shape (n_rows, n_items)."""
    session, row_of = events.sessions(gap_days=gap_days)
    first = np.searchsorted(session, np.arange(len(row_of)))
    decay = np.exp2(-events.age_days[first] / half_life_days)
    total = np.bincount(row_of, decay, minlength=events.n_rows)
    held = np.unique(session * n_items + events.item)
    basket, item = held // n_items, held % n_items
    value = np.divide(
        decay[basket],
        total[row_of[basket]],
        out=np.zeros(len(basket)),
        where=total[row_of[basket]] > 0,
    )
    shares = summed(value, row_of[basket], item, shape=(events.n_rows, n_items))
    shares.eliminate_zeros()
    return shares
