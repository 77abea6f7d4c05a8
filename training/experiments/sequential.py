"""Intervals that hold however often one looks: asymptotic confidence sequences for a difference of arm means.

A fixed-horizon interval is right for one look at a size fixed beforehand; looked at every day and stopped when it leaves
zero, it is wrong far more often than 5 % of the time. The sequence here covers the truth at all looks at once, and is
wider for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from features.arrays import BoolArray, FloatArray

ALPHA: Final = 0.05

MINIMUM_ROWS: Final = 1_000
"""Smallest number of rows at which to look: the guarantee is asymptotic, and what is decided before is not covered."""


def mixture_scale(planned_rows: float, *, alpha: float = ALPHA) -> float:
    """The rho that makes the sequence narrowest at `planned_rows`.

    Args:
        planned_rows: rows of both arms at which the test is meant to end, > 0.
        alpha: one minus the level, in (0, 1).

    Returns:
        sqrt((-2 ln alpha + ln(-2 ln alpha + 1)) / planned_rows).
    """
    logs = -2 * np.log(alpha)
    return float(np.sqrt((logs + np.log(logs + 1)) / planned_rows))


def widening(rows: FloatArray, planned_rows: float, *, alpha: float = ALPHA) -> FloatArray:
    """Half-width of the sequence in standard errors; a fixed-horizon 95 % interval has 1.96.

    Args:
        rows: rows of both arms at each look, shape (n_looks,), > 0.
        planned_rows: see `mixture_scale`.
        alpha: one minus the level.

    Returns:
        sqrt(2 (n rho^2 + 1) / (n rho^2) ln(sqrt(n rho^2 + 1) / alpha)), shape (n_looks,).

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Time-uniform central limit theory and asymptotic
    confidence sequences: the Gaussian-mixture boundary, divided by the standard error.

    Example:
        >>> widening(np.array([1_000.0, 10_000.0]), 10_000).round(2)
        array([3.86, 3.04])
    """
    scaled = np.asarray(rows, np.float64) * mixture_scale(planned_rows, alpha=alpha) ** 2
    return np.sqrt(2 * (scaled + 1) / scaled * np.log(np.sqrt(scaled + 1) / alpha))


@dataclass(frozen=True, eq=False)
class Looks:
    """The difference of two arm means at successive looks at the data so far.

    Attributes:
        rows: rows of both arms, shape (n_looks,), not falling.
        effect, se: estimate and its standard error at each look, shape (n_looks,).
        low, high: always-valid 95 % interval; infinite where there are fewer than `MINIMUM_ROWS` rows.
        fixed_low, fixed_high: what one look at that size alone would give.
        z: effect / se, shape (n_looks,).
    """

    rows: FloatArray
    effect: FloatArray
    se: FloatArray
    low: FloatArray
    high: FloatArray
    fixed_low: FloatArray
    fixed_high: FloatArray
    z: FloatArray

    @property
    def stopped(self) -> int | None:
        """First look whose always-valid interval leaves 0; None if none does."""
        return _first((self.low > 0) | (self.high < 0))

    @property
    def stopped_fixed(self) -> int | None:
        """First look whose fixed-horizon interval leaves 0: what peeking without correction would call a finding."""
        return _first((self.fixed_low > 0) | (self.fixed_high < 0))


def confidence_sequence(
    count: FloatArray,
    mean: FloatArray,
    variance: FloatArray,
    *,
    planned_rows: float,
    alpha: float = ALPHA,
    minimum_rows: int = MINIMUM_ROWS,
) -> Looks:
    """Always-valid intervals from the aggregates at each look.

    Args:
        count: rows so far, shape (n_looks, 2): control, treated.
        mean: mean outcome so far, shape (n_looks, 2).
        variance: its sample variance, shape (n_looks, 2).
        planned_rows: rows of both arms at which the test is meant to end; decided beforehand.
        alpha: one minus the level.
        minimum_rows: looks with fewer rows have an infinite interval.

    Invariants: at every look wider than the fixed-horizon interval.
    """
    found = np.sqrt(np.sum(variance / count, axis=1))
    return looks_at(
        count.sum(axis=1),
        mean[:, 1] - mean[:, 0],
        found,
        planned_rows=planned_rows,
        alpha=alpha,
        minimum_rows=minimum_rows,
    )


def looks_at(
    rows: FloatArray,
    effect: FloatArray,
    se: FloatArray,
    *,
    planned_rows: float,
    alpha: float = ALPHA,
    minimum_rows: int = MINIMUM_ROWS,
) -> Looks:
    """Always-valid intervals from an estimate and its standard error at each look; arguments as of `Looks`."""
    wide = np.where(rows >= minimum_rows, widening(rows, planned_rows, alpha=alpha), np.inf)
    normal = float(stats.norm.ppf(1 - alpha / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(np.isinf(wide), np.inf, wide * se)
        z = effect / se
    return Looks(
        rows,
        effect,
        se,
        effect - reach,
        effect + reach,
        effect - normal * se,
        effect + normal * se,
        z,
    )


def _first(found: BoolArray) -> int | None:
    places = np.flatnonzero(found)
    return int(places[0]) if len(places) else None
