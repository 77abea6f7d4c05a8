"""How far it is known what one more unit of budget would earn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from features.arrays import FloatArray
from serving.allocate import NO_CONTACT, Allocation
from training.uplift.model import UpliftModel

Basis = Literal["model in force", "model before its refit", "none"]

BUDGET_DOES_NOT_BIND: Final = "more budget would change nothing"
NOT_TESTED: Final = "the model in force was not itself tested, nor one before it"
TOO_FEW: Final = "too few of the test rows with such scores responded"
BETWEEN_ARMS: Final = "the step that was left out goes from one message to another, and only messages against none were tested"
NO_EFFECT: Final = "the step that was left out earns nothing"


@dataclass(frozen=True)
class Marginal:
    """The 95 % interval of the shadow price.

    Attributes:
        low, high: its ends, money per unit of money; NaN where there is none.
        basis: whose test rows it comes from. "model before its refit": the model of the same settings that learned from the
            train part only and was judged on the others; the one in force learned from all and was not itself tested.
        missing: why there is no interval, "" where there is one.
    """

    low: float
    high: float
    basis: Basis
    missing: str = ""


def marginal(allocation: Allocation, uplift: FloatArray, models: Sequence[UpliftModel]) -> Marginal:
    """The interval, by the mean effect on held-out test rows with scores like that of the first person left out.

    The effect is the doubly robust estimate of the score's group (GATES), scaled by what the step earns per unit of uplift.
    It holds the sampling error of that effect; order value, reach and cost are taken as known. A model fitted again on all
    rows has no test rows of its own: then it is the effect among rows that got such a score from the model before.

    Args:
        allocation: what the policy does.
        uplift: expected effect of a contact in each way, shape (n, n_ways).
        models: that expect them, one per way.
    """
    if allocation.first_left_out is None:
        return _nothing(BUDGET_DOES_NOT_BIND)
    way, before = allocation.left_out_channel, allocation.channel[allocation.first_left_out]
    model = models[way]
    if before != NO_CONTACT and models[before] is not model:
        return _nothing(BETWEEN_ARMS)
    groups = model.groups or model.groups_before_refit
    if groups is None:
        return _nothing(NOT_TESTED)
    score = uplift[[allocation.first_left_out], way]
    if score[0] == 0:
        return _nothing(NO_EFFECT)
    low, high = (float(end[0]) for end in groups.intervals(score))
    if np.isnan(low) or np.isnan(high):
        return _nothing(TOO_FEW)
    per_uplift = allocation.shadow_price / float(score[0])
    basis: Basis = "model in force" if model.groups is not None else "model before its refit"
    return Marginal(low * per_uplift, high * per_uplift, basis)


def _nothing(why: str) -> Marginal:
    return Marginal(float("nan"), float("nan"), "none", why)
