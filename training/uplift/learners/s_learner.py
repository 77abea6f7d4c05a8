"""S-learner: one outcome model that knows the arm; uplift is what changing the arm changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np

from features.arrays import FloatArray
from training.uplift.base import TrialRows
from training.uplift.base_models.registry import trainer
from training.uplift.learners.base import ComposedLearner, LearnerConfig, require_both_arms


class SLearnerConfig(LearnerConfig):
    """S-learner. A linear base has the arm times every column; its penalty then shrinks the differences of the effect."""

    kind: Literal["s_learner"] = "s_learner"


@dataclass(frozen=True, eq=False)
class SLearner(ComposedLearner[SLearnerConfig]):
    """One outcome model with the arm as its last column."""

    config_type = SLearnerConfig
    outcome_models: ClassVar[tuple[str, ...]] = ("outcome",)

    @classmethod
    def fit(cls, rows: TrialRows, config: SLearnerConfig) -> Self:
        """Fit; rows weigh by the inverse probability of their arm where that varies."""
        require_both_arms(rows)
        matrix = _with_arm(rows.matrix, rows.treated.astype(np.float64))
        models = trainer(
            config.base, matrix, categorical=rows.categorical, modifier=matrix.shape[1] - 1
        )
        model = models.train(rows.outcome, kind=rows.kind, weight=rows.arm_weights())
        return cls(config, {"outcome": model})

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Uplift per row, shape (n_rows,): f(X, 1) - f(X, 0)."""
        treated = self.models["outcome"].predict(_with_arm(matrix, 1.0))
        return treated - self.predict_control(matrix)

    def predict_control(self, matrix: FloatArray) -> FloatArray:
        """Expected outcome per row without treatment, shape (n_rows,): f(X, 0)."""
        return self.models["outcome"].predict(_with_arm(matrix, 0.0))


def _with_arm(matrix: FloatArray, arm: FloatArray | float) -> FloatArray:
    return np.column_stack([matrix, np.broadcast_to(arm, len(matrix))])
