"""A forest of honest trees as a base model: some rows shape a tree, others fill its leaves. On a score of the effect this is
a causal forest.

LightGBM grows the trees, so binning, text levels and missing values are those of the boosted model, and the forest is one
LightGBM text file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import lightgbm as lgb
import numpy as np
from pydantic import Field

from features.arrays import BoolArray, FloatArray, IntArray
from features.config import BaseConfig
from training.uplift.base import OutcomeKind
from training.uplift.base_models.boosted import BoostedModel

_NOTHING = 1e-12
"""Weight of a row in a tree that it does not shape; LightGBM wants it positive."""


class HonestForestConfig(BaseConfig):
    """Mean of honest trees, each of half of the rows."""

    kind: Literal["honest_forest"] = "honest_forest"

    n_trees: int = Field(default=200, ge=1, le=5_000)
    """Trees."""

    n_leaves: int = Field(default=30, ge=2, le=1_024)
    """Leaves per tree."""

    min_child_rows: int = Field(default=50, ge=1)
    """Fewest rows that shape a leaf; about as many fill it."""

    feature_share: float = Field(default=0.6, gt=0, le=1)
    """Share of the features that each split is chosen from."""

    seed: int = Field(default=0, ge=0)
    """Seed of rows and features."""

    n_jobs: int = Field(default=2, ge=1)
    """Threads; the result does not depend on it."""


class HonestForestTrainer:
    """Trains forests on subsets of the same rows.

    Args:
        matrix: encoded features, shape (n_rows, n_features), NaN = missing.
        categorical: matrix columns that hold codes of text levels.
        config: settings.
    """

    def __init__(
        self, matrix: FloatArray, *, categorical: Sequence[int], config: HonestForestConfig
    ) -> None:
        self._matrix = matrix
        self._config = config
        self._params = {
            "objective": "none",
            "num_leaves": config.n_leaves,
            "min_data_in_leaf": 1,
            "min_sum_hessian_in_leaf": config.min_child_rows,
            "feature_fraction_bynode": config.feature_share,
            "feature_pre_filter": False,
            "num_threads": config.n_jobs,
            "seed": config.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        self._bins = lgb.Dataset(
            matrix,
            label=np.zeros(len(matrix)),
            categorical_feature=list(categorical),
            params=self._params,
        ).construct()

    def train(
        self,
        target: FloatArray,
        *,
        kind: OutcomeKind,  # noqa: ARG002 - a mean is a probability for a binary target
        rows: BoolArray | None = None,
        weight: FloatArray | None = None,
    ) -> BoostedModel:
        """Fit one forest; see `training.uplift.base_models.base.Trainer`.

        Source: Wager and Athey (2018), honest trees on half-samples.
        """
        used = np.arange(len(target)) if rows is None else np.flatnonzero(rows)
        share = np.ones(len(target)) if weight is None else weight
        rng = np.random.default_rng(self._config.seed)
        booster = lgb.Booster(self._params, self._bins)
        filled: list[FloatArray] = []
        for _ in range(self._config.n_trees):
            drawn = rng.permutation(used)[: max(2, len(used) // 2)]
            shaping, filling = np.array_split(drawn, 2)
            self._grow(booster, shaping, target, share)
            if booster.num_trees() > len(filled):  # without a split worth making there is no tree
                filled.append(self._leaf_means(booster, len(filled), filling, target, share))
        leaves = re.findall(r"^num_leaves=(\d+)$", booster.model_to_string(), re.MULTILINE)
        for tree, (means, n_leaves) in enumerate(zip(filled, leaves, strict=True)):
            for leaf in range(int(n_leaves)):
                booster.set_leaf_output(tree, leaf, float(means[leaf]) / len(filled))
        return BoostedModel(booster, self._config.n_jobs)

    def _grow(
        self, booster: lgb.Booster, shaping: IntArray, target: FloatArray, share: FloatArray
    ) -> None:
        """One more tree whose splits minimise the squared error of the shaping rows around the leaf means."""
        hessian = np.full(len(target), _NOTHING)
        hessian[shaping] = share[shaping]
        centre = np.average(target[shaping], weights=share[shaping])
        gradient = np.zeros(len(target))
        gradient[shaping] = share[shaping] * (centre - target[shaping])
        booster.update(fobj=lambda _scores, _data: (gradient, hessian))

    def _leaf_means(
        self,
        booster: lgb.Booster,
        tree: int,
        filling: IntArray,
        target: FloatArray,
        share: FloatArray,
    ) -> FloatArray:
        """Mean of the filling rows per leaf, shape (most leaves,); their overall mean where a leaf has none."""
        leaf = booster.predict(
            self._matrix[filling], start_iteration=tree, num_iteration=1, pred_leaf=True
        ).ravel()
        leaf = leaf.astype(np.int64)
        total = np.bincount(leaf, weights=share[filling], minlength=self._config.n_leaves)
        summed = np.bincount(
            leaf, weights=share[filling] * target[filling], minlength=self._config.n_leaves
        )
        overall = summed.sum() / total.sum()
        means: FloatArray = np.full(len(total), overall)
        np.divide(summed, total, out=means, where=total > 0)
        return means
