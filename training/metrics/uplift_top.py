"""The effect among the best-ranked share, and what treating them gains: points with intervals, and the whole curve.

Conventions of `training.metrics.uplift`: doubly robust scores in, ties averaged. Where the cut falls into a block of equal
scores, each of its rows counts with the same fraction. The interval allows for the cut being estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from training.metrics.estimates import (
    MINIMUM_OUTCOMES,
    Estimate,
    Parts,
    Z,
    estimate,
    if_outcomes,
)
from training.metrics.uplift import check_scores, mid_ranks, score_blocks

_NEAR_SHARE: Final = 0.05
"""Rows whose rank is within this share of the cut estimate the effect at the cut."""


@dataclass(frozen=True, eq=False)
class GainCurve:
    """What treating the best-ranked share gains.

    Attributes:
        share: q, shape (n_points,), from 1 / n_points to 1.
        gain: q times the mean effect in the top q: outcome per head of everybody, shape (n_points,).
        low, high: pointwise 95 % interval, shape (n_points,); NaN where too few inside have an outcome.
        random: q times the mean effect: a random ranking, shape (n_points,).
    """

    share: FloatArray
    gain: FloatArray
    low: FloatArray
    high: FloatArray
    random: FloatArray


def uplift_at(
    effect: FloatArray,
    score: FloatArray,
    *,
    share: float,
    responded: BoolArray | None = None,
    clusters: IntArray | None = None,
) -> Estimate:
    """Mean effect among the best-ranked share of rows.

    A random ranking has the value of the mean effect, not 0: see `gain_over_random_at` for a difference. The interval
    needs rows with an outcome inside the share: where three were expected (200 rows at a 1 % response) it covered 89 %
    instead of 95 %; where at least five were found it covered 95 to 96 %. With `responded` it is withheld below five.

    Args:
        effect: G, shape (n_rows,), finite.
        score: higher = treat first, shape (n_rows,), finite.
        share: in (0, 1].
        responded: which rows have an outcome other than 0, shape (n_rows,); None = no interval is withheld.
        clusters: independent unit of each row, shape (n_rows,); None = rows are independent.

    Raises:
        ValueError: shapes differ, no rows, a value is not finite, or the share is outside (0, 1].

    Invariants: unchanged by row order and by any increasing transform of the score; the mean effect at share 1.

    Source: the 'overall' strategy of scikit-uplift's uplift@k, with doubly robust scores and ties averaged.

    Example:
        >>> import numpy as np
        >>> uplift_at(np.array([4.0, 1.0, -1.0, 0.0]), np.array([9.0, 5, 5, 1]), share=0.5).value  # (4 + 0) / 2
        2.0
    """
    check_scores(effect, score)
    found = estimate(*uplift_at_parts(effect, score, share=share), clusters)
    return if_outcomes(found, _inside(responded, score, share))


def gain_over_random_at(
    effect: FloatArray,
    score: FloatArray,
    *,
    share: float,
    responded: BoolArray | None = None,
    clusters: IntArray | None = None,
) -> Estimate:
    """Gain per head of treating the best-ranked share over treating as many at random: q (mean in the top q - mean).

    A random ranking has the value 0. Arguments and errors as in `uplift_at`.
    """
    check_scores(effect, score)
    value, influence = uplift_at_parts(effect, score, share=share)
    mean = float(effect.mean())
    found = estimate(share * (value - mean), share * (influence - (effect - mean)), clusters)
    return if_outcomes(found, _inside(responded, score, share))


def _inside(responded: BoolArray | None, score: FloatArray, share: float) -> BoolArray | None:
    return None if responded is None else responded[mid_ranks(score) < share]


def uplift_at_parts(effect: FloatArray, score: FloatArray, *, share: float) -> Parts:
    """Mean effect in the top share, and its influence; arguments as in `uplift_at`, not checked.

    With w the part of a row that is inside, q the share and t the mean effect at the cut, the influence is
    (w G - q value - (w - q) t) / q: the last term is what moving the cut does.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; above 0 and at most 1 needed")
    order, start, count = score_blocks(score)
    ranked = effect[order]
    block, part, at_cut = _cut(start, count, share, np.cumsum(ranked))
    weights = np.zeros(len(score))
    weights[: start[block]] = 1.0
    weights[start[block] : start[block] + count[block]] = part
    value = float(ranked @ weights) / (share * len(score))
    influence = np.empty(len(score))
    influence[order] = (weights * ranked - share * value - (weights - share) * at_cut) / share
    return value, influence


def _cut(
    start: IntArray, count: IntArray, share: float, running: FloatArray
) -> tuple[int, float, float]:
    """The block of equal scores that the cut goes through, the part of it inside the share, and the mean effect near the cut.

    Blocks above are inside, blocks below are not. `running`: sums of the effect from the best row on.
    """
    n, end = len(running), start + count
    block = min(int(np.searchsorted(end, share * n)), len(start) - 1)
    part = min(1.0, (share * n - float(start[block])) / float(count[block]))
    reach = max(1, round(_NEAR_SHARE * n))
    near = np.searchsorted(end, [max(0, round(share * n) - reach), share * n + reach])
    first = int(min(start[block], start[near[0]]))  # whole blocks: the row order decides nothing
    last = int(max(end[block], end[min(int(near[1]), len(end) - 1)]))
    total = running[last - 1] - (running[first - 1] if first else 0.0)
    return block, part, float(total) / (last - first)


def gain_curve(
    effect: FloatArray,
    score: FloatArray,
    *,
    n_points: int = 100,
    responded: BoolArray | None = None,
    clusters: IntArray | None = None,
) -> GainCurve:
    """Cumulative gain with its pointwise interval. Arguments and errors as in `uplift_at`."""
    check_scores(effect, score)
    shares = np.arange(1, n_points + 1) / n_points
    if clusters is None:
        gain, se = _gains(effect, score, shares)
    else:
        points = [uplift_at(effect, score, share=q, clusters=clusters) for q in shares]
        gain = shares * np.array([point.value for point in points])
        se = shares * np.array([point.se for point in points])
    if responded is not None:
        ranks = np.sort(mid_ranks(score)[responded])
        se[np.searchsorted(ranks, shares) < MINIMUM_OUTCOMES] = np.nan
    return GainCurve(shares, gain, gain - Z * se, gain + Z * se, shares * effect.mean())


def _gains(
    effect: FloatArray, score: FloatArray, shares: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Gain and standard error at every share, from one sort and running sums of the effect and its square."""
    order, start, count = score_blocks(score)
    n, ranked = len(score), effect[order]
    running = np.cumsum(ranked)
    sums, squares = (np.add.reduceat(values, start) for values in (ranked, ranked**2))
    above = [np.concatenate([[0.0], np.cumsum(of)]) for of in (sums, squares, count)]
    gain, se = np.empty(len(shares)), np.full(len(shares), np.nan)
    for k, share in enumerate(shares):
        block, part, t = _cut(start, count, float(share), running)
        inside = [float(of[block]) for of in above]
        at_cut = [float(of[block]) for of in (sums, squares, count)]
        gain[k] = (inside[0] + part * at_cut[0]) / n
        # a row inside adds w (G - t) + c, so the sum of squares needs only the totals above the cut and at it
        c = share * t - gain[k]
        power = n * c**2
        for (total, square, rows), w in ((inside, 1.0), (at_cut, part)):
            power += w**2 * (square - 2 * t * total + t**2 * rows) + 2 * c * w * (total - t * rows)
        if n > 1:
            se[k] = np.sqrt(max(0.0, float(power)) / (n * (n - 1)))
    return gain, se
