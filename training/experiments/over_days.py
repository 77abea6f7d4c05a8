"""The effect by day, whether it fades, and what the data up to each day say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray
from training.experiments.effects import ContrastRows
from training.experiments.lift import LiftEstimate
from training.experiments.sequential import MINIMUM_ROWS, looks_at
from training.metrics.estimates import Estimate, Parts, estimate

_FEWEST: Final = 2


@dataclass(frozen=True)
class DayEffect:
    """One day.

    Attributes:
        day: days since the first.
        n_rows: rows of that day, both arms.
        lift: of the rows of that day; None with fewer than two in an arm.
        so_far: of the rows up to and with that day; None likewise.
        valid_low, valid_high: always-valid 95 % interval of `so_far`; NaN without planned rows, or with fewer than 1,000.
    """

    day: int
    n_rows: int
    lift: LiftEstimate | None
    so_far: LiftEstimate | None
    valid_low: float
    valid_high: float


@dataclass(frozen=True)
class DailyEffects:
    """The effect of one treated arm over the days of the test.

    Attributes:
        treated, outcome: what is measured.
        planned_rows: rows at which the test was planned to end; None = no always-valid intervals.
        days: one entry per day with rows.
        trend: change of the effect per day, over all rows; told from 0 it is novelty (falling) or build-up (rising).
    """

    treated: str
    outcome: str
    planned_rows: int | None
    days: tuple[DayEffect, ...]
    trend: Estimate


def daily_effects(
    values: FloatArray,
    day: FloatArray,
    rows: ContrastRows,
    *,
    treated: str,
    outcome: str,
    planned_rows: int | None,
) -> DailyEffects:
    """The effect by day and up to each day.

    Args:
        values: outcome, shape (n_rows,).
        day: whole days since the first, shape (n_rows,).
        rows: arms.
        treated: name of the arm.
        outcome: its name.
        planned_rows: rows of both arms at which the test is planned to end; None = no always-valid intervals.
    """
    found = []
    for one in np.unique(day):
        until = _lift(values, rows, day <= one)
        low = high = float("nan")
        n_rows = int((day <= one).sum())
        if planned_rows is not None and until is not None and n_rows >= MINIMUM_ROWS:
            looks = looks_at(
                np.array([float(n_rows)]),
                np.array([until.effect]),
                np.array([until.se]),
                planned_rows=planned_rows,
            )
            low, high = float(looks.low[0]), float(looks.high[0])
        inside = day == one
        found.append(
            DayEffect(int(one), int(inside.sum()), _lift(values, rows, inside), until, low, high)
        )
    return DailyEffects(treated, outcome, planned_rows, tuple(found), _trend(values, day, rows))


def _lift(values: FloatArray, rows: ContrastRows, inside: BoolArray) -> LiftEstimate | None:
    part = rows.subset(inside)
    if min(part.treated.sum(), (~part.treated).sum()) < _FEWEST:
        return None
    return part.lift(values[inside])


def _trend(values: FloatArray, day: FloatArray, rows: ContrastRows) -> Estimate:
    """Difference of the arms' slopes over days, by least squares, with a cluster-robust standard error."""
    top, base = (_slope(values, day, arm, rows.weight) for arm in (rows.treated, ~rows.treated))
    return estimate(top[0] - base[0], top[1] - base[1], rows.clusters)


def _slope(values: FloatArray, day: FloatArray, arm: BoolArray, weight: FloatArray) -> Parts:
    inside = np.where(arm, weight, 0.0)
    inside = inside / inside.sum()
    centred = day - inside @ day
    spread = inside @ centred**2
    if not spread > 0:
        return float("nan"), np.full(len(day), np.nan)
    slope = float(inside @ (centred * values) / spread)
    residual = values - inside @ values - slope * centred
    return slope, len(day) * inside * centred * residual / spread
