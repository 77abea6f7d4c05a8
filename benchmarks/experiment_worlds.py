"""Simulated experiments whose true effects have a closed form, and every interval that a measurement gives of them."""

from __future__ import annotations

from typing import Final

import numpy as np
import tea_tasting as tt
import tea_tasting.aggr
from scipy import stats

from features.arrays import BoolArray, FloatArray, IntArray
from training.experiments.aggregate_lift import lift_of_aggregates
from training.experiments.effects import ContrastRows, cuped, incremental_ratio
from training.experiments.exposure import effect_by_ghosts, effect_on_exposed
from training.experiments.lift import LiftEstimate
from training.metrics.estimates import MINIMUM_OUTCOMES, Z

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
    """Intervals of outcomes that every row has, of one experiment of so many rows, of which `share` are treated."""
    treated = rng.random(rows) < share
    if min(treated.sum(), (~treated).sum()) < 2:
        return {}
    contrast = ContrastRows(treated, np.full(rows, share), None)
    found = _before(treated, contrast, rng)
    found |= _reached(treated, contrast, rng)
    found |= _clusters(rows, share, rng)
    return found | _varying(rows, share, rng)


def _both(name: str, lift: LiftEstimate, base: float, effect: float) -> dict[str, Interval]:
    return {
        name: (lift.low, lift.high, effect),
        f"{name}, relative": (lift.relative_low, lift.relative_high, effect / base),
    }


def shop_intervals(
    rows: int, share: float, sets: int, rng: np.random.Generator
) -> dict[str, tuple[FloatArray, FloatArray, float]]:
    """Intervals of outcomes that most rows do not have, of many experiments: only buyers are drawn, arms are aggregates.

    As in a measurement, there is no interval (NaN) where an arm has fewer than `MINIMUM_OUTCOMES` outcomes. All are computed at
    once; the first few are demanded equal to those of the function that measures.

    Returns:
        Low and high ends, shape (sets,), and the truth, by name.
    """
    drawn: dict[str, list[list[Arm]]] = {}
    for _ in range(sets):
        for name, arms in _shop(rows, share, rng).items():
            drawn.setdefault(name, []).append(arms)
    rise, level = LIFTED - BASE, float(np.exp(0.5**2 / 2))
    truths = {
        "conversion 1 %": (BASE, rise),
        "revenue": (BASE * mean_value(), rise * mean_value()),
        "revenue, capped": (BASE * mean_value(CAP), rise * mean_value(CAP)),
        "order value (ratio)": (level, 0.05 * level),
    }
    found = {}
    for name, (base, effect) in truths.items():
        ends = _ends(np.array(drawn[name]))
        for arms, own in zip(drawn[name][:_CHECKED], ends, strict=False):
            _require_equal(arms, own)
        found[name] = (ends[:, 0], ends[:, 1], effect)
        found[f"{name}, relative"] = (ends[:, 2], ends[:, 3], effect / base)
    return found


Arm = tuple[float, float, float, float, float, float, float]
"""Rows, mean of the numerator and the denominator, their variances and covariance, and rows with an outcome."""

_CHECKED: Final = 10


def _shop(rows: int, share: float, rng: np.random.Generator) -> dict[str, list[Arm]]:
    """Control and treated arm of every outcome of one experiment."""
    treated = int(rng.binomial(rows, share))
    found: dict[str, list[Arm]] = {}
    for n, chance, rate, dearer in (
        (rows - treated, BASE, 0.2, 1.0),
        (treated, LIFTED, 0.22, 1.05),
    ):
        values = rng.lognormal(LOG_MEAN, LOG_SD, int(rng.binomial(n, chance)))
        some = stats.poisson.pmf(np.arange(1, 12), rate)
        orders = np.repeat(np.arange(1.0, 12), rng.multinomial(n, [*some, 1 - some.sum()])[:-1])
        baskets = orders * rng.lognormal(0, 0.5, len(orders)) * dearer
        for name, arm in (
            ("conversion 1 %", _arm(n, np.ones(len(values)))),
            ("revenue", _arm(n, values)),
            ("revenue, capped", _arm(n, np.minimum(values, CAP))),
            ("order value (ratio)", _arm(n, baskets, orders)),
        ):
            found.setdefault(name, []).append(arm)
    return found


def _arm(n: int, top: FloatArray, below: FloatArray | None = None) -> Arm:
    """An arm whose other rows are 0; without a denominator every row counts one."""
    mean = float(top.sum()) / n
    variance = float(top @ top - n * mean**2) / (n - 1)
    if below is None:
        return n, mean, 1.0, variance, 0.0, 0.0, len(top)
    under = float(below.sum()) / n
    spread = float(below @ below - n * under**2) / (n - 1)
    shared = float(top @ below - n * mean * under) / (n - 1)
    return n, mean, under, variance, spread, shared, len(top)


def _ends(arms: FloatArray) -> FloatArray:
    """Ends of the absolute and the relative interval, shape (sets, 4), from arms of shape (sets, 2, 7)."""
    n, top, below, own, spread, shared, outcomes = np.moveaxis(arms, 2, 0)
    with np.errstate(all="ignore"):
        level = top / below
        noise = (own - 2 * level * shared + level**2 * spread) / (n * below**2)
        effect, se = level[:, 1] - level[:, 0], np.sqrt(noise.sum(axis=1))
        quotient = level[:, 1] / level[:, 0]
        wide = np.exp(Z * np.sqrt((noise / level**2).sum(axis=1)))
        ends = [effect - Z * se, effect + Z * se, quotient / wide - 1, quotient * wide - 1]
    few = outcomes.min(axis=1) < MINIMUM_OUTCOMES
    return np.where(few[:, None], np.nan, np.column_stack(ends))


def _require_equal(arms: list[Arm], ends: FloatArray) -> None:
    """The same by the function that measures, where it gives an interval."""
    if np.isnan(ends).any():
        return
    metric = tt.RatioOfMeans("0", "1", equal_var=False, use_t=False)
    control, treated = (
        tea_tasting.aggr.Aggregates(
            count_=int(n),
            mean_={"0": top, "1": below},
            var_={"0": own, "1": spread},
            cov_={("0", "1"): shared},
        )
        for n, top, below, own, spread, shared, _ in arms
    )
    lift = lift_of_aggregates(control, treated, metric, convention="")
    expected = [lift.low, lift.high, lift.relative_low, lift.relative_high]
    np.testing.assert_allclose(ends, expected, rtol=1e-6)


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
