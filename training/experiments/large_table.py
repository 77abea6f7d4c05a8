"""Experiments that need not fit into memory: one pass over a table gives counts, means and covariances per arm, and they
are enough for means, ratios and CUPED. Aggregation and analysis are tea-tasting's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tea_tasting as tt

from features.errors import ConfigError, InputError, SchemaError
from training.experiments.aggregate_lift import lift_of_aggregates
from training.experiments.checks import SAMPLE_RATIO_ALARM, check_sample_counts
from training.experiments.config import (
    ContinuousOutcome,
    IncrementalRatioOutcome,
    MeasureConfig,
    Method,
    OutcomeConfig,
    RatioOutcome,
)
from training.experiments.data_config import LargeTable
from training.experiments.effects import ADJUSTED, RATIO
from training.experiments.findings import Measurement, OutcomeEffect
from training.experiments.lift import CONFIDENCE, without_interval
from training.experiments.measurement import ordered, with_holm
from training.experiments.one_pass import ROWS, SAME, ArmPass, Columns, read_arms
from training.experiments.validity import Check, ratio_check, require_valid
from training.metrics.estimates import MINIMUM_OUTCOMES, Z

_WELCH: Final = "difference of arm means, unpooled (Welch) SE, normal interval"
_SUMS: Final = "sums over clusters of one arm, unpooled SE of their ratio, normal interval"


@dataclass(frozen=True)
class Asked:
    """One estimate as tea-tasting computes it.

    Attributes:
        name, outcome: what is measured.
        cap: values above it count as it; None = whole values.
        method: "plain", or "before" for CUPED.
        metric: tea-tasting's, over columns of the prepared table.
    """

    name: str
    outcome: OutcomeConfig
    cap: float | None
    method: Method
    metric: tt.RatioOfMeans


def measure_large(
    table: Any, data: LargeTable, config: MeasureConfig, *, source: str
) -> Measurement:
    """Measure an experiment from one pass over its table.

    Args:
        table: Ibis table with the columns that the config names.
        data: the config's `data`.
        config: what is measured.
        source: where the table comes from, for messages.

    Raises:
        ConfigError: an outcome needs the rows.
        SchemaError: a column is missing.
        InputError: an arm has fewer than two units.
        GateError: a check failed; there is no result.
    """
    asked = _asked(config, clustered=data.cluster is not None)
    found = read_arms(table, _columns(table, data, config, source), data.arms, _needs(asked))
    missing = [arm for arm in data.arms if arm not in found or found[arm].aggregates.count() < 2]  # noqa: PLR2004
    if missing:
        raise InputError(
            source,
            f"arm '{missing[0]}' has fewer than 2 units (found: {sorted(found)})",
            rule="an estimate with an interval needs at least 2 per arm",
            next_step="Check 'arm', 'control' and 'treated'.",
        )
    units = {arm: found[arm].aggregates.count() for arm in data.arms}
    assigned = {arm: found[arm].assigned for arm in data.arms}
    checks = [
        ratio_check("sample ratio, assigned", _ratio(assigned, data), "units"),
        ratio_check("sample ratio, analysed", _ratio(units, data), "units"),
        *_one_arm(found, data),
        *_before(found, data, config),
    ]
    require_valid(checks, source=source)
    effects = [
        _effect(found, data, one, treated, config) for treated in data.arms[1:] for one in asked
    ]
    rows = sum(found[arm].rows for arm in data.arms)
    return Measurement(
        rows, sum(units.values()), data.arms, tuple(checks), tuple(with_holm(effects)),
        (), (), (), (), (), (), (), (),
    )  # fmt: skip


def _asked(config: MeasureConfig, *, clustered: bool) -> list[Asked]:
    """Every estimate, the headline of each outcome first."""
    found = []
    for name in ordered(config):
        outcome = config.outcomes[name]
        if isinstance(outcome, IncrementalRatioOutcome):
            raise ConfigError(
                f"outcomes.{name}",
                "is an incremental ratio",
                rule="data of kind large_table measure binary, continuous and ratio outcomes",
                next_step="Leave it out, or use 'kind: flat_table'.",
            )
        cap = outcome.cap if isinstance(outcome, ContinuousOutcome) else None
        methods: list[Method] = ["plain"] if outcome.before is None else ["plain", "before"]
        methods.sort(key=lambda method: method != config.method)
        for limit in dict.fromkeys((cap, None)):
            for method in methods:
                metric = _metric(name, outcome, limit, method, clustered=clustered)
                found.append(Asked(name, outcome, limit, method, metric))
    return found


def _metric(
    name: str, outcome: OutcomeConfig, cap: float | None, method: Method, *, clustered: bool
) -> tt.RatioOfMeans:
    top, below = _column(name, cap), ROWS if clustered else None
    if isinstance(outcome, RatioOutcome):
        top, below = outcome.numerator, outcome.denominator
    before = getattr(outcome, "before", None) if method == "before" else None
    return tt.RatioOfMeans(
        top,
        below,
        before,
        SAME if clustered and before is not None else None,
        equal_var=False,
        use_t=False,
        confidence_level=CONFIDENCE,
    )


def _column(name: str, cap: float | None) -> str:
    return name if cap is None else f"{name}, capped"


def _columns(table: Any, data: LargeTable, config: MeasureConfig, source: str) -> Columns:
    """What is read of the table, if it is there."""
    numbers = list(dict.fromkeys([*config.numbers, *config.before_columns.values()]))
    needed = [data.arm, *numbers, *([data.cluster] if data.cluster else [])]
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise SchemaError(
            source,
            f"column '{missing[0]}' is missing (found: {', '.join(repr(name) for name in table.columns)})",
            rule="the config names it",
            next_step="Correct the config or the file.",
        )
    caps = {
        _column(name, outcome.cap): (name, outcome.cap)
        for name, outcome in config.outcomes.items()
        if isinstance(outcome, ContinuousOutcome) and outcome.cap is not None
    }
    return Columns(data.arm, numbers, caps, data.cluster)


def _needs(asked: list[Asked]) -> Any:
    needs = asked[0].metric.aggr_cols
    for one in asked[1:]:
        needs = needs | one.metric.aggr_cols
    return needs


def _ratio(units: Mapping[str, int], data: LargeTable) -> Any:
    share = np.array([data.probability[arm] for arm in data.arms])
    counts = np.array([units.get(arm, 0) for arm in data.arms])
    return check_sample_counts(counts, counts.sum() * share / share.sum(), arms=data.arms)


def _one_arm(found: Mapping[str, ArmPass], data: LargeTable) -> list[Check]:
    if data.cluster is None:
        return []
    both = sum(arm.in_two_arms for arm in found.values())
    return [
        Check(
            "units in one arm", both == 0, gate=True, p_value=float("nan"),
            found=f"{both:,} clusters are in more than one arm",
        )
    ]  # fmt: skip


def _before(found: Mapping[str, ArmPass], data: LargeTable, config: MeasureConfig) -> list[Check]:
    checks = []
    below = None if data.cluster is None else ROWS
    for outcome, column in config.before_columns.items():
        metric = tt.RatioOfMeans(column, below, equal_var=False, use_t=False)
        for treated in data.arms[1:]:
            result = metric.analyze_aggregates(
                found[data.arms[0]].aggregates, found[treated].aggregates
            )
            checks.append(
                Check(
                    f"period before, {outcome}: {treated} and {data.arms[0]}",
                    not result.pvalue < SAMPLE_RATIO_ALARM,
                    gate=True,
                    p_value=float(result.pvalue),
                    found=f"difference {result.effect_size:.4g} before anything was done (p {result.pvalue:.3g})",
                )
            )
    return checks


def _effect(
    found: Mapping[str, ArmPass],
    data: LargeTable,
    asked: Asked,
    treated: str,
    config: MeasureConfig,
) -> OutcomeEffect:
    arms = (found[data.arms[0]], found[treated])
    control, other = (arm.aggregates for arm in arms)
    convention = _convention(asked, clustered=data.cluster is not None)
    outcome = asked.outcome
    is_ratio = isinstance(outcome, RatioOutcome)
    column = outcome.denominator if isinstance(outcome, RatioOutcome) else asked.name
    signed = not is_ratio and min(arm.least[column] for arm in arms) < 0
    lift = lift_of_aggregates(control, other, asked.metric, convention=convention, signed=signed)
    if min(arm.outcomes[column] for arm in arms) < MINIMUM_OUTCOMES:
        lift = without_interval(lift)
    declared = config.method if getattr(outcome, "before", None) is not None else "plain"
    plain = _metric(asked.name, outcome, asked.cap, "plain", clustered=data.cluster is not None)
    alone = plain.analyze_aggregates(control, other)
    spread = (alone.effect_size_ci_upper - alone.effect_size_ci_lower) / (2 * Z)
    saved = 1 - (lift.se / spread) ** 2 if spread > 0 else 0.0
    cap = outcome.cap if isinstance(outcome, ContinuousOutcome) else None
    return OutcomeEffect(
        treated,
        data.arms[0],
        asked.name,
        outcome.kind,
        getattr(outcome, "unit", ""),
        asked.method,
        asked.cap,
        headline=asked.method == declared and asked.cap == cap,
        primary=asked.name in config.primary,
        lift=lift,
        variance_saved=saved,
        correlation=float("nan") if asked.method == "plain" else float(np.sqrt(max(saved, 0.0))),
    )


def _convention(asked: Asked, *, clustered: bool) -> str:
    head = RATIO if isinstance(asked.outcome, RatioOutcome) else ""
    return f"{head}{_SUMS if clustered else _WELCH}{ADJUSTED if asked.method == 'before' else ''}"
