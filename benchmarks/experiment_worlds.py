"""Simulated experiments whose true effects have a closed form, and every interval that a measurement gives of them."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import stats

from features.arrays import BoolArray, FloatArray, IntArray
from training.experiments.effects import ContrastRows, cuped, incremental_ratio, linearised
from training.experiments.exposure import effect_by_ghosts, effect_on_exposed
from training.experiments.lift import LiftEstimate

Interval = tuple[float, float, float]
"""Ends of an interval, and the truth."""

RHO: Final = 0.6
BASE, LIFTED = 0.01, 0.012
LOG_MEAN, LOG_SD, CAP = 3.0, 1.2, 100.0
REACHED, EFFECT, COST = 0.4, 0.3, 0.5


def mean_value(cap: float = np.inf) -> float:
    """Mean of a log-normal basket, counted up to a cap."""
    whole = float(np.exp(LOG_MEAN + LOG_SD**2 / 2))
    if np.isinf(cap):
        return whole
    at = (np.log(cap) - LOG_MEAN) / LOG_SD
    return whole * float(stats.norm.cdf(at - LOG_SD)) + cap * float(stats.norm.sf(at))


def intervals(rows: int, share: float, rng: np.random.Generator) -> dict[str, Interval]:
    """Every interval of one experiment of so many rows, of which `share` are treated."""
    treated = rng.random(rows) < share
    if min(treated.sum(), (~treated).sum()) < 2:
        return {}
    contrast = ContrastRows(treated, np.full(rows, share), None)
    found = _shop(treated, contrast, rng)
    found |= _before(treated, contrast, rng)
    found |= _reached(treated, contrast, rng)
    found |= _clusters(rows, share, rng)
    return found | _varying(rows, share, rng)


def _both(name: str, lift: LiftEstimate, base: float, effect: float) -> dict[str, Interval]:
    return {
        name: (lift.low, lift.high, effect),
        f"{name}, relative": (lift.relative_low, lift.relative_high, effect / base),
    }


def _shop(treated: BoolArray, rows: ContrastRows, rng: np.random.Generator) -> dict[str, Interval]:
    n, rise = len(treated), LIFTED - BASE
    bought = rng.random(n) < np.where(treated, LIFTED, BASE)
    revenue = np.zeros(n)
    revenue[bought] = rng.lognormal(LOG_MEAN, LOG_SD, int(bought.sum()))
    found = _both("conversion 1 %", rows.lift(bought.astype(np.float64)), BASE, rise)
    found |= _both("revenue", rows.lift(revenue), BASE * mean_value(), rise * mean_value())
    capped = rows.lift(np.minimum(revenue, CAP))
    found |= _both("revenue, capped", capped, BASE * mean_value(CAP), rise * mean_value(CAP))
    orders = rng.poisson(np.where(treated, 0.22, 0.2)).astype(np.float64)
    taste = rng.lognormal(0, 0.5, n) * np.where(treated, 1.05, 1.0)
    value = linearised(orders * taste, orders, rows)
    if value is not None:
        level = float(np.exp(0.5**2 / 2))
        found |= _both(
            "order value (ratio)",
            rows.lift(value, signed=False, responded=orders > 0),
            level,
            0.05 * level,
        )
    return found


def _before(
    treated: BoolArray, rows: ContrastRows, rng: np.random.Generator
) -> dict[str, Interval]:
    """Margin that may be negative, and the same person's before."""
    before = rng.normal(size=len(treated))
    noise = rng.normal(size=len(treated))
    outcome = 2 + RHO * before + np.sqrt(1 - RHO**2) * noise + 0.1 * treated
    found = _both("signed outcome", rows.lift(outcome), 2.0, 0.1)
    return found | _both("CUPED", rows.lift(cuped(outcome, before).values), 2.0, 0.1)


def _reached(
    treated: BoolArray, rows: ContrastRows, rng: np.random.Generator
) -> dict[str, Interval]:
    """Organic intent drives both exposure and outcome, so exposed and unexposed differ before any treatment."""
    n = len(treated)
    intent = rng.random(n)
    would = rng.random(n) < 2 * REACHED * intent
    exposed = would & treated
    outcome = 2 * intent + rng.normal(size=n) + EFFECT * exposed
    on_exposed = effect_on_exposed(outcome, exposed, rows).effect
    cost = np.where(exposed, rng.gamma(4, COST / 4, n), 0.0)
    earned = incremental_ratio(outcome, cost, rows)
    found = {
        "effect on the exposed (instrument)": (on_exposed.low, on_exposed.high, EFFECT),
        "incremental return (Fieller)": (earned.low, earned.high, EFFECT / COST),
    }
    ghosts = effect_by_ghosts(outcome, would, rows, arms=("none", "ads")).effect
    if ghosts is not None:
        found["effect by ghost exposures"] = (ghosts.low, ghosts.high, EFFECT)
    return found


def _clusters(rows: int, share: float, rng: np.random.Generator) -> dict[str, Interval]:
    home = np.sort(rng.integers(0, max(rows // 3, 1), rows))
    own = rng.normal(size=rows // 3 + 1)[home]
    by_home = (rng.random(rows // 3 + 1) < share)[home]
    by_row = rng.random(rows) < share
    found: dict[str, Interval] = {}
    for name, treated in (
        ("households assigned together", by_home),
        ("persons assigned again and again", by_row),
    ):
        if len(np.unique(home[treated])) > 1 and len(np.unique(home[~treated])) > 1:
            lift = _clustered(1 + own + rng.normal(size=rows) + 0.1 * treated, treated, home, share)
            found[name] = (lift.low, lift.high, 0.1)
    return found


def _clustered(
    outcome: FloatArray, treated: BoolArray, home: IntArray, share: float
) -> LiftEstimate:
    return ContrastRows(treated, np.full(len(treated), share), home).lift(outcome)


def _varying(rows: int, share: float, rng: np.random.Generator) -> dict[str, Interval]:
    """Likelier persons are treated more often; the inverse probability takes that out."""
    likely = rng.random(rows) < 0.5
    chance = np.where(likely, share, max(share / 2, 0.02))
    treated = rng.random(rows) < chance
    if min(treated.sum(), (~treated).sum()) < 2:
        return {}
    outcome = likely + rng.normal(size=rows) + 0.1 * treated
    lift = ContrastRows(treated, chance, None).lift(outcome)
    return {"probabilities vary by row": (lift.low, lift.high, 0.1)}
