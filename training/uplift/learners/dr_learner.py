"""DR-learner: a regression of the cross-fitted doubly robust score on the features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from features.arrays import FloatArray
from training.uplift.base import TrialRows
from training.uplift.base_models.registry import trainer
from training.uplift.doubly_robust import doubly_robust_scores
from training.uplift.learners.base import ComposedLearner, CrossFittedConfig, require_both_arms


class DrLearnerConfig(CrossFittedConfig):
    """DR-learner with the known probability."""

    kind: Literal["dr_learner"] = "dr_learner"


@dataclass(frozen=True, eq=False)
class DrLearner(ComposedLearner[DrLearnerConfig]):
    """Outcome model of the control, and one effect model.

    Source: Kennedy (2023), with the probability known.
    """

    config_type = DrLearnerConfig
    outcome_models: ClassVar[tuple[str, ...]] = ("control",)
    effect_models: ClassVar[tuple[str, ...]] = ("effect",)

    @classmethod
    def fit(cls, rows: TrialRows, config: DrLearnerConfig) -> Self:
        """Cross-fit the score, then regress it."""
        require_both_arms(rows)
        first = trainer(config.base, rows.matrix, categorical=rows.categorical)
        scored = doubly_robust_scores(
            rows, config=config.base, n_folds=config.n_folds, seed=config.seed, shared=first
        )
        second = trainer(
            config.effect, rows.matrix, categorical=rows.categorical, monotone=rows.monotone
        )
        effect = second.train(scored.effect, kind="continuous")
        control = first.train(
            rows.outcome, kind=rows.kind, rows=~rows.treated, weight=rows.arm_weights()
        )
        return cls(config, {"control": control, "effect": effect})

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Uplift per row, shape (n_rows,)."""
        return self.models["effect"].predict(matrix)
