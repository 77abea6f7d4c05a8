"""Paired comparison of two scores on the same rows, under any of the metrics; and repeats over random splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from scipy import stats

from features.arrays import FloatArray, IntArray
from training.metrics.estimates import CONFIDENCE, Estimate, Parts, estimate, fieller
from training.metrics.uplift import autoc_parts, check_scores, qini_parts
from training.metrics.uplift_calibration import slope_parts
from training.metrics.uplift_top import uplift_at_parts

METRICS: Final[Mapping[str, Callable[[FloatArray, FloatArray], Parts]]] = {
    "qini_per_head": qini_parts,
    "autoc": autoc_parts,
    "calibration_slope": slope_parts,
    "uplift_at_10": partial(uplift_at_parts, share=0.1),
    "uplift_at_20": partial(uplift_at_parts, share=0.2),
    "uplift_at_30": partial(uplift_at_parts, share=0.3),
}
"""Value and influence of a score, by name. A random ranking has the value 0 under the first three, the average effect under
the others."""


def measure(
    metric: str, effect: FloatArray, score: FloatArray, *, clusters: IntArray | None = None
) -> Estimate:
    """One metric of one score; arguments and errors as in `paired_difference`."""
    check_scores(effect, score)
    return estimate(*METRICS[metric](effect, score), clusters)


def qini_over_average_effect(
    effect: FloatArray, score: FloatArray, *, clusters: IntArray | None = None
) -> Estimate:
    """Qini area per head divided by the average effect: the normalised twin of `qini_area`.

    A random ranking has the value 0; a score that finds everybody who responds among a vanishing share has 1/2 when
    nobody is harmed. The interval is Fieller's; NaN where the average effect is not told from 0: a ratio to nothing has no
    interval. In simulations those that are given cover 95 to 96 % where nearly every trial has one, and 92 to 93 % where only
    one in six to eight does, as those were chosen for a large average.
    Arguments and errors as in `paired_difference`.
    """
    check_scores(effect, score)
    mean = float(effect.mean())
    return fieller(qini_parts(effect, score), (mean, effect - mean), clusters)


def paired_difference(
    metric: str,
    effect: FloatArray,
    score: FloatArray,
    baseline: FloatArray,
    *,
    clusters: IntArray | None = None,
) -> Estimate:
    """A metric of `score` minus that of `baseline`, on the same rows.

    Args:
        metric: a name of `METRICS`.
        effect: G, shape (n_rows,), finite, from models that saw neither score's rows.
        score: higher = treat first, shape (n_rows,), finite.
        baseline: the score compared with, likewise.
        clusters: independent unit of each row, shape (n_rows,); None = rows are independent.

    Raises:
        ValueError: shapes differ, no rows, or a value is not finite.

    Invariants: 0 with standard error 0 for a score against itself; exchanging the scores flips the sign.
    """
    check_scores(effect, score)
    check_scores(effect, baseline)
    value, influence = METRICS[metric](effect, score)
    other, other_influence = METRICS[metric](effect, baseline)
    return estimate(value - other, influence - other_influence, clusters)


@dataclass(frozen=True)
class RepeatedEstimate:
    """A figure over repeated random splits.

    Attributes:
        mean: over the splits.
        sd: between the splits.
        se: sqrt((1 / splits + test rows / training rows) x sd^2): splits share rows, so sd / sqrt(splits) is too small.
        low, high: 95 % interval, t distribution with splits - 1 degrees of freedom; NaN with one split.
        n_splits: number of splits.
    """

    mean: float
    sd: float
    se: float
    low: float
    high: float
    n_splits: int


def over_splits(values: FloatArray, *, test_share: float) -> RepeatedEstimate:
    """Mean over repeated random splits of the same rows, with a corrected interval.

    Args:
        values: one per split, shape (n_splits,), finite; differences of two learners when they are compared.
        test_share: share of the rows in the test part, in (0, 1).

    Source: Nadeau and Bengio (2003), corrected resampled t-test.

    Example:
        >>> import numpy as np
        >>> found = over_splits(np.array([1.0, 3.0]), test_share=0.5)
        >>> round(found.se**2, 6)  # (1 / 2 + 1) * 2
        3.0
    """
    count = len(values)
    mean = float(np.mean(values))
    if count < 2:  # noqa: PLR2004 - a variance needs two
        nan = float("nan")
        return RepeatedEstimate(mean, nan, nan, nan, nan, count)
    sd = float(np.std(values, ddof=1))
    se = float(np.sqrt(1 / count + test_share / (1 - test_share)) * sd)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * se
    return RepeatedEstimate(mean, sd, se, mean - reach, mean + reach, count)
