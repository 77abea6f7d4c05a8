"""Every uplift learner by its `kind`."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from training.uplift.base import TrialRows
from training.uplift.learners.auto import AutoConfig, AutoLearner
from training.uplift.learners.base import UpliftLearner
from training.uplift.learners.class_transformation import ClassTransformationConfig
from training.uplift.learners.dr_learner import DrLearnerConfig
from training.uplift.learners.r_learner import RLearnerConfig
from training.uplift.learners.s_learner import SLearnerConfig
from training.uplift.learners.simple import SIMPLE_LEARNERS
from training.uplift.learners.t_learner import TLearnerConfig
from training.uplift.learners.x_learner import XLearnerConfig

UpliftLearnerConfig = Annotated[
    SLearnerConfig
    | TLearnerConfig
    | XLearnerConfig
    | RLearnerConfig
    | DrLearnerConfig
    | ClassTransformationConfig
    | AutoConfig,
    Field(discriminator="kind"),
]

LEARNERS: Final[dict[str, type[UpliftLearner[Any]]]] = {**SIMPLE_LEARNERS, "auto": AutoLearner}


def fit_learner(rows: TrialRows, config: UpliftLearnerConfig) -> UpliftLearner[Any]:
    """Fit the learner a config names.

    Raises:
        InputError: an arm without rows, or too few for the folds.
        ValueError: the rows ask for monotone uplift that the learner cannot keep.
    """
    if rows.monotone and not config.keeps_monotone:
        raise ValueError(f"the uplift of '{config.kind}' cannot be held monotone")
    return LEARNERS[config.kind].fit(rows, config)
