"""T-learner: one outcome model per arm; uplift is the difference of their predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from features.arrays import FloatArray
from training.uplift.base import TrialRows
from training.uplift.base_models.registry import trainer
from training.uplift.learners.base import ComposedLearner, LearnerConfig, require_both_arms


class TLearnerConfig(LearnerConfig):
    """T-learner."""

    kind: Literal["t_learner"] = "t_learner"


@dataclass(frozen=True, eq=False)
class TLearner(ComposedLearner[TLearnerConfig]):
    """Two fitted outcome models."""

    config_type = TLearnerConfig
    outcome_models: ClassVar[tuple[str, ...]] = ("control", "treated")

    @classmethod
    def fit(cls, rows: TrialRows, config: TLearnerConfig) -> Self:
        """Fit one model per arm.

        Where the probability varies inside an arm, rows weigh by the inverse probability of the arm they got, so that
        each model fits the whole population; where it does not, it plays no part in a T-learner.
        """
        require_both_arms(rows)
        models = trainer(config.base, rows.matrix, categorical=rows.categorical)
        weight = rows.arm_weights()
        arms = {"control": ~rows.treated, "treated": rows.treated}
        return cls(
            config,
            {
                name: models.train(rows.outcome, kind=rows.kind, rows=arm, weight=weight)
                for name, arm in arms.items()
            },
        )

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Uplift per row, shape (n_rows,): expected outcome if treated minus if not."""
        return self.predict_treated(matrix) - self.predict_control(matrix)

    def predict_treated(self, matrix: FloatArray) -> FloatArray:
        """Expected outcome per row under treatment, shape (n_rows,)."""
        return self.models["treated"].predict(matrix)
