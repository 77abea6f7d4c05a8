"""The learners that are one model each, by `kind`; the automatic choice is made among them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from training.uplift.base import TrialRows
from training.uplift.learners.base import UpliftLearner
from training.uplift.learners.class_transformation import (
    ClassTransformation,
    ClassTransformationConfig,
)
from training.uplift.learners.dr_learner import DrLearner, DrLearnerConfig
from training.uplift.learners.r_learner import RLearner, RLearnerConfig
from training.uplift.learners.s_learner import SLearner, SLearnerConfig
from training.uplift.learners.t_learner import TLearner, TLearnerConfig
from training.uplift.learners.x_learner import XLearner, XLearnerConfig

SimpleConfig = Annotated[
    SLearnerConfig
    | TLearnerConfig
    | XLearnerConfig
    | RLearnerConfig
    | DrLearnerConfig
    | ClassTransformationConfig,
    Field(discriminator="kind"),
]

SIMPLE_LEARNERS: Final[dict[str, type[UpliftLearner[Any]]]] = {
    "s_learner": SLearner,
    "t_learner": TLearner,
    "x_learner": XLearner,
    "r_learner": RLearner,
    "dr_learner": DrLearner,
    "class_transformation": ClassTransformation,
}


def fit_simple(rows: TrialRows, config: SimpleConfig) -> UpliftLearner[Any]:
    """Fit the learner a config names."""
    return SIMPLE_LEARNERS[config.kind].fit(rows, config)
