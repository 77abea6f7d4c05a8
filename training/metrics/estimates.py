"""An estimate with its standard error and interval, from what every row adds to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import stats

from features.arrays import BoolArray, FloatArray, IntArray

CONFIDENCE: Final = 0.95
"""Level of every interval here: estimate +- 1.96 standard errors."""

Z: Final = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
"""Standard errors on each side."""

MINIMUM_OUTCOMES: Final = 5
"""Fewest rows with an outcome behind the interval of a mean; with fewer it covers too seldom (89 % of the time at three)."""

_SPARSE: Final = 4
"""Codes up to so many times the rows are counted as they are; sorting them would take longer than the sums."""

Parts = tuple[float, FloatArray]
"""A value and its influence: what each row adds to the error, shape (n_rows,), mean 0."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its uncertainty.

    Attributes:
        value: point estimate.
        se: standard error; NaN with fewer than two rows (or clusters), or too few outcomes.
        low, high: 95 % interval, normal approximation unless the figure says otherwise; NaN where `se` is.
        p_value: two-sided, against the value 0; NaN when `se` is 0 or NaN.
        n_rows: rows used.
        n_clusters: independent units used; rows when there are no clusters.
    """

    value: float
    se: float
    low: float
    high: float
    p_value: float
    n_rows: int
    n_clusters: int


def estimate(value: float, influence: FloatArray, clusters: IntArray | None) -> Estimate:
    """Normal interval; the variance is that of sums of the influence over independent units.

    Args:
        value: point estimate.
        influence: shape (n_rows,); value - truth is about its mean.
        clusters: independent unit of each row, shape (n_rows,); None = rows are independent.
    """
    n_rows = len(influence)
    sums = influence if clusters is None else cluster_sums(influence, clusters)
    units = len(sums)
    if units > 1:
        se = float(np.sqrt(units / (units - 1) * np.sum(sums**2)) / n_rows)
    else:
        se = float("nan")
    p_value = float(2 * stats.norm.sf(abs(value) / se)) if se > 0 else float("nan")
    return Estimate(value, se, value - Z * se, value + Z * se, p_value, n_rows, units)


def cluster_sums(values: FloatArray, clusters: IntArray) -> FloatArray:
    """Sum of the values of each cluster, by rising code, shape (n_clusters,).

    Args:
        values: shape (n_rows,).
        clusters: code of each row's cluster, shape (n_rows,).

    Example:
        >>> cluster_sums(np.array([1.0, 2.0, 4.0]), np.array([7, 2, 7]))
        array([2., 5.])
    """
    if clusters.min() < 0 or clusters.max() > _SPARSE * len(clusters):
        clusters = np.unique(clusters, return_inverse=True)[1]
    sums = np.bincount(clusters, weights=values)
    return np.asarray(sums[np.bincount(clusters) > 0], np.float64)


def if_outcomes(found: Estimate, responded: BoolArray | None) -> Estimate:
    """The estimate, without its interval where fewer than `MINIMUM_OUTCOMES` rows behind it have an outcome.

    A mean over rows of which hardly any respond has an error that its own rows do not show: where nobody happens to, they
    are all alike.

    Args:
        found: the estimate.
        responded: which of its rows have an outcome other than 0, shape (n_rows,); None = not known, nothing is withheld.
    """
    if responded is None or np.count_nonzero(responded) >= MINIMUM_OUTCOMES:
        return found
    nan = float("nan")
    return replace(found, se=nan, low=nan, high=nan, p_value=nan)


def unknown(n_rows: int, n_clusters: int) -> Estimate:
    """No estimate: everything NaN."""
    nan = float("nan")
    return Estimate(nan, nan, nan, nan, nan, n_rows, n_clusters)


def fieller(numerator: Parts, denominator: Parts, clusters: IntArray | None) -> Estimate:
    """A quotient with Fieller's interval: the values r for which `numerator - r x denominator` is not told from 0.

    Holds however uncertain the denominator is; unknown where the values have no end, which is where the denominator itself
    is not told from 0. The standard error is that of the delta method.

    Args:
        numerator: value with its influence.
        denominator: likewise.
        clusters: independent unit of each row, shape (n_rows,); None = rows are independent.

    Source: Fieller (1954), Some problems in interval estimation.
    """
    top, bottom = estimate(*numerator, clusters), estimate(*denominator, clusters)
    square = bottom.value**2 - (Z * bottom.se) ** 2
    if not square > 0:
        return unknown(top.n_rows, top.n_clusters)
    total = estimate(0.0, numerator[1] + denominator[1], clusters)
    covariance = (total.se**2 - top.se**2 - bottom.se**2) / 2
    middle = top.value * bottom.value - Z**2 * covariance
    reach = np.sqrt(max(0.0, middle**2 - square * (top.value**2 - (Z * top.se) ** 2)))
    return replace(
        estimate(*ratio(numerator, denominator), clusters),
        low=float((middle - reach) / square),
        high=float((middle + reach) / square),
    )


def ratio(numerator: Parts, denominator: Parts) -> Parts:
    """Value and influence of a quotient (delta method); NaN when the denominator is 0."""
    if denominator[0] == 0:
        return float("nan"), np.full(len(numerator[1]), np.nan)
    value = numerator[0] / denominator[0]
    return value, (numerator[1] - value * denominator[1]) / denominator[0]


def check_rows(**columns: FloatArray) -> None:
    """Refuse columns that cannot be measured.

    Raises:
        ValueError: shapes differ, no rows, or a value is not finite.
    """
    names = " and ".join(columns)
    shapes = [values.shape for values in columns.values()]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1:
        found = " and ".join(str(shape) for shape in shapes)
        raise ValueError(f"{names} must have the same shape (n_rows,); got {found}")
    if shapes[0] == (0,):
        raise ValueError(f"{next(iter(columns))} has no rows; a figure needs at least one")
    if not all(np.isfinite(values).all() for values in columns.values()):
        raise ValueError(f"{names} must be finite; drop or repair NaN before measuring")
