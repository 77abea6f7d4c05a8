"""Before a test: which changes it could find, how long it would take, and when it cannot answer the question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import tea_tasting as tt
import tea_tasting.aggr
from scipy import stats

from features.arrays import FloatArray
from training.experiments.design_config import (
    DesignConfig,
    NumberTarget,
    ReturnTarget,
    Target,
)

_OUTCOME, _BEFORE = "outcome", "before"
_MOST_DRAWS: Final = 20_000_000
"""Draws of one simulation; larger tests are replayed less often."""

_FEWEST_REPLAYS: Final = 50


@dataclass(frozen=True, eq=False)
class DesignHistory:
    """What a test is reckoned from.

    Attributes:
        columns: per column its values, shape (n_persons,), one window before any test.
        persons: persons that could be assigned within 1, 2, … weeks, shape (max_weeks,), never falling.
        source: where it comes from, for messages.
    """

    columns: Mapping[str, FloatArray]
    persons: FloatArray
    source: str


@dataclass(frozen=True)
class Simulated:
    """Tests drawn from the history, analysed as a real one would be.

    Attributes:
        replays: tests drawn.
        false_alarms: share that found something without any change.
        power: share that found the smallest change worth finding.
        persons: in each test.
    """

    replays: int
    false_alarms: float
    power: float
    persons: int


@dataclass(frozen=True)
class Plan:
    """One outcome at one holdout share.

    Attributes:
        outcome: what is to be found.
        unit: of money, or "".
        holdout_share: share of persons left out.
        persons: assigned within the longest time allowed, both arms.
        base_mean: mean of the history.
        worth_finding: smallest change worth finding, in units of the outcome per person (for a return, of revenue).
        detectable: smallest change found with the wanted power among `persons`, likewise.
        detectable_relative: the same over `base_mean`; for a return, over the cost: a return on spend.
        wanted_relative: `worth_finding` likewise.
        persons_needed: to find what is worth finding.
        weeks: to assign them; None = more than the longest time allowed.
        forgone: what the holdout costs if the change is real: left-out persons x `worth_finding`.
        variance_saved: by CUPED with the window before: squared correlation, 0 without one.
        answers: `weeks` is known.
        sentence: all this for a person.
        simulated: None where none was asked for.
    """

    outcome: str
    unit: str
    holdout_share: float
    persons: int
    base_mean: float
    worth_finding: float
    detectable: float
    detectable_relative: float
    wanted_relative: float
    persons_needed: int
    weeks: int | None
    forgone: float
    variance_saved: float
    answers: bool
    sentence: str
    simulated: Simulated | None


def design_test(history: DesignHistory, config: DesignConfig) -> list[Plan]:
    """Every outcome at every holdout share.

    Detectable change: (z_{1 - alpha/2} + z_power) x sqrt(variance / n1 + variance / n0), solved by tea-tasting; the variance is
    the history's, without what the window before explains.
    """
    rng = np.random.default_rng(config.seed)
    return [
        _plan(name, target, share, history, config, rng)
        for name, target in config.outcomes.items()
        for share in config.holdout_shares
    ]


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is asked of a test.

    Attributes:
        holdout_share: share of persons in the control.
        power: of finding the change, in (0, 1).
        alpha: two-sided, in (0, 1).
        before: covariate for CUPED, shape (n_persons,); None = no adjustment.
    """

    holdout_share: float
    power: float = 0.8
    alpha: float = 0.05
    before: FloatArray | None = None

    def metric(self, **wanted: float) -> tt.Mean:
        """tea-tasting's power analysis of a mean, with unpooled variances and the normal distribution."""
        return tt.Mean(
            _OUTCOME,
            None if self.before is None else _BEFORE,
            ratio=(1 - self.holdout_share) / self.holdout_share,
            power=self.power,
            alpha=self.alpha,
            equal_var=False,
            use_t=False,
            **wanted,
        )


def detectable_change(outcome: FloatArray, persons: int, wanted: Wanted) -> float:
    """Smallest change of the mean that a test finds.

    Args:
        outcome: of persons in the history, shape (n_persons,).
        persons: of the test, both arms.
        wanted: what is asked of it.

    Invariants: half with four times the persons.
    """
    metric = wanted.metric(n_obs=persons)
    aggregates = _aggregates(outcome, wanted.before)
    (found,) = metric.solve_power_from_aggregates(aggregates, "effect_size")
    return float(found.effect_size)


def persons_needed(outcome: FloatArray, change: float, wanted: Wanted) -> int:
    """Persons, both arms, of a test that finds a change of the mean.

    Args:
        outcome: of persons in the history, shape (n_persons,).
        change: absolute, > 0.
        wanted: what is asked of the test.
    """
    metric = wanted.metric(effect_size=change)
    (found,) = metric.solve_power_from_aggregates(_aggregates(outcome, wanted.before), "n_obs")
    return int(found.n_obs)


