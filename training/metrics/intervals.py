"""Intervals and paired tests for means over persons, by resampling persons.

A person's values at several cut-offs are not independent, so the person is the unit drawn: all of their values come
along together. Every column of one call is resampled with the same draws, which makes differences between columns
paired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import FloatArray

_CELLS_AT_ONCE: Final = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A mean over all (person, cut-off) values with its percentile interval.

    Attributes:
        estimate: the mean; NaN when nothing was evaluated.
        low, high: ends of the interval; NaN when a resample can miss every evaluated person.
        persons: number of persons with at least one value.
    """

    estimate: float
    low: float
    high: float
    persons: int


@dataclass(frozen=True)
class Difference:
    """A paired difference of two means, first minus baseline.

    Attributes:
        estimate: the difference.
        low, high: ends of its percentile interval.
        p_value: two-sided, by inverting the interval; never below 2 / (replicates + 1).
    """

    estimate: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, eq=False)
class Resampled:
    """Means of several columns and their bootstrap replicates, all from the same draws of persons.

    Attributes:
        means: shape (n_columns,).
        replicates: shape (n_replicates, n_columns).
        persons: shape (n_columns,), persons with at least one value in the column.
        level: confidence level of the intervals.
    """

    means: FloatArray
    replicates: FloatArray
    persons: FloatArray
    level: float

    def interval(self, column: int) -> Interval:
        low, high = self._ends(self.replicates[:, column])
        return Interval(float(self.means[column]), low, high, int(self.persons[column]))

    def difference(self, column: int, *, baseline: int) -> Difference:
        """Column minus baseline. Both should be evaluated on the same (person, cut-off) pairs."""
        replicates = self.replicates[:, column] - self.replicates[:, baseline]
        low, high = self._ends(replicates)
        side = min(np.sum(replicates <= 0), np.sum(replicates >= 0))
        p_value = min(1.0, 2 * (1 + float(side)) / (1 + len(replicates)))
        return Difference(
            estimate=float(self.means[column] - self.means[baseline]),
            low=low,
            high=high,
            p_value=float("nan") if np.isnan(replicates).any() else p_value,
        )

    def _ends(self, replicates: FloatArray) -> tuple[float, float]:
        tail = (1 - self.level) / 2
        low, high = np.quantile(replicates, [tail, 1 - tail])
        return float(low), float(high)


def resample_persons(
    values: FloatArray, *, replicates: int, rng: int | np.random.Generator, level: float = 0.95
) -> Resampled:
    """Bootstrap the pooled mean of each column over persons.

    The mean pools every (person, cut-off) value of a column. Persons without any value in any column are not part of
    the population. Each replicate draws as many persons as there are, with replacement, as one multinomial weight
    vector.

    Args:
        values: shape (n_persons, n_cutoffs, n_columns); NaN = not evaluated.
        replicates: number of resamples, >= 1.
        rng: seed or generator.
        level: confidence level, in (0, 1).

    Returns:
        Means and replicates; NaN in a column without any value.

    Raises:
        ValueError: not three dimensions, or fewer than one replicate.

    Source: Efron and Tibshirani (1993), percentile interval; resampling of clusters, Davison and Hinkley (1997), 3.8.
    """
    if values.ndim != 3:  # noqa: PLR2004
        raise ValueError(
            f"values have {values.ndim} dimensions; persons x cut-offs x columns needed"
        )
    if replicates < 1:
        raise ValueError(f"replicates is {replicates}; 1 or more needed")
    counts = np.sum(~np.isnan(values), axis=1).astype(np.float64)
    sums = np.nansum(values, axis=1)
    drawn = counts.any(axis=1)
    sums, counts = sums[drawn], counts[drawn]
    return Resampled(
        means=_ratio(sums.sum(axis=0), counts.sum(axis=0)),
        replicates=_replicates(sums, counts, replicates, np.random.default_rng(rng)),
        persons=(counts > 0).sum(axis=0).astype(np.float64),
        level=level,
    )


def holm(p_values: FloatArray) -> FloatArray:
    """Holm's step-down adjustment of a family of p-values; the family is all of them.

    Source: Holm (1979).

    Example:
        >>> holm(np.array([0.04, 0.01, 0.03]))   # 0.01 * 3, 0.03 * 2, max(0.06, 0.04 * 1)
        array([0.06, 0.03, 0.06])
    """
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def _replicates(
    sums: FloatArray, counts: FloatArray, replicates: int, rng: np.random.Generator
) -> FloatArray:
    n_persons, n_columns = sums.shape
    result = np.full((replicates, n_columns), np.nan)
    if n_persons == 0:
        return result
    chances = np.full(n_persons, 1 / n_persons)
    step = max(1, _CELLS_AT_ONCE // n_persons)
    for first in range(0, replicates, step):
        size = min(step, replicates - first)
        weights = rng.multinomial(n_persons, chances, size=size).astype(np.float64)
        result[first : first + size] = _ratio(weights @ sums, weights @ counts)
    return result


def _ratio(sums: FloatArray, counts: FloatArray) -> FloatArray:
    ratio: FloatArray = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=ratio, where=counts > 0)
    return ratio
