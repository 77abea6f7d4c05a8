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
from training.recommenders.als_solver import alternating_least_squares
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.factor_products import top_k_product
from training.recommenders.observed import Observed
from training.recommenders.top_k import Eligible


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

    solver: Literal["gathered", "implicit"] = "gathered"
    """What fits the factors: our kernel, which gathers the other side's factors of a row once, or the implicit library.
    Both take the same steps from the same start."""

    threads: int = Field(default=2, ge=1)
    """Threads of fit and recommend; the result does not depend on it."""


class Als(Recommender[AlsConfig]):
    """Score = product of item factor and the factor a history folds in to; no factor of a person is kept.

    Source: Hu, Koren and Volinsky (2008).
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
        confidence = self._confidence(weights)
        if self.config.solver == "implicit":
            with _one_blas_thread():
                model = self._implicit()
                model.fit(confidence, show_progress=False)
            self._factors = model.item_factors
            return
        _, self._factors = alternating_least_squares(
            confidence,
            factors=self.config.factors,
            regularization=self.config.regularization,
            iterations=self.config.iterations,
            seed=self.config.seed,
            threads=self.config.threads,
        )

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        factors = self._fold_in(observed.weights)
        return top_k_product(
            factors, self._factors, k=k, eligible=eligible, threads=self.config.threads
        )

    def _cells_at_once(self) -> int:
        """The scores are never held all at once, so a block may have more rows."""
        return super()._cells_at_once() * 64

    def _fold_in(self, weights: sp.csr_matrix) -> ScoreArray:
        """The factor of each row, solved exactly against the item factors; zeros for an empty row."""
        with _one_blas_thread():
            model = self._implicit()
            model.item_factors = self._factors
            factors: ScoreArray = model.recalculate_user(
                np.arange(weights.shape[0]), self._confidence(weights)
            )
        return factors

    def _confidence(self, weights: sp.csr_matrix) -> sp.csr_matrix:
        confidence = weights.copy()
        confidence.data = 1 + np.float32(self.config.alpha) * confidence.data
        return confidence

    def _implicit(self) -> Any:
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
