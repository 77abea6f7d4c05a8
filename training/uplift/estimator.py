"""Any uplift learner as a scikit-learn estimator: for `clone`, `get_params` and pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from features.arrays import BoolArray, FloatArray
from training.uplift.base import OutcomeKind, TrialRows
from training.uplift.learners.registry import UpliftLearnerConfig, fit_learner
from training.uplift.learners.t_learner import TLearnerConfig


class UpliftEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """An uplift learner with scikit-learn's habits.

    In a pipeline the assignment goes along by the step's name:
    `pipeline.fit(X, y, uplift__treated=z, uplift__probability=0.5)`.

    Args:
        learner: config of the learner; its settings are what a search varies.
        kind: of the outcome.
        categorical: columns that hold codes of text levels.
    """

    def __init__(
        self,
        learner: UpliftLearnerConfig | None = None,
        *,
        kind: OutcomeKind = "binary",
        categorical: Sequence[int] = (),
    ) -> None:
        self.learner = learner
        self.kind = kind
        self.categorical = categorical

    def fit(
        self,
        X: npt.ArrayLike,  # noqa: N803 - scikit-learn's name
        y: npt.ArrayLike,
        *,
        treated: BoolArray,
        probability: FloatArray | float,
    ) -> Self:
        """Fit the learner.

        Args:
            X: features, shape (n_rows, n_features), NaN = missing.
            y: outcome, shape (n_rows,).
            treated: assigned arm, shape (n_rows,).
            probability: known probability that a row is treated, in (0, 1), one number or shape (n_rows,).

        Raises:
            ValueError: shapes do not fit, or a probability outside (0, 1).
            InputError: an arm without rows, or too few for the folds.
        """
        matrix = np.asarray(X, dtype=np.float64)
        outcome = np.asarray(y, dtype=np.float64)
        arm = np.asarray(treated, dtype=np.bool_)
        known = np.broadcast_to(np.asarray(probability, dtype=np.float64), outcome.shape)
        if matrix.shape[:1] != outcome.shape or arm.shape != outcome.shape:
            raise ValueError(
                f"X, y and treated must have the same rows; got {matrix.shape}, {outcome.shape} and {arm.shape}"
            )
        if not ((known > 0) & (known < 1)).all():
            raise ValueError("probability must lie between 0 and 1")
        rows = TrialRows(matrix, outcome, arm, np.array(known), self.kind, tuple(self.categorical))
        self.learner_ = fit_learner(rows, self.learner or TLearnerConfig())
        self.n_features_in_ = matrix.shape[1]
        return self

    def predict(self, X: npt.ArrayLike) -> FloatArray:  # noqa: N803 - scikit-learn's name
        """Uplift per row, shape (n_rows,), in units of the outcome.

        Raises:
            sklearn.exceptions.NotFittedError: not fitted.
        """
        check_is_fitted(self, "learner_")
        uplift: FloatArray = self.learner_.predict(np.asarray(X, dtype=np.float64))
        return uplift

    def score(
        self,
        X: npt.ArrayLike,  # noqa: N803 - scikit-learn's name
        y: npt.ArrayLike,
        *,
        treated: BoolArray,
        probability: FloatArray | float,
    ) -> float:
        """Minus the mean squared distance to the inverse-probability-weighted score: higher is better, for searches.

        Its expectation is that of minus the squared error of the uplift, less a constant. Arguments as in `fit`.
        """
        return -_loss(self.predict(X), y, treated, probability)


def _loss(
    uplift: FloatArray, y: npt.ArrayLike, treated: BoolArray, probability: FloatArray | float
) -> float:
    outcome = np.asarray(y, dtype=np.float64)
    weight = np.where(treated, 1 / np.asarray(probability), -1 / (1 - np.asarray(probability)))
    effect: Any = outcome * weight
    return float(np.mean((effect - uplift) ** 2))
