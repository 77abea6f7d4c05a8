"""R-learner: the effect that best explains residual outcomes by residual assignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from features.arrays import FloatArray
from training.uplift.base import TrialRows
from training.uplift.doubly_robust import DoublyRobustScores
from training.uplift.learners.cross_fitted import CrossFittedConfig, CrossFittedLearner


class RLearnerConfig(CrossFittedConfig):
    """R-learner with the known probability."""

    kind: Literal["r_learner"] = "r_learner"


@dataclass(frozen=True, eq=False)
class RLearner(CrossFittedLearner[RLearnerConfig]):
    """Minimises sum (Y - m - (Z - e) tau(X))^2, a regression of (Y - m) / (Z - e) with weights (Z - e)^2.

    m = e mu1 + (1 - e) mu0 is the out-of-fold expected outcome under the known probability.

    Source: Nie and Wager (2021).
    """

    config_type = RLearnerConfig

    @staticmethod
    def regression(
        rows: TrialRows, scored: DoublyRobustScores
    ) -> tuple[FloatArray, FloatArray | None]:
        """Residual outcome over residual assignment, weighted by the square of the latter, mean one."""
        expected = rows.probability * scored.treated + (1 - rows.probability) * scored.control
        residual = rows.treated - rows.probability
        return (rows.outcome - expected) / residual, residual**2 / (residual**2).mean()
