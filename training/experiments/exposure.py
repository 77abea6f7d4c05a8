"""Effects on those whom the treatment reaches: by the assignment as instrument, and by ghost exposures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray
from training.experiments.checks import SampleRatioCheck, check_sample_ratio
from training.experiments.draws import first_rows
from training.experiments.effects import ContrastRows
from training.experiments.lift import LiftEstimate
from training.metrics.estimates import Estimate, fieller

TOT: Final = (
    "ITT / (share exposed in the treated arm - share exposed in the control): the effect on those whom the assignment got "
    "exposed, with the assignment as instrument, Fieller's interval"
)
GHOST: Final = "treated minus control among rows that were, or would have been, exposed, logged by the same code in both arms"


@dataclass(frozen=True)
class ExposedEffect:
    """Effect on the treated (ToT) by the assignment as instrument.

    Attributes:
        share_treated, share_control: share of each arm that was exposed.
        first_stage: their difference.
        effect: per row that the assignment got exposed; NaN interval where the difference is not told from 0.
        convention: in words.
    """

    share_treated: float
    share_control: float
    first_stage: Estimate
    effect: Estimate
    convention: str


@dataclass(frozen=True)
class GhostEffect:
    """Effect among those who were, or in the control would have been, exposed.

    Attributes:
        sample_ratio: of these rows; where it fails, the log is not blind to the arm and there is no effect.
        share: of all rows.
        effect: per such row; None where the check failed.
        convention: in words.
    """

    sample_ratio: SampleRatioCheck
    share: float
    effect: LiftEstimate | None
    convention: str


def effect_on_exposed(outcome: FloatArray, exposed: BoolArray, rows: ContrastRows) -> ExposedEffect:
    """The effect on those exposed because of the assignment (Wald, Bloom).

    Exposed and unexposed persons are never compared: who is exposed differs from who is not before any exposure.

    Args:
        outcome: shape (n_rows,).
        exposed: whether the treatment reached the row, both arms, shape (n_rows,).
        rows: arms.

    Invariants: with everybody of the treated arm exposed and nobody else, it is the ITT.

    Source: Bloom (1984); Imbens and Angrist (1994).
    """
    reached = exposed.astype(np.float64)
    stage = rows.effect(reached)
    lift = rows.lift(reached)
    return ExposedEffect(
        lift.treated_mean,
        lift.base_mean,
        fieller(stage, (1.0, np.zeros(len(reached))), rows.clusters),
        fieller(rows.effect(outcome), stage, rows.clusters),
        TOT,
    )


def effect_by_ghosts(
    outcome: FloatArray, would_be: BoolArray, rows: ContrastRows, *, arms: tuple[str, str]
) -> GhostEffect:
    """The effect among rows that were, or would have been, exposed.

    Args:
        outcome: shape (n_rows,).
        would_be: logged in both arms by code that does not know the arm, shape (n_rows,).
        rows: arms.
        arms: names of control and treated arm.

    Source: Johnson, Lewis and Nubbemeyer (2017), Ghost ads.
    """
    logged = rows.subset(would_be)
    drawn = logged.subset(first_rows(logged.treated, logged.clusters))
    check = check_sample_ratio(
        drawn.treated.astype(np.int64),
        np.column_stack([1 - drawn.probability, drawn.probability]),
        arms=arms,
    )
    both = min(logged.treated.sum(), (~logged.treated).sum()) > 1
    effect = logged.lift(outcome[would_be]) if check.passed and both else None
    return GhostEffect(check, float(would_be.mean()), effect, GHOST)
