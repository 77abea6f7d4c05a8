"""A person's own items, by frequency and recency; popular items below them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy.typing as npt

from features.arrays import CodeArray, ScoreArray
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.observed import Observed
from training.recommenders.top_k import Eligible, top_k_sparse


class BuyAgainConfig(ModelConfig):
    """Tune `half_life_days`: short favours the last basket, long the habit."""

    kind: Literal["buy_again"] = "buy_again"


class BuyAgain(Recommender[BuyAgainConfig]):
    """Score = the decayed count of the person's own events with the item."""

    config_type = BuyAgainConfig

    def _fit(self, observed: Observed) -> None:
        """Nothing is learned from other persons but what is popular."""

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        return top_k_sparse(observed.weights, k=k, eligible=eligible)

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        return {}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Nothing beyond the base."""
