"""What a test on regions found: lifts, days, and the controls that stand for the treated regions."""

from __future__ import annotations

from dataclasses import dataclass

from training.experiments.regions.config import RegionMethod
from training.experiments.regions.inference import RegionLift
from training.experiments.validity import Check


@dataclass(frozen=True)
class RegionEffect:
    """One estimate of one outcome.

    Attributes:
        outcome, unit: what is measured.
        method: how the level without the treatment is reckoned.
        headline: declared beforehand; the other estimate stands beside it.
        primary: the outcome is one of the primary ones.
        lift: relative effect on the treated regions.
        total, total_low, total_high: what the treated regions had from the start on that they would not have had, in units of the
            outcome: their sum x (1 - 1 / (1 + effect)); minus infinity where the interval has no lower end.
        before, after: mean per treated region and day.
        fit: root mean squared difference, before the start, between the daily levels of the treated and of what stands for them.
        convention: in words.
        p_holm: of a primary headline, after Holm over all of them; NaN for the others.
    """

    outcome: str
    unit: str
    method: RegionMethod
    headline: bool
    primary: bool
    lift: RegionLift
    total: float
    total_low: float
    total_high: float
    before: float
    after: float
    fit: float
    convention: str
    p_holm: float = float("nan")


@dataclass(frozen=True)
class RegionDay:
    """One day of an outcome by its headline: levels over the region's own mean before the start.

    Attributes:
        outcome, day: which.
        treated: mean level of the treated regions.
        without: what stands for them without the treatment.
        gap: treated - without.
        placebo_low, placebo_high: 2.5 % and 97.5 % of the gaps of the assignments that the lot could have made.
    """

    outcome: str
    day: str
    treated: float
    without: float
    gap: float
    placebo_low: float
    placebo_high: float


@dataclass(frozen=True)
class ControlWeight:
    """Share of a control region in what stands for the treated ones; shares sum to 1."""

    outcome: str
    region: str
    weight: float


@dataclass(frozen=True)
class RegionMeasurement:
    """Everything a test on regions shows.

    Attributes:
        regions: of the test.
        treated: how many of them were.
        days_before, days_after: days of the two periods.
        possible: assignments that the lot could have made.
        checks: all of them.
        effects: primary outcomes first, the headline before the other estimate.
        days: of every outcome.
        weights: of the headline, where it has weights.
    """

    regions: int
    treated: int
    days_before: int
    days_after: int
    possible: int
    checks: tuple[Check, ...]
    effects: tuple[RegionEffect, ...]
    days: tuple[RegionDay, ...]
    weights: tuple[ControlWeight, ...]
