"""How often the 95 % intervals of the uplift figures hold the truth: `python -m benchmarks.uplift_coverage [ROWS] [SETS]`.

Simulated randomised trials in which the score is uniform on (0, 1) and the effect at score u is a + b u, so that every
truth has a closed form. Prints one row per figure and one column per world.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.arrays import BoolArray, FloatArray
from training.metrics.estimates import Estimate
from training.metrics.policy import judge_policy, policy_value
from training.metrics.policy_curves import cost_curve
from training.metrics.uplift import autoc, mean_effect, qini_area
from training.metrics.uplift_calibration import best_linear_predictor, sorted_groups
from training.metrics.uplift_comparison import paired_difference
from training.metrics.uplift_top import gain_over_random_at, uplift_at
from training.uplift.doubly_robust import effect_scores

ROWS, SETS = 2_000, 1_000
SEED = 20


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


def figures(world: World, rows: int, rng: np.random.Generator) -> dict[str, tuple[Estimate, float]]:
    """Every figure of one drawn trial, with its true value."""
    score, treated = rng.random(rows), rng.random(rows) < 0.5
    a, b = world.level, world.slope
    effect = effect_scores(
        world.draw(score, treated, rng),
        treated,
        np.full(rows, 0.5),
        expected_control=world.base,
        expected_treated=world.base + a + b / 2,
    )
    noise, upper = rng.random(rows), score > 0.5
    predicted, slope = (b * score, 1.0) if b else (score, 0.0)
    report = judge_policy(effect, upper, cost=0.0)
    return {
        "average effect": (mean_effect(effect), a + b / 2),
        "Qini area": (qini_area(effect, score), b / 12),
        "AUTOC": (autoc(effect, score), b / 4),
        "Qini area minus another's, paired": (
            paired_difference("qini_per_head", effect, score, noise),
            b / 12,
        ),
        "effect at 10 %": (uplift_at(effect, score, share=0.1), a + b * 0.95),
        "effect at 30 %": (uplift_at(effect, score, share=0.3), a + b * 0.85),
        "gain over random at 30 %": (
            gain_over_random_at(effect, score, share=0.3),
            0.3 * b * 0.35,
        ),
        "calibration slope": (best_linear_predictor(effect, predicted).slope, slope),
        "top minus bottom fifth": (sorted_groups(effect, score).top_minus_bottom, 0.8 * b),
        "policy value": (policy_value(effect, upper, cost=0.0), 0.5 * a + b * 3 / 8),
        "policy value over random": (report.over_random, b / 8),
        "cost curve area": (cost_curve(effect, score, cost=0.5 + noise).area, b / 12),
    }


def coverage(world: World, rows: int, sets: int) -> dict[str, float]:
    """Share of the sets whose interval holds the truth, by figure."""
    rng = np.random.default_rng(SEED)
    hits: dict[str, int] = {}
    for _ in range(sets):
        for name, (found, truth) in figures(world, rows, rng).items():
            hits[name] = hits.get(name, 0) + int(found.low <= truth <= found.high)
    return {name: count / sets for name, count in hits.items()}


def main() -> None:
    """Print the table."""
    given = [int(number) for number in sys.argv[1:]]
    rows, sets = (given + [ROWS, SETS][len(given) :])[:2]
    found = {name: coverage(world, rows, sets) for name, world in WORLDS.items()}
    error = 100 * np.sqrt(0.95 * 0.05 / sets)
    print(
        f"{rows:,} rows, {sets:,} sets per world; one standard error of the simulation {error:.1f} points\n"
    )
    print(f"| 95 % interval of | {' | '.join(found)} |")
    print("|" + "---|" * (len(found) + 1))
    for name in next(iter(found.values())):
        cells = " | ".join(f"{100 * shares[name]:.1f}" for shares in found.values())
        print(f"| {name} | {cells} |")


if __name__ == "__main__":
    main()
