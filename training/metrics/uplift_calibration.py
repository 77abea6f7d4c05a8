"""Is a predicted effect the size of the measured one? Best linear predictor, sorted groups, recalibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from features.arrays import BoolArray, FloatArray, IntArray
from training.metrics.estimates import Estimate, Parts, estimate, if_outcomes, unknown
from training.metrics.uplift import check_scores, score_bins


@dataclass(frozen=True)
class BestLinearPredictor:
    """Regression of the doubly robust score on a constant and the centred prediction.

    Attributes:
        average: the constant: the mean effect.
        slope: of the prediction. 1 = differences between rows have the right size, below 1 = they are exaggerated,
            0 = none can be seen; NaN for a constant prediction. A random prediction has slope 0.
        p_slope_is_one: two-sided p-value of calibration; NaN without a standard error.
    """

    average: Estimate
    slope: Estimate
    p_slope_is_one: float


@dataclass(frozen=True)
class SortedGroups:
    """Mean effects of groups of neighbouring predictions (GATES).

    Attributes:
        group: 1 = highest predictions, one entry per non-empty group.
        predicted: mean prediction per group.
        effects: mean effect per group.
        top_minus_bottom: difference between the first and the last group; NaN with one group.
        p_monotone: p-value of 'no group has a larger effect than the one before', Bonferroni over the pairs; small =
            the order of the groups is wrong somewhere. NaN with one group.
    """

    group: tuple[int, ...]
    predicted: tuple[float, ...]
    effects: tuple[Estimate, ...]
    top_minus_bottom: Estimate
    p_monotone: float


def best_linear_predictor(
    effect: FloatArray, score: FloatArray, *, clusters: IntArray | None = None
) -> BestLinearPredictor:
    """Calibration of a predicted effect.

    Args:
        effect: G, shape (n_rows,), finite, from rows that the prediction's model has not seen.
        score: predicted effect in units of the outcome, shape (n_rows,), finite.
        clusters: independent unit of each row, shape (n_rows,); None = rows are independent.

    Raises:
        ValueError: shapes differ, no rows, or a value is not finite.

    Invariants: multiplying the score by a > 0 divides the slope by a; adding a constant changes nothing.

    Source: Chernozhukov, Demirer, Duflo and Fernández-Val (2018), with the score G in place of the weighted outcome;
    standard errors robust to heteroskedasticity (HC3: a row with a far-off prediction pulls the line towards itself).

    Example:
        >>> import numpy as np
        >>> found = best_linear_predictor(np.array([3.0, 1.0, 2.0]), np.array([2.0, 1.0, 1.5]))
        >>> round(found.slope.value, 6), found.average.value  # effects differ twice as much as predicted
        (2.0, 2.0)
    """
    check_scores(effect, score)
    mean = float(effect.mean())
    slope = estimate(*slope_parts(effect, score), clusters)
    distance = abs(slope.value - 1) / slope.se if slope.se > 0 else float("nan")
    return BestLinearPredictor(
        average=estimate(mean, effect - mean, clusters),
        slope=slope,
        p_slope_is_one=float(2 * stats.norm.sf(distance)),
    )


def slope_parts(effect: FloatArray, score: FloatArray) -> Parts:
    """Slope of the best linear predictor and its influence; arguments as above, not checked."""
    n = len(score)
    centred = score - score.mean()
    power = float(centred @ centred)
    # a spread that is rounding beside the values is no spread
    if power <= n * (1e-12 * max(1.0, float(np.abs(score).max()))) ** 2:
        return float("nan"), np.full(n, np.nan)
    slope = float(centred @ effect) / power
    residual = effect - effect.mean() - slope * centred
    leverage = np.minimum(1 / n + centred**2 / power, 1 - 1e-9)
    return slope, n * centred * residual / ((1 - leverage) * power)


def sorted_groups(
    effect: FloatArray,
    score: FloatArray,
    *,
    n_groups: int = 5,
    responded: BoolArray | None = None,
    clusters: IntArray | None = None,
) -> SortedGroups:
    """Mean effect per quantile group of the prediction, highest first.

    Rows of equal prediction share a group, so groups may differ in size and some may be absent. Arguments and errors as
    in `best_linear_predictor`; `responded` as in `training.metrics.uplift_top.uplift_at`, of each group or of the two compared.

    Source: Chernozhukov et al. (2018), sorted group average treatment effects.
    """
    check_scores(effect, score)
    place = score_bins(score, n_bins=n_groups)
    found = np.unique(place)
    parts = [_group_parts(effect, place == k) for k in found]

    def outcomes(*groups: int) -> BoolArray | None:
        return None if responded is None else responded[np.isin(place, groups)]

    def minus(one: int, other: int) -> Estimate:
        (value, influence), (less, other_influence) = parts[one], parts[other]
        difference = estimate(value - less, influence - other_influence, clusters)
        return if_outcomes(difference, outcomes(found[one], found[other]))

    effects = tuple(
        if_outcomes(estimate(*part, clusters), outcomes(k))
        for k, part in zip(found, parts, strict=True)
    )
    later = [minus(k + 1, k) for k in range(len(parts) - 1)]
    worst = max((d.value / d.se for d in later if d.se > 0), default=float("nan"))
    p_monotone = min(1.0, len(later) * float(stats.norm.sf(worst))) if later else float("nan")
    return SortedGroups(
        group=tuple(int(k) + 1 for k in found),
        predicted=tuple(float(score[place == k].mean()) for k in found),
        effects=effects,
        top_minus_bottom=minus(0, -1)
        if len(parts) > 1
        else unknown(len(score), effects[0].n_clusters),
        p_monotone=p_monotone,
    )


def _group_parts(effect: FloatArray, inside: BoolArray) -> Parts:
    mean = float(effect[inside].mean())
    return mean, np.where(inside, effect - mean, 0.0) * len(effect) / inside.sum()
