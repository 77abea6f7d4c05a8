"""The holdout: a random share of persons that no contact reaches, fixed by hash before any scoring, and one of this policy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.arrays import BoolArray, FloatArray, TextArray
from features.assignment import HOLDOUT, POLICY_HOLDOUT, TARGETABLE, uniform
from serving.config import HoldoutConfig


@dataclass(frozen=True, eq=False)
class Arms:
    """The lots of n persons.

    Attributes:
        arm: shape (n,), `HOLDOUT`, `POLICY_HOLDOUT` or `TARGETABLE`.
        probability: shape (n,), the chance of the arm that was drawn.
        chance_free: the chance of `TARGETABLE`.
    """

    arm: npt.NDArray[np.str_]
    probability: FloatArray
    chance_free: float

    @property
    def held_out(self) -> BoolArray:
        held_out: BoolArray = self.arm == HOLDOUT
        return held_out

    @property
    def free(self) -> BoolArray:
        free: BoolArray = self.arm == TARGETABLE
        return free


def assign_arms(person_ids: TextArray, config: HoldoutConfig, *, moment: str) -> Arms:
    """Hold out each person with probability `config.share` for good, and each of the others with `policy_share` this time.

    The contrast of `TARGETABLE` and `POLICY_HOLDOUT` among those the policy would contact is what this policy changes; that
    of `HOLDOUT` and everybody else is what the whole programme changes.

    Args:
        person_ids: shape (n,).
        config: shares and salt.
        moment: names the decision, for the lot that is drawn anew.

    Invariants: a person's arm depends on salt, moment and person alone; the universal holdout not on the moment.
    """
    held_out = uniform(person_ids, salt=config.salt) < config.share
    this_time = uniform(person_ids, salt=f"{config.salt}|policy|{moment}") < config.policy_share
    chance = {
        HOLDOUT: config.share,
        POLICY_HOLDOUT: (1 - config.share) * config.policy_share,
        TARGETABLE: (1 - config.share) * (1 - config.policy_share),
    }
    arm = np.where(held_out, HOLDOUT, np.where(this_time, POLICY_HOLDOUT, TARGETABLE))
    probability = np.select([arm == name for name in chance], list(chance.values()))
    return Arms(arm, probability, chance[TARGETABLE])
