"""The funnel in figures: every outcome by intent tier and arm, with intervals; levels, not effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.arrays import FloatArray
from training.experiments.config import (
    IncrementalRatioOutcome,
    MeasureConfig,
    OutcomeConfig,
    RatioOutcome,
)
from training.experiments.effects import ContrastRows, arm_level
from training.experiments.funnel import MINIMUM_ROWS, ordered_tiers
from training.experiments.rows import ExperimentRows
from training.metrics.estimates import Estimate


@dataclass(frozen=True)
class TierLevel:
    """One outcome of one arm in one tier.

    Attributes:
        tier: level of the tier column, "all" over every tier.
        arm, outcome, kind, unit: what is measured.
        n_rows: of the arm in the tier.
        level: mean per row, or ratio of sums; None with fewer than `MINIMUM_ROWS` rows.
    """

    tier: str
    arm: str
    outcome: str
    kind: str
    unit: str
    n_rows: int
    level: Estimate | None


def tier_levels(rows: ExperimentRows, config: MeasureConfig) -> list[TierLevel]:
    """Every outcome by tier and arm: click and conversion rates, costs, returns, order values, whatever was declared.

    Invariants: the rows of the tiers add up to those of "all".
    """
    if config.funnel is None or rows.tier is None:
        return []
    tier = np.asarray(rows.tier, dtype=np.str_)
    parts = {name: tier == name for name in ordered_tiers(rows.tier, config.funnel)}
    parts["all"] = np.ones(len(rows), dtype=bool)
    found = []
    for place, arm in enumerate(rows.arms):
        whole = ContrastRows(rows.arm == place, rows.probability[:, place], rows.cluster)
        for level, inside in parts.items():
            part = whole.subset(inside)
            for name, outcome in config.outcomes.items():
                top, bottom = columns_of(rows, name, outcome)
                known = part.treated.sum() >= MINIMUM_ROWS
                figure = (
                    arm_level(
                        top[inside], None if bottom is None else bottom[inside], part.treated, part
                    )
                    if known
                    else None
                )
                unit = getattr(outcome, "unit", "")
                n_rows = int(part.treated.sum())
                found.append(TierLevel(level, arm, name, outcome.kind, unit, n_rows, figure))
    return found


def columns_of(
    rows: ExperimentRows, name: str, outcome: OutcomeConfig
) -> tuple[FloatArray, FloatArray | None]:
    """What is summed, and what it is divided by; None = rows."""
    if isinstance(outcome, RatioOutcome | IncrementalRatioOutcome):
        return rows.numbers[outcome.numerator], rows.numbers[outcome.denominator]
    return rows.numbers[name], None
