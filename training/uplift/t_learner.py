"""T-learner: one outcome model per arm; uplift is the difference of their predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self

import lightgbm as lgb
import numpy as np

from features.arrays import BoolArray, FloatArray
from features.errors import InputError
from training.uplift.base import BoosterConfig, OutcomeKind
from training.uplift.outcome_models import OutcomeTrainer, predict_outcome

_CONTROL_FILE: Final = "control.txt"
_TREATED_FILE: Final = "treated.txt"


class TLearnerConfig(BoosterConfig):
    """LightGBM T-learner."""

    kind: Literal["t_learner"] = "t_learner"


@dataclass(frozen=True, eq=False)
class TLearner:
    """Two fitted outcome models.

    Attributes:
        control, treated: boosters of the two arms.
        n_jobs: threads for prediction.
    """

    control: lgb.Booster
    treated: lgb.Booster
    n_jobs: int = 2

    @classmethod
    def fit(
        cls,
        matrix: FloatArray,
        outcome: FloatArray,
        treated: BoolArray,
        *,
        probability: FloatArray,
        kind: OutcomeKind,
        categorical: list[int],
        config: TLearnerConfig,
    ) -> Self:
        """Fit one model per arm.

        Args:
            matrix: encoded features, shape (n_rows, n_features), NaN = missing.
            outcome: shape (n_rows,), finite.
            treated: shape (n_rows,), True = treated arm.
            probability: known probability that the row is treated, shape (n_rows,), in (0, 1). Where it varies inside
                an arm, rows weigh by the inverse probability of the arm they got, so that each model fits the whole
                population; where it does not, it plays no part in a T-learner.
            kind: of the outcome.
            categorical: matrix columns that hold codes of text levels.
            config: booster settings.

        Raises:
            InputError: an arm without rows.
        """
        for arm, rows in (("treated", treated), ("control", ~treated)):
            if not rows.any():
                raise InputError(
                    "training rows",
                    f"the {arm} arm has no row",
                    rule="a T-learner fits a model per arm",
                    next_step="Check the arm names, or use more data.",
                )
        trainer = OutcomeTrainer(
            matrix,
            outcome,
            kind=kind,
            categorical=categorical,
            weight=_arm_weights(treated, probability),
            config=config,
        )
        return cls(trainer.train(~treated), trainer.train(treated), config.n_jobs)

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Uplift per row, shape (n_rows,): expected outcome if treated minus if not."""
        return self.predict_treated(matrix) - self.predict_control(matrix)

    def predict_control(self, matrix: FloatArray) -> FloatArray:
        """Expected outcome per row without treatment, shape (n_rows,)."""
        return predict_outcome(self.control, matrix, n_jobs=self.n_jobs)

    def predict_treated(self, matrix: FloatArray) -> FloatArray:
        """Expected outcome per row under treatment, shape (n_rows,)."""
        return predict_outcome(self.treated, matrix, n_jobs=self.n_jobs)

    def texts(self) -> dict[str, str]:
        """Both boosters as LightGBM text, by file name."""
        return {
            _CONTROL_FILE: self.control.model_to_string(),
            _TREATED_FILE: self.treated.model_to_string(),
        }

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], *, config: TLearnerConfig) -> Self:
        """The inverse of `texts`.

        Raises:
            InputError: a file is missing or is not a LightGBM model.
        """
        control, treated = (_booster(texts, name) for name in (_CONTROL_FILE, _TREATED_FILE))
        return cls(control, treated, config.n_jobs)


def _arm_weights(treated: BoolArray, probability: FloatArray) -> FloatArray | None:
    """Inverse probability of the arm received, mean one per arm; None where it would be constant."""
    weight = np.where(treated, 1 / probability, 1 / (1 - probability))
    for arm in (treated, ~treated):
        weight[arm] /= weight[arm].mean()
    return None if np.allclose(weight, 1.0, rtol=0, atol=1e-12) else weight


def _booster(texts: Mapping[str, str], name: str) -> lgb.Booster:
    try:
        return lgb.Booster(model_str=texts[name])
    except (KeyError, lgb.basic.LightGBMError) as error:
        raise InputError(
            name,
            f"cannot be read as a LightGBM model ({' '.join(str(error).split())})",
            rule="a T-learner is two LightGBM text files",
            next_step="Train the model again.",
        ) from None
