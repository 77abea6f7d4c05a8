"""What a test on regions changed: the lift of every outcome by both estimates, its checks, and the days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import GateError, InputError
from training.experiments.regions.config import RegionMeasureConfig, RegionMethod
from training.experiments.regions.contrasts import contrast_weights
from training.experiments.regions.findings import (
    ControlWeight,
    RegionDay,
    RegionEffect,
    RegionMeasurement,
)
from training.experiments.regions.groups import possible_assignments, require_testable
from training.experiments.regions.inference import Placebos
from training.experiments.regions.panel import RegionPanel, day_name
from training.experiments.validity import Check
from training.metrics.estimates import CONFIDENCE
from training.metrics.intervals import holm

METHODS: Final[tuple[RegionMethod, ...]] = ("synthetic_control", "difference_in_differences")
ALPHA: Final = 1 - CONFIDENCE
FEWEST_DAYS_BEFORE: Final = 14
_SHOWN_WEIGHT: Final = 0.001

_LEVELS: Final = (
    "each region's mean per day after the start over its own mean before, regions weighing the same; treated over what it would have been, "
    "less 1; p-value and interval from the assignments that the lot could have made, for an effect of the same share in every treated region"
)
CONVENTION: Final[dict[RegionMethod, str]] = {
    "synthetic_control": f"without the treatment: controls with weights, none negative, summing to 1, fitted on the days before; {_LEVELS}",
    "difference_in_differences": f"without the treatment: the plain mean of the controls; {_LEVELS}",
}


@dataclass(frozen=True, eq=False)
class RegionRows:
    """A test on regions.

    Attributes:
        panel: the regions of the test alone, n_regions of them.
        treated: shape (n_regions,).
        group: within which the lot was drawn, shape (n_regions,).
        start: first day of the treatment, days since 1970.
    """

    panel: RegionPanel
    treated: BoolArray
    group: IntArray
    start: int

    @property
    def before(self) -> BoolArray:
        """Days before the treatment, shape (n_days,)."""
        return self.panel.days < self.start


def measure_regions(rows: RegionRows, config: RegionMeasureConfig) -> RegionMeasurement:
    """Measure what a test on regions changed, if its checks allow.

    Raises:
        InputError: too few regions or days for any answer, or a region without outcome before the start.
        GateError: a check failed; there is no result.
    """
    before = rows.before
    source = rows.panel.source
    possible = require_testable(rows.treated, rows.group, alpha=ALPHA, source=source)
    _require_days(before, source)
    assignments = possible_assignments(
        rows.treated, rows.group, most=config.assignments, rng=np.random.default_rng(config.seed)
    )
    checks = [_equal_lot(rows)]
    effects: list[RegionEffect] = []
    days: list[RegionDay] = []
    shares: list[ControlWeight] = []
    for name in config.ordered:
        level = _levels(rows.panel, name, before)
        checks.append(_before_in_time(name, level[:, before], (~before).sum(), assignments, config))
        for method in sorted(METHODS, key=lambda method: method != config.method):
            weights = contrast_weights(method, level[:, before], assignments)
            effects.append(_effect(rows, name, method, level, weights, config))
            if method == config.method:
                days += _days(rows, name, level, weights)
                shares += _shares(rows, name, weights[0])
    failed = [check for check in checks if check.gate and not check.passed]
    if failed:
        raise GateError(
            source,
            "; ".join(f"{check.name}: {check.found}" for check in failed),
            rule="an experiment that fails a check has no result",
            next_step="Repair the assignment or the table it is read from; nothing was written.",
        )
    return RegionMeasurement(
        regions=len(rows.treated),
        treated=int(rows.treated.sum()),
        days_before=int(before.sum()),
        days_after=int((~before).sum()),
        possible=possible,
        checks=tuple(checks),
        effects=tuple(_with_holm(effects)),
        days=tuple(days),
        weights=tuple(shares) if config.method == "synthetic_control" else (),
    )


def _require_days(before: BoolArray, source: str) -> None:
    if before.sum() < FEWEST_DAYS_BEFORE or before.all():
        raise InputError(
            source,
            f"{int(before.sum())} days before the start and {int((~before).sum())} from it on",
            rule=f"at least {FEWEST_DAYS_BEFORE} days before the start and 1 from it on",
            next_step="Check 'start' and 'end', or give the table more days.",
        )


def _levels(panel: RegionPanel, outcome: str, before: BoolArray) -> FloatArray:
    """Each region's outcome by day over its own mean before the start."""
    return levels(panel.values[outcome], before, panel.regions, outcome, panel.source)


def levels(
    values: FloatArray, before: BoolArray, regions: Sequence[str], outcome: str, source: str
) -> FloatArray:
    """Values by region and day over the region's own mean in some of the days.

    Raises:
        InputError: a region has no positive mean there.
    """
    base = values[:, before].mean(axis=1)
    if not (base > 0).all():
        worst = int(np.argmin(base))
        raise InputError(
            source,
            f"region '{regions[worst]}' has a mean '{outcome}' of {base[worst]:.4g} per day before the start",
            rule="every region has some outcome before the start, as effects are shares of it",
            next_step="Leave it out of the test, or set 'data.most_regions'.",
        )
    return np.asarray(values / base[:, None], np.float64)


