"""Class transformation: one model of 'responded where treated, or did not where not'; for any known probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np

from features.arrays import FloatArray
from training.uplift.base import TrialRows
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.registry import trainer
from training.uplift.doubly_robust import effect_scores
from training.uplift.learners.base import ComposedLearner, LearnerConfig, require_both_arms


class ClassTransformationConfig(LearnerConfig):
    """Class transformation (binary outcomes), transformed outcome (continuous ones)."""

    kind: Literal["class_transformation"] = "class_transformation"

    @property
    def keeps_monotone(self) -> bool:
        """With a boosted base only: a logistic regression has no bounds."""
        return isinstance(self.base, BoostedConfig)


@dataclass(frozen=True, eq=False)
class ClassTransformation(ComposedLearner[ClassTransformationConfig]):
    """Outcome model of the control, and one model of the transformed outcome.

    Binary: W = Z Y + (1 - Z)(1 - Y), rows weighted by the inverse probability of their arm, so that both arms count
    half; then P(W = 1 | X) = (1 + uplift) / 2. Without the weights this holds at a probability of one half only.
    Continuous: the inverse-probability-weighted outcome, whose mean given X is the uplift.

    Source: Jaskowski and Jaroszewicz (2012); Athey and Imbens (2016).
    """

    config_type = ClassTransformationConfig
    outcome_models: ClassVar[tuple[str, ...]] = ("control", "transformed")

    @classmethod
    def fit(cls, rows: TrialRows, config: ClassTransformationConfig) -> Self:
        """Fit the transformed outcome on all rows, the outcome on the control."""
        require_both_arms(rows)
        models = trainer(config.base, rows.matrix, categorical=rows.categorical)
        effects = models
        if rows.monotone:
            effects = trainer(
                config.base, rows.matrix, categorical=rows.categorical, monotone=rows.monotone
            )
        if rows.kind == "binary":
            target = np.where(rows.treated, rows.outcome, 1 - rows.outcome)
            weight = rows.inverse_probability()
            transformed = effects.train(target, kind="binary", weight=weight / weight.mean())
        else:
            target = effect_scores(rows.outcome, rows.treated, rows.probability)
            transformed = effects.train(target, kind="continuous")
        control = models.train(
            rows.outcome, kind=rows.kind, rows=~rows.treated, weight=rows.arm_weights()
        )
        numbers = {"binary": float(rows.kind == "binary")}
        return cls(config, {"control": control, "transformed": transformed}, numbers)

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Uplift per row, shape (n_rows,)."""
        found = self.models["transformed"].predict(matrix)
        return 2 * found - 1 if self.numbers["binary"] else found
