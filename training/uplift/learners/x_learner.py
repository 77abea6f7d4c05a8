"""X-learner: each arm's outcomes against the other arm's model, two effect models, averaged by the treated share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, Self

import numpy as np

from features.arrays import FloatArray
from training.uplift.base import TrialRows
from training.uplift.base_models.registry import trainer
from training.uplift.learners.base import ComposedLearner, TwoStageConfig, require_both_arms

_SHARE: Final = "treated_share"


class XLearnerConfig(TwoStageConfig):
    """X-learner."""

    kind: Literal["x_learner"] = "x_learner"


@dataclass(frozen=True, eq=False)
class XLearner(ComposedLearner[XLearnerConfig]):
    """Outcome model of the control, and an effect model per arm.

    The imputed effects need no folds: a row's effect is imputed by the model of the arm the row is not in.

    Source: Künzel, Sekhon, Bickel and Yu (2019), weight g = mean treated probability.
    """

    config_type = XLearnerConfig
    outcome_models: ClassVar[tuple[str, ...]] = ("control",)
    effect_models: ClassVar[tuple[str, ...]] = ("effect_of_treated", "effect_of_control")

    @classmethod
    def fit(cls, rows: TrialRows, config: XLearnerConfig) -> Self:
        """Fit outcome models per arm, then effect models per arm on the imputed effects."""
        require_both_arms(rows)
        first = trainer(config.base, rows.matrix, categorical=rows.categorical)
        second = trainer(
            config.effect,
            rows.matrix,
            categorical=rows.categorical,
            monotone=rows.monotone,
            shared=first,
        )
        weight, treated = rows.arm_weights(), rows.treated
        control, contacted = (
            first.train(rows.outcome, kind=rows.kind, rows=arm, weight=weight)
            for arm in (~treated, treated)
        )
        imputed = np.empty(len(rows))
        imputed[treated] = rows.outcome[treated] - control.predict(rows.matrix[treated])
        imputed[~treated] = contacted.predict(rows.matrix[~treated]) - rows.outcome[~treated]
        of_treated, of_control = (
            second.train(imputed, kind="continuous", rows=arm, weight=weight)
            for arm in (treated, ~treated)
        )
        models = {
            "control": control,
            "effect_of_treated": of_treated,
            "effect_of_control": of_control,
        }
        return cls(config, models, {_SHARE: float(rows.probability.mean())})

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Uplift per row, shape (n_rows,): g tau0(X) + (1 - g) tau1(X)."""
        share = self.numbers[_SHARE]
        of_treated = self.models["effect_of_treated"].predict(matrix)
        of_control = self.models["effect_of_control"].predict(matrix)
        return share * of_control + (1 - share) * of_treated
