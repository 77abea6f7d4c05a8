"""What the R- and the DR-learner share: outcome models of folds, and one effect model that learns from rows those have not seen."""

from __future__ import annotations

from typing import ClassVar, Final, Self, TypeVar

import numpy as np
from pydantic import Field

from features.arrays import FloatArray
from training.uplift.base import TrialRows
from training.uplift.base_models.registry import AnyBaseConfig, trainer
from training.uplift.doubly_robust import DoublyRobustScores, doubly_robust_scores
from training.uplift.learners.base import ComposedLearner, TwoStageConfig, require_both_arms

_EFFECT: Final = "effect"


class CrossFittedConfig(TwoStageConfig):
    """Settings of learners whose effect model learns from scores that were cross-fitted."""

    n_folds: int = Field(default=5, ge=2, le=50)
    """Folds of the outcome models."""

    seed: int = Field(default=0, ge=0)
    """Seed of the folds."""


CrossFittedT = TypeVar("CrossFittedT", bound=CrossFittedConfig)


class CrossFittedLearner(ComposedLearner[CrossFittedT]):
    """One effect model; the expected outcome without treatment is the mean of the folds' models of the control."""

    outcome_models: ClassVar[tuple[str, ...]] = ()
    effect_models: ClassVar[tuple[str, ...]] = (_EFFECT,)

    @classmethod
    def parts(cls, config: CrossFittedT) -> dict[str, AnyBaseConfig]:
        """The effect model, and a model of the control per fold."""
        return super().parts(config) | dict.fromkeys(_controls(config), config.base)

    @classmethod
    def fit(cls, rows: TrialRows, config: CrossFittedT) -> Self:
        """Cross-fit the outcome, then regress on the features what it says of the effect."""
        require_both_arms(rows)
        first = trainer(config.base, rows.matrix, categorical=rows.categorical)
        scored = doubly_robust_scores(
            rows, config=config.base, n_folds=config.n_folds, seed=config.seed, shared=first
        )
        target, weight = cls.regression(rows, scored)
        second = trainer(
            config.effect,
            rows.matrix,
            categorical=rows.categorical,
            monotone=rows.monotone,
            shared=first,
        )
        effect = second.train(target, kind="continuous", weight=weight)
        controls = zip(_controls(config), scored.control_models, strict=True)
        return cls(config, {_EFFECT: effect, **dict(controls)})

    @staticmethod
    def regression(
        rows: TrialRows, scored: DoublyRobustScores
    ) -> tuple[FloatArray, FloatArray | None]:
        """What the effect model learns, and the weights of the rows (None = all one), shape (n_rows,) each."""
        raise NotImplementedError

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Uplift per row, shape (n_rows,)."""
        return self.models[_EFFECT].predict(matrix)

    def predict_control(self, matrix: FloatArray) -> FloatArray:
        """Expected outcome per row without treatment, shape (n_rows,): the mean of the folds' models."""
        found = [self.models[name].predict(matrix) for name in _controls(self.config)]
        return np.asarray(np.mean(found, axis=0))


def _controls(config: CrossFittedConfig) -> list[str]:
    return [f"control_{k}" for k in range(config.n_folds)]
