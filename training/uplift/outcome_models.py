"""LightGBM models of the outcome, one per arm, on one shared binning."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from training.uplift.base import BoosterConfig, OutcomeKind


class OutcomeTrainer:
    """Trains outcome models on subsets of the same rows; features are binned once.

    Args:
        matrix: encoded features, shape (n_rows, n_features), NaN = missing.
        outcome: shape (n_rows,), finite; 0 or 1 when the kind is binary.
        kind: binary models give probabilities, continuous ones means.
        categorical: matrix columns that hold codes of text levels.
        weight: positive row weights, shape (n_rows,); None = all one.
        config: booster settings.
    """

    def __init__(
        self,
        matrix: FloatArray,
        outcome: FloatArray,
        *,
        kind: OutcomeKind,
        categorical: list[int],
        config: BoosterConfig,
        weight: FloatArray | None = None,
    ) -> None:
        self._params = _params(kind, config)
        self._n_trees = config.n_trees
        self._rows = lgb.Dataset(
            matrix,
            label=outcome,
            weight=weight,
            categorical_feature=categorical,
            params=self._params,
        ).construct()

    def train(self, rows: BoolArray) -> lgb.Booster:
        """A model of the outcome on the rows that are True, shape (n_rows,)."""
        subset = self._rows.subset(np.flatnonzero(rows), params=self._params)
        return lgb.train(self._params, subset, num_boost_round=self._n_trees)


def predict_outcome(model: lgb.Booster, matrix: FloatArray, *, n_jobs: int) -> FloatArray:
    """Expected outcome per row, shape (n_rows,): a probability for binary outcomes."""
    if len(matrix) == 0:
        return np.empty(0)
    return np.asarray(model.predict(matrix, num_threads=n_jobs), dtype=np.float64)


def make_folds(n_rows: int, *, n_folds: int, seed: int, groups: IntArray | None) -> IntArray:
    """Fold of each row, shape (n_rows,), in 0 … n_folds - 1; rows of one group share a fold.

    Args:
        n_rows: number of rows.
        n_folds: number of folds, at least 2.
        seed: seed of the shuffle.
        groups: group of each row, shape (n_rows,); None = every row is its own group.

    Invariants: fold sizes, counted in groups, differ by at most one.
    """
    if groups is None:
        unit, n_units = np.arange(n_rows), n_rows
    else:
        found, unit = np.unique(groups, return_inverse=True)
        n_units = len(found)
    fold_of_unit = np.random.default_rng(seed).permutation(np.arange(n_units) % n_folds)
    return np.asarray(fold_of_unit[unit], dtype=np.int64)


def _params(kind: OutcomeKind, config: BoosterConfig) -> dict[str, Any]:
    return {
        "objective": "binary" if kind == "binary" else "regression",
        "num_leaves": config.n_leaves,
        "min_data_in_leaf": config.min_child_rows,
        "learning_rate": config.learning_rate,
        "feature_pre_filter": False,  # rows are subset after binning, so no feature may be dropped early
        "num_threads": config.n_jobs,
        "seed": config.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
