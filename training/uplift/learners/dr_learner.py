"""DR-learner: a regression of the cross-fitted doubly robust score on the features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from features.arrays import FloatArray
from training.uplift.base import TrialRows
from training.uplift.doubly_robust import DoublyRobustScores
from training.uplift.learners.cross_fitted import CrossFittedConfig, CrossFittedLearner


class DrLearnerConfig(CrossFittedConfig):
    """DR-learner with the known probability."""

    kind: Literal["dr_learner"] = "dr_learner"


@dataclass(frozen=True, eq=False)
class DrLearner(CrossFittedLearner[DrLearnerConfig]):
    """Regresses the score itself.

    Source: Kennedy (2023), with the probability known.
    """

    config_type = DrLearnerConfig

    @staticmethod
    def regression(
        rows: TrialRows,  # noqa: ARG004 - the score holds all that is needed of them
        scored: DoublyRobustScores,
    ) -> tuple[FloatArray, FloatArray | None]:
        """The score, every row alike."""
        return scored.effect, None
