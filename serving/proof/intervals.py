"""A 95 % interval of a mean whose error is skewed: few orders, and some of them large."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import stats

from features.arrays import BoolArray, FloatArray, IntArray

_QUANTILES: Final = stats.norm.ppf([0.025, 0.975])
_HARDLY: Final = 1e-6  # skewness below which the correction is lost in rounding


def skewed_interval(value: float, influence: FloatArray) -> tuple[float, float]:
    """The interval of an estimate by Hall's transformation of its studentised error, which takes the skewness out.

    Args:
        value: the estimate.
        influence: shape (n_units,), what each independent unit adds to the error of the estimate; they add up to 0.

    Returns:
        Lower and upper end. Where the influences are symmetric it is the normal interval.

    Source: Hall (1992), On the removal of skewness by transformation; for two arms Zhou and Dinh (2005).
    """
    n = len(influence)
    error = np.sqrt((influence**2).sum() * n / max(n - 1, 1))
    if error == 0:
        return value, value
    skewness = float((influence**3).sum() / error**3)
    low, high = (_inverse(quantile, skewness) for quantile in _QUANTILES)
    return float(value - error * high), float(value - error * low)


def difference(outcome: FloatArray, treated: BoolArray) -> tuple[float, FloatArray]:
    """Difference of the arms' means and the influence of each row, shape (n_rows,); both arms have rows."""
    influence = np.empty(len(outcome))
    means = []
    for arm, sign in ((treated, 1.0), (~treated, -1.0)):
        means.append(outcome[arm].mean())
        influence[arm] = sign * (outcome[arm] - means[-1]) / arm.sum()
    return float(means[0] - means[1]), influence


def by_unit(influence: FloatArray, unit: IntArray) -> FloatArray:
    """Influences of rows that share a unit, added up; shape (n_units,)."""
    _, place = np.unique(unit, return_inverse=True)
    return np.bincount(place, weights=influence).astype(np.float64)


def _inverse(quantile: float, skewness: float) -> float:
    """The studentised error whose transform is a quantile of the normal distribution."""
    if abs(skewness) < _HARDLY:
        return quantile
    grown = 1 + skewness * (quantile - skewness / 6)
    return float(3 / skewness * (np.cbrt(grown) - 1))
