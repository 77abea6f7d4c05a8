"""How many to contact: gain against money spent, and the share with the largest profit, honest about the search for it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp

from features.arrays import BoolArray, FloatArray, IntArray
from training.metrics.estimates import CONFIDENCE, Estimate, Z, check_rows, estimate
from training.metrics.uplift import score_blocks, sum_below

REPLICATES: Final = 1_000
"""Bootstrap replicates of `best_share`."""


@dataclass(frozen=True, eq=False)
class CostCurve:
    """Gain against the share of the money that contacting everybody would cost.

    Attributes:
        cost_share: of the cost of contacting everybody, shape (n_points,), from 1 / n_points to 1.
        gain: outcome per head of everybody, shape (n_points,); a straight line inside a block of equal scores.
        area: between the curve and its diagonal, per head; a random ranking has the value 0.
    """

    cost_share: FloatArray
    gain: FloatArray
    area: Estimate


@dataclass(frozen=True, eq=False)
class BestShare:
    """The share of the ranking with the largest profit.

    Attributes:
        share: the best of the grid, 0 = contact nobody.
        share_low, share_high: ends of the 95 % confidence set of the truly best share of the grid.
        naive: estimated profit per row at `share`; too high, because the largest of many estimates is taken.
        profit: `naive` less the bootstrap's winner's curse.
        low, high: 95 % interval of the profit at `share`, valid for a share chosen on the same rows.
        shares: the grid, shape (n_points + 1,).
        curve: estimated profit per row along the grid, shape (n_points + 1,).
        curve_low, curve_high: its pointwise 95 % interval, likewise.
    """

    share: float
    share_low: float
    share_high: float
    naive: float
    profit: float
    low: float
    high: float
    shares: FloatArray
    curve: FloatArray
    curve_low: FloatArray
    curve_high: FloatArray


def cost_curve(
    effect: FloatArray,
    score: FloatArray,
    *,
    cost: FloatArray,
    n_points: int = 100,
    clusters: IntArray | None = None,
) -> CostCurve:
    """Gain against money spent, for contacting in the order of a score.

    With equal costs the curve is the gain curve and the area the Qini area per head. The area is
    A = mean(G (1/2 - r)), r the share of all cost that is ranked above (half of the ties); influence
    G (1/2 - r) - A - c / mean(c) (L - mean(G r)), L_i the mean over j of G_j (1[s_j < s_i] + 1/2 1[s_j = s_i]).

    Args:
        effect: G, shape (n_rows,), finite.
        score: higher = contact first, shape (n_rows,), finite; rank by predicted value per cost for the best curve.
        cost: of contacting, >= 0, not all 0, shape (n_rows,).
        n_points: points of the curve.
        clusters: independent unit of each row, shape (n_rows,); None = rows are independent.

    Raises:
        ValueError: shapes differ, no rows, a value is not finite, a negative cost or none at all.

    Source: Sun, Du and Wager (2021), cost curves for treatment rules.
    """
    check_rows(effect=effect, score=score, cost=cost)
    if (cost < 0).any() or not cost.any():
        raise ValueError("cost must not be negative, and somebody must cost something")
    order, start, count = score_blocks(score)
    n, total = len(score), float(cost.sum())
    block_cost = np.add.reduceat(cost[order], start)
    block_effect = np.add.reduceat(effect[order], start)
    above = (np.cumsum(block_cost) - block_cost / 2) / total
    rank = np.empty(n)
    rank[order] = np.repeat(above, count)
    below = np.empty(n)
    below[order] = np.repeat(sum_below(block_effect), count) / n
    area = float(np.mean(effect * (0.5 - rank)))
    pull = cost / (total / n) * (below - float(np.mean(effect * rank)))
    influence = effect * (0.5 - rank) - area - pull
    knots = np.concatenate([[0.0], np.cumsum(block_cost) / total])
    gains = np.concatenate([[0.0], np.cumsum(block_effect) / n])
    shares = np.arange(1, n_points + 1) / n_points
    return CostCurve(shares, np.interp(shares, knots, gains), estimate(area, influence, clusters))


def best_share(
    effect: FloatArray,
    score: FloatArray,
    *,
    cost: FloatArray | float,
    value: float = 1.0,
    n_points: int = 50,
    rng: int | np.random.Generator = 0,
    clusters: IntArray | None = None,
) -> BestShare:
    """The profit-maximising share of a ranking, with what searching for it costs in certainty.

    Rows are put into as many bins as the grid has steps. Replicates draw the bin totals from a normal distribution with
    their estimated covariance (the Poisson bootstrap of rows, or of clusters, in the limit). From them come

    - the winner's curse: by how much the best replicate beats the estimate at the same share, on average;
    - the interval of the profit: simultaneous over the grid, so the choice is allowed for;
    - the confidence set of the best share: shares whose being the best is not refuted by the largest lead over them.

    The interval of the profit is wider than the choice alone asks for: in simulations it covers 98 to 100 %. A narrower
    one from the replicates' own winners covered 92 % where the curve is steep.

    Args:
        effect: G, in units of the outcome, shape (n_rows,), finite.
        score: higher = contact first, shape (n_rows,), finite. Ties are spread evenly over the bins they touch.
        cost: of contacting, in money, shape (n_rows,) or one number.
        value: of one unit of the outcome, in money.
        n_points: steps of the grid.
        rng: seed or generator.
        clusters: independent unit of each row, shape (n_rows,); None = rows are independent.

    Raises:
        ValueError: shapes differ, no rows, or a value is not finite.
    """
    costs = np.broadcast_to(np.asarray(cost, dtype=np.float64), effect.shape)
    check_rows(effect=effect, score=score, cost=np.array(costs))
    profit = value * effect - costs
    bins = _binned(profit, score, n_points)
    centre, root = _totals(bins, clusters)
    noise = np.random.default_rng(rng).standard_normal((REPLICATES, n_points)) @ root
    curve = np.concatenate([[0.0], np.cumsum(centre)])
    spread = np.hstack([np.zeros((REPLICATES, 1)), np.cumsum(noise, axis=1)])
    chosen = int(np.argmax(curve))
    winners = np.argmax(curve + spread, axis=1)
    curse = float(np.mean(spread[np.arange(REPLICATES), winners]))
    se = np.sqrt(np.mean(spread**2, axis=0))
    reach = _simultaneous(spread, se) * se[chosen]
    inside = _not_beaten(curve, spread)
    shares = np.arange(n_points + 1) / n_points
    naive = float(curve[chosen])
    return BestShare(
        share=float(shares[chosen]),
        share_low=float(shares[inside].min()),
        share_high=float(shares[inside].max()),
        naive=naive,
        profit=naive - curse,
        low=naive - reach,
        high=naive + reach,
        shares=shares,
        curve=curve,
        curve_low=curve - Z * se,
        curve_high=curve + Z * se,
    )


def _binned(profit: FloatArray, score: FloatArray, n_bins: int) -> sp.csc_matrix:
    """What each row adds to the profit of each bin, shape (n_rows, n_bins); a tied row lies in several bins at once."""
    order, start, count = score_blocks(score)
    n, end = len(score), start + count
    edges = np.arange(n_bins + 1) * n / n_bins
    shares, rows, ends = [], [], [0]
    for low, high in itertools.pairwise(edges):
        blocks = slice(
            int(np.searchsorted(end, low, side="right")), int(np.searchsorted(start, high))
        )
        inside = np.minimum(high, end[blocks]) - np.maximum(low, start[blocks])
        touched = order[start[blocks][0] : end[blocks][-1]] if len(inside) else order[:0]
        shares.append(np.repeat(inside / count[blocks], count[blocks]) * profit[touched])
        rows.append(touched)
        ends.append(ends[-1] + len(touched))
    return sp.csc_matrix((np.concatenate(shares), np.concatenate(rows), ends), shape=(n, n_bins))


def _totals(bins: sp.csc_matrix, clusters: IntArray | None) -> tuple[FloatArray, FloatArray]:
    """Profit per row of each bin, and a root of its covariance."""
    n = bins.shape[0]
    sums = bins
    if clusters is not None:
        found, unit = np.unique(clusters, return_inverse=True)
        one = sp.csr_matrix((np.ones(n), (unit, np.arange(n))), shape=(len(found), n))
        sums = one @ bins
    value, vector = np.linalg.eigh((sums.T @ sums).toarray() / n**2)
    centre = np.asarray(bins.sum(axis=0), dtype=np.float64).ravel() / n
    return centre, (vector * np.sqrt(np.clip(value, 0, None))).T


def _simultaneous(spread: FloatArray, se: FloatArray) -> float:
    """Standard errors that hold everywhere on the grid at once."""
    moved = se > 0
    if not moved.any():
        return 0.0
    return float(np.quantile(np.max(np.abs(spread[:, moved]) / se[moved], axis=1), CONFIDENCE))


def _not_beaten(curve: FloatArray, spread: FloatArray) -> BoolArray:
    """Points of the grid that could be the best: no other beats them beyond what chance does to a best point in 95 %."""
    second = spread.T @ spread / len(spread)
    power = np.diag(second)
    se = np.sqrt(np.clip(power[:, None] + power[None, :] - 2 * second, 0, None))
    apart = se > 1e-12 * max(1.0, float(se.max()))
    kept = np.ones(len(curve), dtype=np.bool_)
    for k in range(len(curve)):
        other = apart[k]
        if other.any():
            chance = ((spread[:, other] - spread[:, [k]]) / se[k, other]).max(axis=1)
            beaten_by = ((curve[other] - curve[k]) / se[k, other]).max()
            kept[k] = beaten_by <= np.quantile(chance, CONFIDENCE)
    return kept