def _aggregates(outcome: FloatArray, before: FloatArray | None) -> tea_tasting.aggr.Aggregates:
    columns = {_OUTCOME: outcome} | ({} if before is None else {_BEFORE: before})
    return tea_tasting.aggr.Aggregates(
        count_=len(outcome),
        mean_={name: float(values.mean()) for name, values in columns.items()},
        var_={name: float(values.var(ddof=1)) for name, values in columns.items()},
        cov_={}
        if before is None
        else {(_BEFORE, _OUTCOME): float(np.cov(before, outcome, ddof=1)[0, 1])},
    )


def _plan(
    name: str,
    target: Target,
    share: float,
    history: DesignHistory,
    config: DesignConfig,
    rng: np.random.Generator,
) -> Plan:
    outcome = history.columns[target.revenue if isinstance(target, ReturnTarget) else name]
    if isinstance(target, NumberTarget | ReturnTarget) and target.cap is not None:
        outcome = np.minimum(outcome, target.cap)
    before = None if target.before is None else history.columns[target.before]
    base = float(outcome.mean())
    per = target.cost_per_person if isinstance(target, ReturnTarget) else base
    least = target.least if isinstance(target, ReturnTarget) else target.lift
    change, persons = least * per, int(history.persons[-1])
    wanted = Wanted(share, config.power, config.alpha, before)
    needed = persons_needed(outcome, change, wanted)
    detectable = detectable_change(outcome, persons, wanted)
    enough = np.flatnonzero(history.persons >= needed)
    weeks = int(enough[0]) + 1 if len(enough) else None
    return Plan(
        outcome=name,
        unit=getattr(target, "unit", ""),
        holdout_share=share,
        persons=persons,
        base_mean=base,
        worth_finding=change,
        detectable=detectable,
        detectable_relative=detectable / per,
        wanted_relative=least,
        persons_needed=needed,
        weeks=weeks,
        forgone=share * min(needed, persons) * change,
        variance_saved=0.0 if before is None else float(np.corrcoef(outcome, before)[0, 1] ** 2),
        answers=weeks is not None,
        sentence=_sentence(name, target, share, persons, detectable / per, needed, weeks, config),
        simulated=_simulate(outcome, change, share, min(needed, persons), config, rng),
    )


def _sentence(
    name: str,
    target: Target,
    share: float,
    persons: int,
    detectable: float,
    needed: int,
    weeks: int | None,
    config: DesignConfig,
) -> str:
    words = name.replace("_", " ")
    if isinstance(target, ReturnTarget):
        asked, seen = f"a return of {target.least:g}", f"a return of {detectable:.3g}"
    else:
        asked, seen = f"a change by {target.lift:.1%}", f"{detectable:.1%}"
    if weeks is not None:
        return (
            f"With {share:.0%} held out, {words}: {asked} is found with {config.power:.0%} power among {needed:,} persons: "
            f"{weeks} {'week' if weeks == 1 else 'weeks'} of assigning, then {config.window_days} days for the outcomes."
        )
    return (
        f"With {share:.0%} held out, {words}: this test cannot answer your question. {persons:,} persons in {config.max_weeks} weeks "
        f"show nothing smaller than {seen}; {asked} needs {needed:,}."
    )


def _simulate(
    outcome: FloatArray,
    change: float,
    share: float,
    persons: int,
    config: DesignConfig,
    rng: np.random.Generator,
) -> Simulated | None:
    """Tests on persons drawn from the history: arms by lot, then with the change laid over the treated one.

    A share rises by new converters among those without, a number by more of those who have one, as lifts mostly come through
    conversion and not through the basket.
    """
    replays = min(config.replays, _MOST_DRAWS // max(persons, 1))
    if replays < _FEWEST_REPLAYS or not outcome.any():
        return None
    held_out = max(2, round(share * persons))
    treated = max(2, persons - held_out)
    values = outcome[outcome != 0]
    rate, mean = len(values) / len(outcome), float(values.mean())
    risen = min(1.0, rate + change / mean) if mean > 0 else rate
    control = _draws(values, rate, held_out, replays, rng)
    z = float(stats.norm.ppf(1 - config.alpha / 2))
    found = []
    for chance in (rate, risen):
        other = _draws(values, chance, treated, replays, rng)
        se = np.sqrt(control[1] / held_out + other[1] / treated)
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(float(np.mean(np.abs(other[0] - control[0]) / se > z)))
    return Simulated(replays, found[0], found[1], persons)


def _draws(
    values: FloatArray, rate: float, persons: int, replays: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Means and variances of so many draws of persons, each with a value by chance, shape (replays,)."""
    counts = rng.binomial(persons, rate, replays)
    drawn = rng.choice(values, counts.sum())
    owner = np.repeat(np.arange(replays), counts)
    sums = np.bincount(owner, weights=drawn, minlength=replays)
    squares = np.bincount(owner, weights=drawn**2, minlength=replays)
    mean = sums / persons
    return mean, (squares - persons * mean**2) / (persons - 1)
