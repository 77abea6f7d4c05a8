"""LightGBM as a base model; all models of one trainer share one binning of the features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import lightgbm as lgb
import numpy as np
from pydantic import Field

from features.arrays import BoolArray, FloatArray
from features.config import BaseConfig
from features.errors import InputError
from training.uplift.base import OutcomeKind


class BoostedConfig(BaseConfig):
    """LightGBM settings. The defaults are tame: boosted learners over-fit the effect."""

    kind: Literal["lightgbm"] = "lightgbm"

    n_trees: int = Field(default=60, ge=1, le=10_000)
    """Boosting rounds per model."""

    n_leaves: int = Field(default=7, ge=2, le=1_024)
    """Leaves per tree."""

    min_child_rows: int = Field(default=200, ge=1)
    """Fewest training rows in a leaf."""

    learning_rate: float = Field(default=0.05, gt=0, le=1)
    """Shrinkage per round."""

    seed: int = Field(default=0, ge=0)
    """Seed of LightGBM."""

    n_jobs: int = Field(default=2, ge=1)
    """Threads; never more than there are free cores. The result does not depend on it."""


class BoostedTrainer:
    """Trains boosted models on subsets of the same rows.

    Args:
        matrix: encoded features, shape (n_rows, n_features), NaN = missing.
        categorical: matrix columns that hold codes of text levels.
        config: booster settings.
        monotone: per matrix column +1 where predictions may only rise with it, -1 only fall, 0 either; () = all 0.
            Missing values stand outside the order.
        shared: a trainer over the same rows without constraints, to take its bins over: no setting has a part in them.

    Attributes:
        bins: the binned rows.
    """

    def __init__(
        self,
        matrix: FloatArray,
        *,
        categorical: Sequence[int],
        config: BoostedConfig,
        monotone: Sequence[int] = (),
        shared: BoostedTrainer | None = None,
    ) -> None:
        self._config = config
        self._monotone = {"monotone_constraints": list(monotone)} if any(monotone) else {}
        self._n_rows = len(matrix)
        if shared is not None and not self._monotone:
            self.bins: lgb.Dataset = shared.bins
        else:
            self.bins = lgb.Dataset(
                matrix,
                label=np.zeros(len(matrix)),
                categorical_feature=list(categorical),
                params=_params("continuous", config) | self._monotone,
            ).construct()

    def train(
        self,
        target: FloatArray,
        *,
        kind: OutcomeKind,
        rows: BoolArray | None = None,
        weight: FloatArray | None = None,
    ) -> BoostedModel:
        """Fit one booster; see `training.uplift.base_models.base.Trainer`."""
        used = np.arange(self._n_rows) if rows is None else np.flatnonzero(rows)
        params = _params(kind, self._config) | self._monotone
        subset = self.bins.subset(used, params=params).construct()
        subset.set_label(target[used])
        if weight is not None:
            subset.set_weight(weight[used])
        booster = lgb.train(params, subset, num_boost_round=self._config.n_trees)
        return BoostedModel(booster, self._config.n_jobs)


@dataclass(frozen=True, eq=False)
class BoostedModel:
    """A fitted booster.

    Attributes:
        booster: LightGBM's.
        n_jobs: threads for prediction.
    """

    booster: lgb.Booster
    n_jobs: int

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Expected target per row, shape (n_rows,)."""
        if len(matrix) == 0:
            return np.empty(0)
        return np.asarray(self.booster.predict(matrix, num_threads=self.n_jobs), dtype=np.float64)

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """What each feature adds to a row's raw prediction (SHAP), shape (n_rows, n_features + 1), last the constant."""
        given = self.booster.predict(matrix, num_threads=self.n_jobs, pred_contrib=True)
        return np.asarray(given, dtype=np.float64)

    def text(self) -> str:
        """LightGBM's own text."""
        text: str = self.booster.model_to_string()
        return text

    @classmethod
    def from_text(cls, text: str, *, name: str, n_jobs: int) -> BoostedModel:
        """The inverse of `text`.

        Raises:
            InputError: not a LightGBM model.
        """
        try:
            return cls(lgb.Booster(model_str=text), n_jobs)
        except lgb.basic.LightGBMError as error:
            raise InputError(
                name,
                f"cannot be read as a LightGBM model ({' '.join(str(error).split())})",
                rule="a boosted model is a LightGBM text file",
                next_step="Train the model again.",
            ) from None


def _params(kind: OutcomeKind, config: BoostedConfig) -> dict[str, Any]:
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
