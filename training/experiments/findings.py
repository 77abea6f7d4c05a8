"""What a measurement found: effects, levels, ratios, exposure, segments, days, and what attribution would credit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from training.experiments.attribution import Attributed
from training.experiments.click_path import ChannelCredit
from training.experiments.cohorts import CohortValue
from training.experiments.config import Method
from training.experiments.exposure import ExposedEffect, GhostEffect
from training.experiments.funnel import FunnelCell, Reach
from training.experiments.lift import LiftEstimate
from training.experiments.over_days import DailyEffects
from training.experiments.tier_levels import TierLevel
from training.experiments.validity import Check
from training.metrics.estimates import Estimate

MINIMUM_ROWS: Final = 100
"""Rows of a segment in each arm below which it is shown as too small."""


@dataclass(frozen=True)
class OutcomeEffect:
    """One estimate of one outcome in one treated arm.

    Attributes:
        treated, control: arms.
        outcome, kind, unit: what is measured.
        method: how it is adjusted.
        cap: values above it count as it; None = whole values.
        headline: the figure that was declared beforehand; the others of the outcome stand beside it.
        primary: the outcome is one of the primary ones.
        lift: the estimate.
        variance_saved: 1 - variance / variance without adjustment.
        correlation: of outcome and covariate; NaN without one.
        p_holm: p-value of a primary headline after Holm over all of them; NaN for the others.
    """

    treated: str
    control: str
    outcome: str
    kind: str
    unit: str
    method: Method
    cap: float | None
    headline: bool
    primary: bool
    lift: LiftEstimate
    variance_saved: float
    correlation: float
    p_holm: float = float("nan")


@dataclass(frozen=True)
class ArmLevel:
    """Mean, or ratio of sums, of one outcome in one arm; NaN where a denominator is 0."""

    arm: str
    outcome: str
    unit: str
    level: Estimate


@dataclass(frozen=True)
class IncrementalRatio:
    """Change of one column over change of another: withheld (NaN) where the latter is not told from 0."""

    treated: str
    control: str
    outcome: str
    unit: str
    estimate: Estimate


@dataclass(frozen=True)
class SegmentEffect:
    """Effect on the first primary outcome within a level of a column known before assignment.

    Attributes:
        treated, control, outcome: as of `OutcomeEffect`.
        segment, level: column and its level.
        n_rows: rows of both arms.
        lift: None where an arm has fewer than `MINIMUM_ROWS` rows.
        p_adjusted: after Benjamini-Hochberg over all segments of all arms; NaN where there is no lift.
    """

    treated: str
    control: str
    outcome: str
    segment: str
    level: str
    n_rows: int
    lift: LiftEstimate | None
    p_adjusted: float = float("nan")


@dataclass(frozen=True)
class Exposure:
    """What the treatment did to those it reached, on the first primary outcome.

    Attributes:
        treated: arm.
        outcome: what is measured.
        on_exposed: by the assignment as instrument; None without a column of exposures.
        by_ghosts: None without ghost exposures.
    """

    treated: str
    outcome: str
    on_exposed: ExposedEffect | None
    by_ghosts: GhostEffect | None


@dataclass(frozen=True)
class Measurement:
    """Everything an experiment shows.

    Attributes:
        rows, units: assigned rows analysed, and independent units among them.
        arms: names, control first.
        checks: all of them, passed gates and warnings.
        effects: by treated arm and outcome, primary outcomes first, the headline before the others.
        levels: of every arm and outcome.
        ratios: incremental ratios.
        exposure: by treated arm, where exposures are known.
        segments: by treated arm.
        days: by treated arm, where days are known.
        attributed: what rules would credit, by treated arm.
        funnel: cells by treated arm.
        reach: of every arm, where impressions are counted.
        tiers: every outcome by intent tier and arm, where tiers are known.
        cohorts: value of every cohort, by treated arm.
        channels: what last click credits to each channel in both arms, by treated arm.
    """

    rows: int
    units: int
    arms: tuple[str, ...]
    checks: tuple[Check, ...]
    effects: tuple[OutcomeEffect, ...]
    levels: tuple[ArmLevel, ...]
    ratios: tuple[IncrementalRatio, ...]
    exposure: tuple[Exposure, ...]
    segments: tuple[SegmentEffect, ...]
    days: tuple[DailyEffects, ...]
    attributed: tuple[Attributed, ...]
    funnel: tuple[FunnelCell, ...]
    reach: tuple[Reach, ...]
    channels: tuple[ChannelCredit, ...] = ()
    tiers: tuple[TierLevel, ...] = ()
    cohorts: tuple[CohortValue, ...] = ()
