"""R-learner: the effect that best explains residual outcomes by residual assignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from features.arrays import FloatArray
from training.uplift.base import TrialRows
from training.uplift.base_models.registry import trainer
from training.uplift.doubly_robust import doubly_robust_scores
from training.uplift.learners.base import ComposedLearner, CrossFittedConfig, require_both_arms


class RLearnerConfig(CrossFittedConfig):
    """R-learner with the known probability."""

    kind: Literal["r_learner"] = "r_learner"


@dataclass(frozen=True, eq=False)
class RLearner(ComposedLearner[RLearnerConfig]):
    """Outcome model of the control, and one effect model.

    Minimises sum (Y - m - (Z - e) tau(X))^2, a regression of (Y - m) / (Z - e) with weights (Z - e)^2, where
    m = e mu1 + (1 - e) mu0 is the out-of-fold expected outcome under the known probability.

    Source: Nie and Wager (2021).
    """

    config_type = RLearnerConfig
    outcome_models: ClassVar[tuple[str, ...]] = ("control",)
    effect_models: ClassVar[tuple[str, ...]] = ("effect",)

    @classmethod
    def fit(cls, rows: TrialRows, config: RLearnerConfig) -> Self:
        """Cross-fit the outcome, then fit the effect."""
        require_both_arms(rows)
        first = trainer(config.base, rows.matrix, categorical=rows.categorical)
        scored = doubly_robust_scores(
            rows, config=config.base, n_folds=config.n_folds, seed=config.seed, shared=first
        )
        expected = rows.probability * scored.treated + (1 - rows.probability) * scored.control
        residual = rows.treated - rows.probability
        second = trainer(
            config.effect, rows.matrix, categorical=rows.categorical, monotone=rows.monotone
        )
        effect = second.train(
            (rows.outcome - expected) / residual,
            kind="continuous",
            weight=residual**2 / (residual**2).mean(),
        )
        control = first.train(
            rows.outcome, kind=rows.kind, rows=~rows.treated, weight=rows.arm_weights()
        )
        return cls(config, {"control": control, "effect": effect})

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Uplift per row, shape (n_rows,)."""
        return self.models["effect"].predict(matrix)
