"""The same list for everybody: what most people bought lately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from features.arrays import CodeArray, ScoreArray
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.observed import Observed
from training.recommenders.top_k import Eligible, top_k_sparse


class RecentPopularConfig(ModelConfig):
    """Tune `popular_window_days`; the rest of a model's job, filling with popular items, is all this one does."""

    kind: Literal["recent_popular"] = "recent_popular"


class RecentPopular(Recommender[RecentPopularConfig]):
    """Items by distinct persons in the window; every item is a filler, so every score is below 0."""

    config_type = RecentPopularConfig

    def _fit(self, observed: Observed) -> None:
        """Popularity is counted by the base."""

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        return top_k_sparse(
            sp.csr_matrix((len(observed), observed.n_items), dtype=np.float32),
            k=k,
            eligible=eligible,
        )

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        return {}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Nothing beyond the base."""