def _equal_lot(rows: RegionRows) -> Check:
    """Every group has both arms, and all groups of one size as many treated regions."""
    found = {
        (int((rows.group == number).sum()), int(rows.treated[rows.group == number].sum()))
        for number in np.unique(rows.group)
    }
    sizes = [size for size, _ in found]
    good = len(set(sizes)) == len(sizes) and all(0 < treated < size for size, treated in found)
    parts = ", ".join(f"{treated} of {size}" for size, treated in sorted(found))
    return Check(
        "lot within groups", good, gate=True, p_value=float("nan"),
        found=f"treated regions of a group: {parts}",
    )  # fmt: skip


def _before_in_time(
    name: str, before: FloatArray, n_after: int, assignments: BoolArray, config: RegionMeasureConfig
) -> Check:
    """The same test on the end of the period before, when nothing was done: its p-value is below 5 % in 5 % of tests."""
    n_days = before.shape[1]
    cut = n_days - min(int(n_after), n_days // 2)
    earlier = before / before[:, :cut].mean(axis=1, keepdims=True)
    if not np.isfinite(earlier).all():
        return Check(f"period before, {name}", True, gate=False, p_value=float("nan"), found="a region has no outcome in its first part")  # fmt: skip
    weights = contrast_weights(config.method, earlier[:, :cut], assignments)
    p_value = Placebos.of(weights, earlier[:, cut:].mean(axis=1), assignments[0]).p_value(0.0)
    return Check(
        f"period before, {name}",
        p_value > ALPHA,
        gate=False,
        p_value=p_value,
        found=f"the same test on the last {n_days - cut} days before the start has p {p_value:.3g}",
    )


def _effect(
    rows: RegionRows,
    name: str,
    method: RegionMethod,
    level: FloatArray,
    weights: FloatArray,
    config: RegionMeasureConfig,
) -> RegionEffect:
    before, treated = rows.before, rows.treated
    after = level[:, ~before].mean(axis=1)
    if not after[treated].any() or not after[~treated].any():
        raise InputError(
            rows.panel.source,
            f"no '{name}' from the start on in the {'control' if after[treated].any() else 'treated'} regions",
            rule="effects are shares of what would have been",
            next_step="Check 'start' and 'end'.",
        )
    placebos = Placebos.of(weights, after, treated)
    if not placebos.fixed[0] < 0:
        raise InputError(
            rows.panel.source,
            f"the controls that stand for the treated regions have no '{name}' from the start on",
            rule="effects are shares of what would have been",
            next_step="Use 'method: difference_in_differences', or leave out regions that closed.",
        )
    lift = placebos.lift(alpha=ALPHA)
    values = rows.panel.values[name][treated]
    whole = float(values[:, ~before].sum())
    total, low, high = (
        whole * (1 - 1 / (1 + effect)) if effect > -1 else float("-inf")
        for effect in (lift.relative, lift.low, lift.high)
    )
    return RegionEffect(
        outcome=name,
        unit=config.outcomes[name].unit,
        method=method,
        headline=method == config.method,
        primary=name in config.primary,
        lift=lift,
        total=total,
        total_low=low,
        total_high=high,
        before=float(values[:, before].mean()),
        after=float(values[:, ~before].mean()),
        fit=float(np.sqrt(np.mean((weights[0] @ level[:, before]) ** 2))),
        convention=CONVENTION[method],
    )


def _days(rows: RegionRows, name: str, level: FloatArray, weights: FloatArray) -> list[RegionDay]:
    gaps = weights @ level
    low, high = np.quantile(gaps, [ALPHA / 2, 1 - ALPHA / 2], axis=0)
    treated = level[rows.treated].mean(axis=0)
    return [
        RegionDay(
            name,
            day_name(day),
            float(treated[place]),
            float(treated[place] - gaps[0, place]),
            float(gaps[0, place]),
            float(low[place]),
            float(high[place]),
        )
        for place, day in enumerate(rows.panel.days)
    ]


def _shares(rows: RegionRows, name: str, weights: FloatArray) -> list[ControlWeight]:
    """Controls by falling weight, those that weigh something."""
    order = np.argsort(weights, kind="stable")
    return [
        ControlWeight(name, rows.panel.regions[place], float(-weights[place]))
        for place in order
        if not rows.treated[place] and -weights[place] >= _SHOWN_WEIGHT
    ]


def _with_holm(effects: Sequence[RegionEffect]) -> list[RegionEffect]:
    family = [place for place, effect in enumerate(effects) if effect.primary and effect.headline]
    adjusted = holm(np.array([effects[place].lift.p_value for place in family]))
    found = list(effects)
    for place, p_value in zip(family, adjusted, strict=True):
        found[place] = replace(effects[place], p_holm=float(p_value))
    return found
