"""Simulated randomised trials whose every true figure has a closed form.

The score is uniform on (0, 1) and the effect at score u is a + b u. Every figure that the evaluation of a ranking reports
is made here from one drawn trial, beside its true value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.arrays import BoolArray, FloatArray
from training.metrics.policy import judge_policy, policy_difference
from training.metrics.policy_curves import best_share, cost_curve
from training.metrics.uplift import autoc, mean_effect, qini_area, score_bins, uplift_by_bin
from training.metrics.uplift_calibration import best_linear_predictor, sorted_groups
from training.metrics.uplift_comparison import paired_difference, qini_over_average_effect
from training.metrics.uplift_segments import segments
from training.metrics.uplift_top import gain_curve, gain_over_random_at, uplift_at
from training.uplift.doubly_robust import effect_scores

BINS, GROUPS, POINTS = 10, 5, 10
Interval = tuple[float, float, float]
"""Ends of an interval, and the truth."""


@dataclass(frozen=True)
class World:
    """A trial whose effect at score u is level + slope x u.

    Attributes:
        level, slope: of the effect, in units of the outcome.
        base: mean outcome without treatment.
        draw: outcome given (score, treated, rng).
    """

    level: float
    slope: float
    base: float
    draw: Callable[[FloatArray, BoolArray, np.random.Generator], FloatArray]

    def mean(self, low: float = 0.0, high: float = 1.0) -> float:
        """Mean effect of the rows whose score is between two values."""
        return self.level + self.slope * (low + high) / 2


def _binary(base: float, level: float, slope: float) -> World:
    def draw(score: FloatArray, treated: BoolArray, rng: np.random.Generator) -> FloatArray:
        chance = base + treated * (level + slope * score)
        return (rng.random(len(score)) < chance).astype(np.float64)

    return World(level, slope, base, draw)


def _spend() -> World:
    """A purchase by few, its value log-normal: sd about nine times the mean."""
    mean = float(np.exp(3 + 1.2**2 / 2))

    def draw(score: FloatArray, treated: BoolArray, rng: np.random.Generator) -> FloatArray:
        bought = rng.random(len(score)) < 0.05 + 0.03 * treated * score
        return bought * rng.lognormal(3, 1.2, len(score))

    return World(0.0, 0.03 * mean, 0.05 * mean, draw)


WORLDS = {
    "constant effect": _binary(0.3, 0.1, 0.0),
    "effect differs": _binary(0.3, 0.0, 0.2),
    "rare outcome (1 %)": _binary(0.01, 0.0, 0.01),
    "heavy tails (spend)": _spend(),
}


@dataclass(frozen=True, eq=False)
class Trial:
    """One drawn trial.

    Attributes:
        effect: doubly robust scores, shape (n_rows,).
        score: of the ranking, shape (n_rows,).
        noise: a random ranking, shape (n_rows,).
        outcome: shape (n_rows,).
        treated: shape (n_rows,).
    """

    effect: FloatArray
    score: FloatArray
    noise: FloatArray
    outcome: FloatArray
    treated: BoolArray


def draw_trial(world: World, rows: int, rng: np.random.Generator) -> Trial:
    """Half the rows treated; scored with the true mean of each arm."""
    score = -np.sort(-rng.random(rows))  # best first: figures that sort by it have nothing to do
    treated = rng.random(rows) < 0.5
    outcome = world.draw(score, treated, rng)
    effect = effect_scores(
        outcome,
        treated,
        np.full(rows, 0.5),
        expected_control=world.base,
        expected_treated=world.base + world.mean(),
    )
    return Trial(effect, score, rng.random(rows), outcome, treated)


def intervals(world: World, trial: Trial) -> dict[str, list[Interval]]:
    """Every reported interval of one trial with its truth, by name of the figure; a name may have several."""
    effect, score, noise = trial.effect, trial.score, trial.noise
    b, mean, responded = world.slope, world.mean(), trial.outcome != 0
    predicted, slope = (b * score, 1.0) if b else (score, 0.0)
    line = best_linear_predictor(effect, predicted)
    groups = sorted_groups(effect, score, n_groups=GROUPS, responded=responded)
    single = {
        "average effect": (mean_effect(effect), mean),
        "Qini area": (qini_area(effect, score), b / 12),
        "Qini area of a random ranking": (qini_area(effect, noise), 0.0),
        "Qini area minus another's, paired": (
            paired_difference("qini_per_head", effect, score, noise),
            b / 12,
        ),
        "Qini area over average effect": (
            qini_over_average_effect(effect, score),
            b / 12 / mean,
        ),
        "AUTOC": (autoc(effect, score), b / 4),
        "AUTOC of a random ranking": (autoc(effect, noise), 0.0),
        "calibration slope": (line.slope, slope),
        "calibration slope of a random ranking": (best_linear_predictor(effect, noise).slope, 0.0),
        "top minus bottom fifth": (groups.top_minus_bottom, b * (1 - 1 / GROUPS)),
    }
    for share in (0.1, 0.2, 0.3):
        top = world.mean(1 - share, 1)
        single[f"effect at {share:.0%}"] = (
            uplift_at(effect, score, share=share, responded=responded),
            top,
        )
        single[f"gain over random at {share:.0%}"] = (
            gain_over_random_at(effect, score, share=share, responded=responded),
            share * (top - mean),
        )
        single[f"effect at {share:.0%} minus another's, paired"] = (
            paired_difference(f"uplift_at_{round(100 * share)}", effect, score, noise),
            top - mean,
        )
    found = {name: [(e.low, e.high, truth)] for name, (e, truth) in single.items()}
    found["effect of a score decile"] = [
        (e.effect.low, e.effect.high, world.mean(1 - e.bin / BINS, 1 - (e.bin - 1) / BINS))
        for e in uplift_by_bin(effect, score, n_bins=BINS, responded=responded)
    ]
    found["effect of a score fifth (GATES)"] = [
        (e.low, e.high, world.mean(1 - k / GROUPS, 1 - (k - 1) / GROUPS))
        for k, e in zip(groups.group, groups.effects, strict=True)
    ]
    found["effect of a named segment"] = _segments(world, trial)
    curve = gain_curve(effect, score, n_points=POINTS, responded=responded)
    found["gain curve, pointwise"] = [
        (low, high, q * world.mean(1 - q, 1))
        for low, high, q in zip(curve.low, curve.high, curve.share, strict=True)
    ]
    return found | _money(world, trial)


def _segments(world: World, trial: Trial) -> list[Interval]:
    place = score_bins(trial.score, n_bins=BINS)
    expected = np.full(len(place), world.base)
    found = segments(trial.effect, place, expected, responded=trial.outcome != 0)
    truth = [
        np.mean([world.mean(1 - k / BINS, 1 - (k - 1) / BINS) for k in part.bins]) for part in found
    ]
    return [
        (part.effect.low, part.effect.high, float(true))
        for part, true in zip(found, truth, strict=True)
    ]


def _money(world: World, trial: Trial) -> dict[str, list[Interval]]:
    """Figures with a cost as large as the average effect: contacting at random is worth nothing."""
    effect, score = trial.effect, trial.score
    b, cost = world.slope, world.mean()
    upper = score > 0.5
    report = judge_policy(effect, upper, cost=cost)
    best = best_share(effect, score, cost=cost)
    single = {
        "policy value": (report.value, b / 8),
        "value of contacting everybody": (report.contact_all, 0.0),
        "policy value over everybody, paired": (report.over_all, b / 8),
        "policy value over random, paired": (report.over_random, b / 8),
        "policy value over another rule, paired": (
            policy_difference(effect, upper, trial.noise > 0.5, cost=cost),
            b / 8,
        ),
        "cost curve area": (cost_curve(effect, score, cost=0.5 + trial.noise).area, b / 12),
    }
    found = {name: [(e.low, e.high, truth)] for name, (e, truth) in single.items()}
    found["profit at the best share found"] = [
        (best.low, best.high, b * best.share * (1 - best.share) / 2)
    ]
    found["best share"] = [(best.share_low, best.share_high, 0.5)]
    return found
