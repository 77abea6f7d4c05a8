"""Does a score rank people by their effect? Model-free: (effect scores, ranking score) in, estimates with intervals out.

`effect` is the doubly robust (or inverse-probability-weighted) score G of `training.uplift.doubly_robust`, made on rows
that the ranking score's model did not see. Ranks run from the top (highest score = 0) to 1; tied scores share the mean of
their ranks, so every figure is the mean over all orders of tied rows and the order of the file decides nothing.

The curve under all of them is TOC(q) = mean of G in the top share q, minus mean of G (Yadlowsky, Fleming, Shah, Brunskill
and Wager, 2025). Every area below is *unnormalised*: it is in units of the outcome per head, a random ranking has the
value 0, and figures of other libraries that divide by a perfect curve or by a count are not comparable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from features.arrays import BoolArray, FloatArray, IntArray
from training.metrics.estimates import Estimate, Parts, Z, check_rows, estimate, if_outcomes


@dataclass(frozen=True, eq=False)
class TocCurve:
    """Targeting operator characteristic at fixed shares.

    Attributes:
        share: q, shape (n_points,), from 1 / n_points to 1.
        toc: mean effect in the top q minus the mean effect, shape (n_points,); 0 at q = 1.
        gain: q times the mean effect in the top q, per head of everybody, shape (n_points,); the mean effect at q = 1.
    """

    share: FloatArray
    toc: FloatArray
    gain: FloatArray


@dataclass(frozen=True)
class DecileEffect:
    """Effect among rows of neighbouring scores.

    Attributes:
        bin: 1 = highest scores.
        score_low, score_high: range of scores inside.
        score_mean: mean score inside; for a score in units of the effect, the predicted effect.
        effect: mean effect with its interval.
    """

    bin: int
    score_low: float
    score_high: float
    score_mean: float
    effect: Estimate


@dataclass(frozen=True)
class TreatedShareCheck:
    """Share of treated rows per score bin against the known probability.

    Attributes:
        n_rows: rows per non-empty bin, highest scores first.
        observed: treated rows per bin.
        expected: sum of the known probabilities per bin.
        low, high: where the share of treated rows of a bin lies 95 % of the time when the score is blind to the assignment.
        chi2: sum over bins of (observed - expected)^2 / sum of e (1 - e).
        df: number of bins (the probability is known, nothing is estimated).
        p_value: upper tail.
        passed: p_value >= .001.
    """

    n_rows: tuple[int, ...]
    observed: tuple[int, ...]
    expected: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    chi2: float
    df: int
    p_value: float
    passed: bool


SHARE_ALARM = 0.001
"""Below this p-value the treated share depends on the score: a feature knows the assignment."""


def mean_effect(effect: FloatArray, *, clusters: IntArray | None = None) -> Estimate:
    """Average effect: the mean of G.

    Args:
        effect: shape (n_rows,), finite.
        clusters: independent unit of each row, shape (n_rows,); None = rows are independent.
    """
    value = float(np.mean(effect)) if len(effect) else float("nan")
    return estimate(value, effect - value, clusters)


def qini_area(
    effect: FloatArray, score: FloatArray, *, clusters: IntArray | None = None
) -> Estimate:
    """Area between the gain curve and its diagonal, per head: integral of q TOC(q) dq.

    Computed as A = mean(G (1/2 - r)), r the mid-rank from the top. Not divided by anything; a random ranking has the
    value 0. Interval from the influence function psi = G (1/2 - r) - A - (L - mean L), L_i the mean over j of
    G_j (1[s_j < s_i] + 1/2 1[s_j = s_i]).

    Args:
        effect: G, shape (n_rows,), finite.
        score: higher = treat first, shape (n_rows,), finite.
        clusters: independent unit of each row, shape (n_rows,); None = rows are independent.

    Raises:
        ValueError: shapes differ, no rows, or a value is not finite.

    Invariants: unchanged by row order and by any increasing transform of the score; 0 for a constant score.

    Source: Yadlowsky et al. (2025), QINI weighting; equal to pylift's `Q_qini` with known probabilities, ties averaged.

    Example:
        >>> import numpy as np
        >>> round(qini_area(np.array([2.0, 0.0]), np.array([0.9, 0.1])).value, 3)  # (2 * 1/4 + 0 * -1/4) / 2
        0.25
    """
    check_scores(effect, score)
    value, influence = qini_parts(effect, score)
    return estimate(value, influence, clusters)


def qini_difference(
    effect: FloatArray, score: FloatArray, baseline: FloatArray, *, clusters: IntArray | None = None
) -> Estimate:
    """Paired difference of two Qini areas on the same rows: `score` minus `baseline`.

    Arguments, convention and errors as in `qini_area`. A random ranking as baseline has area 0, so against it the
    difference is the area itself.
    """
    check_scores(effect, score)
    check_scores(effect, baseline)
    value, influence = qini_parts(effect, score)
    other, other_influence = qini_parts(effect, baseline)
    return estimate(value - other, influence - other_influence, clusters)


def autoc(effect: FloatArray, score: FloatArray, *, clusters: IntArray | None = None) -> Estimate:
    """Area under the TOC, integral of TOC(q) dq: like `qini_area` but with most weight on the very top.

    Computed as mean over k of TOC(k / n_rows). A random ranking has the value 0. Arguments and errors as in `qini_area`.

    Source: Yadlowsky et al. (2025), AUTOC weighting; the point estimate is that of grf's
    `rank_average_treatment_effect.fit` for one row per unit. The standard error is the leave-one-row-out jackknife in
    closed form: the influence function of the limit is too small at the few rows of the very top. With clusters the
    rows' terms are summed per cluster, which needs about 500 of them (simulated coverage of the 95 % interval: .939 with
    200 clusters, .948 with 500, .950 with 1,000).
    """
    check_scores(effect, score)
    value, influence = autoc_parts(effect, score)
    return estimate(value, influence, clusters)


def toc_curve(effect: FloatArray, score: FloatArray, *, n_points: int = 100) -> TocCurve:
    """TOC and gain at the shares 1/n_points, 2/n_points, … 1; inside a block of ties the gain is a straight line.

    Arguments and errors as in `qini_area`.
    """
    check_scores(effect, score)
    order, start, count = score_blocks(score)
    block_sum = np.add.reduceat(effect[order], start)
    share_knots = np.concatenate([[0.0], np.cumsum(count) / len(score)])
    gain_knots = np.concatenate([[0.0], np.cumsum(block_sum) / len(score)])
    share = np.arange(1, n_points + 1) / n_points
    gain = np.interp(share, share_knots, gain_knots)
    return TocCurve(share, gain / share - gain_knots[-1], gain)


def uplift_by_bin(
    effect: FloatArray,
    score: FloatArray,
    *,
    n_bins: int = 10,
    responded: BoolArray | None = None,
    clusters: IntArray | None = None,
) -> list[DecileEffect]:
    """Mean effect per score bin, highest scores first.

    Rows of equal score share a bin, so bins may differ in size and some may be absent. Arguments and errors as in
    `qini_area`; `responded` as in `training.metrics.uplift_top.uplift_at`.
    """
    check_scores(effect, score)
    place = score_bins(score, n_bins=n_bins)
    result = []
    for k in np.unique(place):
        rows = place == k
        inside = None if clusters is None else clusters[rows]
        low, high = float(score[rows].min()), float(score[rows].max())
        mean = mean_effect(effect[rows], clusters=inside)
        found = if_outcomes(mean, None if responded is None else responded[rows])
        result.append(DecileEffect(int(k) + 1, low, high, float(score[rows].mean()), found))
    return result


def score_bins(score: FloatArray, *, n_bins: int) -> IntArray:
    """Bin of each row, shape (n_rows,), 0 = highest scores; rows of equal score share a bin."""
    return np.minimum((mid_ranks(score) * n_bins).astype(np.int64), n_bins - 1)


def treated_share_by_bin(
    treated: npt.NDArray[np.bool_], probability: FloatArray, score: FloatArray, *, n_bins: int = 10
) -> TreatedShareCheck:
    """Check that the score does not predict the assignment.

    On held-out rows of a randomised test the score is a function of what was known before assignment, so the treated share
    is the known probability in every bin. If it is not, a feature was measured after treatment or the assignment was
    not random.

    Args:
        treated: shape (n_rows,).
        probability: known probability that the row is treated, shape (n_rows,), in (0, 1).
        score: shape (n_rows,).
        n_bins: bins by score.
    """
    place = score_bins(score, n_bins=n_bins)
    rows = np.bincount(place, minlength=n_bins)
    kept = rows > 0
    observed = np.bincount(place, weights=treated, minlength=n_bins)[kept]
    expected = np.bincount(place, weights=probability, minlength=n_bins)[kept]
    spread = np.bincount(place, weights=probability * (1 - probability), minlength=n_bins)[kept]
    share, reach = expected / rows[kept], Z * np.sqrt(spread) / rows[kept]
    chi2 = float(np.sum((observed - expected) ** 2 / spread))
    p_value = float(stats.chi2.sf(chi2, len(observed)))
    return TreatedShareCheck(
        tuple(int(n) for n in rows[kept]),
        tuple(int(n) for n in observed),
        tuple(float(n) for n in expected),
        tuple(float(low) for low in share - reach),
        tuple(float(high) for high in share + reach),
        chi2,
        len(observed),
        p_value,
        p_value >= SHARE_ALARM,
    )


def mid_ranks(score: FloatArray) -> FloatArray:
    """Mid-rank of each row from the top, shape (n_rows,), in (0, 1): (rows above + half the tied rows) / rows."""
    order, start, count = score_blocks(score)
    middle = (start + count / 2) / len(score)
    ranks = np.empty(len(score))
    ranks[order] = np.repeat(middle, count)
    return ranks


def score_blocks(score: FloatArray) -> tuple[IntArray, IntArray, IntArray]:
    """Rows from the highest score down, and where each block of equal scores starts and how long it is."""
    order = np.argsort(-score, kind="stable").astype(np.int64)
    ranked = score[order]
    start = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]])).astype(np.int64)
    count = np.diff(np.append(start, len(score))).astype(np.int64)
    return order, start, count


def qini_parts(effect: FloatArray, score: FloatArray) -> Parts:
    """Qini area and its influence; arguments as in `qini_area`, not checked."""
    order, start, count = score_blocks(score)
    weight = 0.5 - np.repeat((start + count / 2) / len(score), count)
    ranked = effect[order]
    value = float(np.mean(ranked * weight))
    below = sum_below(np.add.reduceat(ranked, start)) / len(score)
    influence = np.empty(len(score))
    influence[order] = ranked * weight - value - _centred(np.repeat(below, count))
    return value, influence


def autoc_parts(effect: FloatArray, score: FloatArray) -> Parts:
    """Value, and per row what the jackknife says it adds: (n - 1) (mean value without a row - value without this row)."""
    order, start, count = score_blocks(score)
    n = len(score)
    place = np.arange(1, n + 1)
    # The row at place k counts in every TOC(j / n) with j >= k: its weight is 1/k + … + 1/n - 1, in a block of ties the
    # mean of theirs.
    weight = np.cumsum(1.0 / place[::-1])[::-1] - 1.0
    block_weight = np.add.reduceat(weight, start) / count
    ranked = effect[order]
    block_sum = np.add.reduceat(ranked, start)
    total = float(np.sum(block_sum * block_weight))
    # Without one row, every weight loses 1/n, lower rows move up one place, and its block loses its last place.
    rise = np.add.reduceat(1.0 / np.maximum(place - 1, 1), start) / count
    lower = np.append(np.cumsum((block_sum * rise)[::-1])[::-1][1:], 0.0)
    shorter = (block_weight * count - weight[start + count - 1]) / np.maximum(count - 1, 1)
    others = np.repeat(block_sum, count) - ranked
    without = (
        total - np.repeat(block_sum * block_weight, count) + others * np.repeat(shorter, count)
    )
    without += np.repeat(lower, count) - (ranked.sum() - ranked) / n
    influence = np.empty(n)
    influence[order] = -_centred(without)
    return total / n, influence


def sum_below(block_sum: FloatArray) -> FloatArray:
    """Per block, the sum over lower-scored blocks plus half its own."""
    above = np.cumsum(block_sum) - block_sum / 2
    return np.asarray(block_sum.sum() - above, dtype=np.float64)


def _centred(values: FloatArray) -> FloatArray:
    centred: FloatArray = values - values.mean()
    return centred


def check_scores(effect: FloatArray, score: FloatArray) -> None:
    """Refuse what cannot be measured.

    Raises:
        ValueError: shapes differ, no rows, or a value is not finite.
    """
    check_rows(effect=effect, score=score)
