"""Matrix factorisation for implicit feedback by pairwise ranking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import threadpoolctl
from pydantic import Field
from scipy.special import expit

from features.arrays import CodeArray, ScoreArray
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.observed import Observed
from training.recommenders.top_k import Eligible, top_k_dense

_FOLD_STEPS: Final = 50


class BprConfig(ModelConfig):
    """Size and learning of the factors. Decayed weights say how much an item counts when a history is folded in."""

    kind: Literal["bpr"] = "bpr"

    factors: int = Field(default=64, ge=1, le=1_024)
    """Length of a factor, without the bias."""

    learning_rate: float = Field(default=0.05, gt=0)
    """Step of the stochastic gradient."""

    regularization: float = Field(default=0.01, gt=0)
    """Penalty on the factors."""

    iterations: int = Field(default=100, ge=1)
    """Passes over the entries."""

    seed: int = Field(default=0, ge=0)
    """Seed of the first factors and of the draws. One thread is used: with more, the same seed gives other factors."""


class Bpr(Recommender[BprConfig]):
    """Score = product of item factor and the factor a history folds in to, plus item bias, relative to the mean item.

    Folding in: gradient ascent from 0 on the weighted mean of log sigmoid(score of an own item) minus
    regularization / 2 * |factor|^2, a mean item standing for what was not chosen. Items below the mean item are not
    recommended.

    Source: Rendle et al. (2009); solver of the implicit library.
    """

    config_type = BprConfig

    def __init__(self, config: BprConfig) -> None:
        super().__init__(config)
        self._factors: ScoreArray = np.empty((0, config.factors), np.float32)
        self._bias: ScoreArray = np.empty(0, np.float32)

    def _fit(self, observed: Observed) -> None:
        from implicit.cpu.bpr import BayesianPersonalizedRanking  # noqa: PLC0415 - slow import

        model = BayesianPersonalizedRanking(
            factors=self.config.factors,
            learning_rate=self.config.learning_rate,
            regularization=self.config.regularization,
            iterations=self.config.iterations,
            num_threads=1,
            random_state=self.config.seed,
        )
        with threadpoolctl.threadpool_limits(1, "blas"):
            model.fit(observed.weights, show_progress=False)
        relative = model.item_factors - model.item_factors.mean(axis=0)
        self._factors = np.ascontiguousarray(relative[:, :-1])
        self._bias = np.ascontiguousarray(relative[:, -1])

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        weights = observed.weights
        scores = self._fold_in(weights) @ self._factors.T + self._bias
        scores[np.diff(weights.indptr) == 0] = 0
        return top_k_dense(scores, k=k, eligible=eligible)

    def _fold_in(self, weights: sp.csr_matrix) -> ScoreArray:
        """The factor of each row, shape (n_rows, factors)."""
        totals = np.asarray(weights.sum(axis=1)).ravel()
        row = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
        share = weights.data / totals[row]
        items, bias = self._factors[weights.indices], self._bias[weights.indices]
        penalty = self.config.regularization
        # 1 / (largest curvature of the objective), so that every step climbs
        step = 1 / (0.25 * float(np.square(self._factors).sum(axis=1).max(initial=0)) + penalty)
        pull = sp.csr_matrix((share, weights.indices, weights.indptr), shape=weights.shape)
        factor = np.zeros((weights.shape[0], self._factors.shape[1]), np.float32)
        for _ in range(_FOLD_STEPS):
            margin = np.einsum("ef,ef->e", factor[row], items) + bias
            pull.data = (share * expit(-margin)).astype(np.float32)
            factor += np.float32(step) * (pull @ self._factors - np.float32(penalty) * factor)
        return factor

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        return {"factors": self._factors, "bias": self._bias}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._factors, self._bias = np.array(arrays["factors"]), np.array(arrays["bias"])
