"""Matrix factorisation for implicit feedback by alternating least squares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import threadpoolctl
from pydantic import Field

from features.arrays import CodeArray, ScoreArray
from features.errors import ConfigError
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.observed import Observed
from training.recommenders.top_k import Eligible, top_k_dense


class AlsConfig(ModelConfig):
    """Size and smoothing of the factors. Confidence in an entry is 1 + alpha * decayed weight."""

    kind: Literal["als"] = "als"

    factors: int = Field(default=32, ge=1, le=1_024)
    """Length of a factor; at most the number of persons and of items."""

    regularization: float = Field(default=1.0, gt=0)
    """Ridge penalty on the factors."""

    alpha: float = Field(default=1.0, gt=0)
    """Confidence added per unit of decayed weight."""

    iterations: int = Field(default=8, ge=1)
    """Alternations; each solves persons, then items, by three conjugate-gradient steps."""

    seed: int = Field(default=0, ge=0)
    """Seed of the first factors."""

    threads: int = Field(default=2, ge=1)
    """Threads of fit and recommend."""


class Als(Recommender[AlsConfig]):
    """Score = product of item factor and the factor a history folds in to; no factor of a person is kept.

    Source: Hu, Koren and Volinsky (2008); solver of the implicit library.
    """

    config_type = AlsConfig

    def __init__(self, config: AlsConfig) -> None:
        super().__init__(config)
        self._factors: ScoreArray = np.empty((0, config.factors), np.float32)

    def _fit(self, observed: Observed) -> None:
        weights = observed.weights
        n_persons, n_items = weights.shape
        if self.config.factors > min(n_persons, n_items):
            raise ConfigError(
                "'factors'",
                f"{self.config.factors} factors for {n_persons} persons and {n_items} items",
                rule="there can be no more factors than persons or items",
                next_step=f"Set factors to {min(n_persons, n_items)} or fewer.",
            )
        with _one_blas_thread():
            model = self._solver()
            model.fit(self._confidence(weights), show_progress=False)
        self._factors = model.item_factors

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        scores = self._fold_in(observed.weights) @ self._factors.T
        return top_k_dense(scores, k=k, eligible=eligible)

    def _fold_in(self, weights: sp.csr_matrix) -> ScoreArray:
        """The factor of each row, solved exactly against the item factors; zeros for an empty row."""
        with _one_blas_thread():
            model = self._solver()
            model.item_factors = self._factors
            factors: ScoreArray = model.recalculate_user(
                np.arange(weights.shape[0]), self._confidence(weights)
            )
        return factors

    def _confidence(self, weights: sp.csr_matrix) -> sp.csr_matrix:
        confidence = weights.copy()
        confidence.data = 1 + np.float32(self.config.alpha) * confidence.data
        return confidence

    def _solver(self) -> Any:
        from implicit.cpu.als import AlternatingLeastSquares  # noqa: PLC0415 - slow import

        return AlternatingLeastSquares(
            factors=self.config.factors,
            regularization=self.config.regularization,
            iterations=self.config.iterations,
            num_threads=self.config.threads,
            random_state=self.config.seed,
        )

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        return {"factors": self._factors}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._factors = np.array(arrays["factors"])


def _one_blas_thread() -> Any:
    """BLAS threads inside the solver's own threads slow it down by an order of magnitude."""
    return threadpoolctl.threadpool_limits(1, "blas")
