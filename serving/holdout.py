"""The holdout: a random share of persons that no contact reaches, fixed by hash before any scoring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.arrays import FloatArray, TextArray
from features.assignment import HOLDOUT, TARGETABLE, uniform
from serving.config import HoldoutConfig


@dataclass(frozen=True, eq=False)
class Arms:
    """The allocation of n persons.

    Attributes:
        arm: shape (n,), `HOLDOUT` or `TARGETABLE`.
        probability: shape (n,), the chance of the arm that was drawn.
    """

    arm: npt.NDArray[np.str_]
    probability: FloatArray

    @property
    def held_out(self) -> npt.NDArray[np.bool_]:
        held_out: npt.NDArray[np.bool_] = self.arm == HOLDOUT
        return held_out


def assign_arms(person_ids: TextArray, config: HoldoutConfig) -> Arms:
    """Hold out each person with probability `config.share`.

    Invariants: a person's arm depends on (salt, person) alone, so it is the same in every run.
    """
    held_out = uniform(person_ids, salt=config.salt) < config.share
    return Arms(
        arm=np.where(held_out, HOLDOUT, TARGETABLE),
        probability=np.where(held_out, config.share, 1 - config.share),
    )
