"""Before a test on regions: groups and a lot, and which lifts it could find, tried on the client's own history."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import InputError
from training.experiments.regions.config import RegionDesignConfig, RegionMethod
from training.experiments.regions.contrasts import contrast_weights
from training.experiments.regions.groups import (
    NO_GROUP,
    alike,
    draw_lot,
    possible_assignments,
    require_testable,
)
from training.experiments.regions.measure import FEWEST_DAYS_BEFORE, METHODS, levels
from training.experiments.regions.panel import RegionPanel

_LIFTS: Final = tuple(np.geomspace(0.002, 2.0, 140).tolist())
"""Lifts looked at, each 5 % above the one before; the smallest found is looked for by halving."""


@dataclass(frozen=True, eq=False)
class RegionGroups:
    """Regions in groups, and the lot.

    Attributes:
        group: shape (n_regions,); -1 = left out.
        treated: shape (n_regions,).
        possible: assignments that the lot could have made.
    """

    group: IntArray
    treated: BoolArray
    possible: int


@dataclass(frozen=True)
class RegionPlan:
    """One outcome, length and estimate.

    Attributes:
        outcome, unit: what is to be found.
        test_days: length of the test.
        method: estimate.
        wanted: smallest lift worth finding, relative.
        detectable: smallest lift found with the wanted power; None = none up to 200 %.
        power: of finding the wanted lift.
        false_alarms: share of tests that find something without any change; at most alpha.
        answers: the wanted lift is found with the wanted power.
        sentence: all this for a person.
    """

    outcome: str
    unit: str
    test_days: int
    method: RegionMethod
    wanted: float
    detectable: float | None
    power: float
    false_alarms: float
    answers: bool
    sentence: str


def group_regions(panel: RegionPanel, config: RegionDesignConfig) -> RegionGroups:
    """Groups alike in one outcome, and a lot in each.

    Raises:
        InputError: too few regions for a test at alpha, or one without outcome.
    """
    name = config.alike_in
    values = panel.values[name]
    levels(values, np.ones(values.shape[1], np.bool_), panel.regions, name, panel.source)
    group = alike(values, size=config.lot.group_size)
    treated = draw_lot(panel.regions, group, treated=config.lot.treated_per_group, salt=config.salt)
    kept = group != NO_GROUP
    possible = require_testable(treated[kept], group[kept], alpha=config.alpha, source=panel.source)
    return RegionGroups(group, treated, possible)


def plan_regions(
    panel: RegionPanel, groups: RegionGroups, config: RegionDesignConfig
) -> list[RegionPlan]:
    """Every outcome at every length by every estimate.

    The last days of the history stand for the test. Each assignment that the lot could make is taken for the real one in turn;
    its treated regions are raised by a lift, and the test is done.

    Raises:
        InputError: too few days before the longest test, or a region without outcome in them.
    """
    kept = groups.group != NO_GROUP
    assignments = possible_assignments(
        groups.treated[kept],
        groups.group[kept],
        most=config.assignments,
        rng=np.random.default_rng(config.seed),
    )
    inside = panel.where(kept)
    return [
        _plan(inside, name, days, method, assignments, config)
        for name in config.outcomes
        for days in config.test_days
        for method in METHODS
    ]


def powers(
    weights: FloatArray,
    after: FloatArray,
    assignments: BoolArray,
    lifts: FloatArray,
    *,
    alpha: float,
) -> FloatArray:
    """Share of assignments that a test at alpha finds something for, at each lift.

    Args:
        weights: of contrasts, shape (n_assignments, n_regions).
        after: levels of regions that nothing was done to, shape (n_regions,).
        assignments: shape (n_assignments, n_regions); each in turn is the real one, the others its placebos.
        lifts: relative, shape (n_lifts,).
        alpha: two-sided.

    Invariants: at a lift of 0 not above alpha.
    """
    plain = weights @ after
    raised = weights @ (after * assignments).T
    found = []
    for lift in lifts:
        statistic = np.abs(plain[:, None] + lift * raised)
        own = np.diagonal(statistic)
        p_value = (statistic >= own * (1 - 1e-9)).mean(axis=0)
        found.append(float((p_value <= alpha).mean()))
    return np.array(found)


def _plan(
    panel: RegionPanel,
    name: str,
    days: int,
    method: RegionMethod,
    assignments: BoolArray,
    config: RegionDesignConfig,
) -> RegionPlan:
    n_days = len(panel.days)
    if n_days - days < FEWEST_DAYS_BEFORE:
        raise InputError(
            panel.source,
            f"{n_days} days",
            rule=f"a test of {days} days needs at least {days + FEWEST_DAYS_BEFORE}",
            next_step="Give the table more days, or shorten 'test_days'.",
        )
    before = np.arange(n_days) < n_days - days
    level = levels(panel.values[name], before, panel.regions, name, panel.source)
    weights = contrast_weights(method, level[:, before], assignments)
    after = level[:, ~before].mean(axis=1)
    target = config.outcomes[name]

    def power(lift: float) -> float:
        return float(powers(weights, after, assignments, np.array([lift]), alpha=config.alpha)[0])

    found = power(target.lift)
    least = bisect.bisect_left(_LIFTS, config.power, key=power)
    detectable = float(_LIFTS[least]) if least < len(_LIFTS) else None
    answers = found >= config.power
    return RegionPlan(
        outcome=name,
        unit=target.unit,
        test_days=days,
        method=method,
        wanted=target.lift,
        detectable=detectable,
        power=found,
        false_alarms=power(0.0),
        answers=answers,
        sentence=_sentence(name, days, method, target.lift, detectable, found, answers=answers),
    )


def _sentence(
    name: str,
    days: int,
    method: RegionMethod,
    wanted: float,
    detectable: float | None,
    power: float,
    *,
    answers: bool,
) -> str:
    least = "nothing up to 200%" if detectable is None else f"nothing smaller than {detectable:.1%}"
    head = f"{name.replace('_', ' ')}, {days} days, {method.replace('_', ' ')}: "
    if answers:
        return f"{head}a change by {wanted:.1%} is found with {power:.0%} power."
    return f"{head}this test cannot answer your question; it shows {least} ({power:.0%} power for {wanted:.1%})."
