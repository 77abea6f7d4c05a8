"""Experiments that need not fit into memory: one pass over a table gives counts, means and covariances per arm, and they
are enough for means, ratios and CUPED. Aggregation and analysis are tea-tasting's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import ibis
import numpy as np
import tea_tasting as tt
import tea_tasting.aggr
import tea_tasting.metrics
from scipy import stats

from features.errors import ConfigError, InputError, SchemaError
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
from training.experiments.lift import CONFIDENCE, LiftEstimate
from training.experiments.measurement import ordered, with_holm
from training.experiments.validity import Check, ratio_check, require_valid
from training.metrics.estimates import Z

_ROWS, _SAME = "rows_of_unit", "rows_of_unit_again"
"""Rows summed up in a unit, twice: tea-tasting takes no column for two roles."""
_ARM: Final = "arm_of_unit"
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
    prepared, assigned = _prepared(table, data, config, source)
    found = _aggregates(prepared, asked)
    missing = [arm for arm in data.arms if arm not in found or found[arm].count() < 2]  # noqa: PLR2004
    if missing:
        raise InputError(
            source,
            f"arm '{missing[0]}' has fewer than 2 units (found: {sorted(assigned)})",
            rule="an estimate with an interval needs at least 2 per arm",
            next_step="Check 'arm', 'control' and 'treated'.",
        )
    checks = [
        ratio_check("sample ratio, assigned", _ratio(assigned, data), "units"),
        ratio_check(
            "sample ratio, analysed",
            _ratio({arm: found[arm].count() for arm in data.arms}, data),
            "units",
        ),
        *_one_arm(prepared, data),
        *_before(found, data, config),
    ]
    require_valid(checks, source=source)
    effects = [
        _effect(found, data, one, treated, config) for treated in data.arms[1:] for one in asked
    ]
    units = sum(found[arm].count() for arm in data.arms)
    rows = int(prepared[_ROWS].sum().to_pyarrow().as_py())
    return Measurement(
        rows, units, data.arms, tuple(checks), tuple(with_holm(effects)), (), (), (), (), (), (), (), ()
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
    top, below = _column(name, cap), _ROWS if clustered else None
    if isinstance(outcome, RatioOutcome):
        top, below = outcome.numerator, outcome.denominator
    before = getattr(outcome, "before", None) if method == "before" else None
    return tt.RatioOfMeans(
        top,
        below,
        before,
        _SAME if clustered and before is not None else None,
        equal_var=False,
        use_t=False,
        confidence_level=CONFIDENCE,
    )


def _column(name: str, cap: float | None) -> str:
    return name if cap is None else f"{name}, capped"


def _prepared(
    table: Any, data: LargeTable, config: MeasureConfig, source: str
) -> tuple[Any, dict[str, int]]:
    """Complete rows of the named arms as numbers, summed by cluster; and units per arm before rows were left out."""
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
    named = table.mutate(**{_ARM: table[data.arm].cast("string")})
    named = named.filter(named[_ARM].isin(list(data.arms)))
    unit = named[data.cluster].nunique() if data.cluster else named.count()
    counted = named.group_by(_ARM).aggregate(units=unit).to_pyarrow().to_pylist()
    assigned = {row[_ARM]: int(row["units"]) for row in counted}
    columns = {name: named[name].cast("float64") for name in numbers}
    capped = {
        _column(name, outcome.cap): ibis.least(columns[name], outcome.cap)
        for name, outcome in config.outcomes.items()
        if isinstance(outcome, ContinuousOutcome) and outcome.cap is not None
    }
    keys = [_ARM] if data.cluster is None else [_ARM, data.cluster]
    rows = named.select(
        *keys, **columns, **capped, **dict.fromkeys((_ROWS, _SAME), ibis.literal(1.0))
    )
    # finite: x - x is 0; DuckDB takes isnan() for false where a Parquet file has no NaN among its minima and maxima
    rows = rows.filter([(rows[name] - rows[name]) == 0 for name in numbers])
    if data.cluster is None:
        return rows, assigned
    sums = {name: rows[name].sum() for name in [*columns, *capped, _ROWS, _SAME]}
    return rows.group_by(keys).aggregate(**sums), assigned


def _aggregates(prepared: Any, asked: list[Asked]) -> dict[str, tea_tasting.aggr.Aggregates]:
    needs = asked[0].metric.aggr_cols
    for one in asked[1:]:
        needs = needs | one.metric.aggr_cols
    found: dict[str, tea_tasting.aggr.Aggregates] = tea_tasting.aggr.read_aggregates(
        prepared,
        group_col=_ARM,
        has_count=True,
        mean_cols=needs.mean_cols,
        var_cols=needs.var_cols,
        cov_cols=needs.cov_cols,
    )
    return found


def _ratio(units: Mapping[str, int], data: LargeTable) -> Any:
    share = np.array([data.probability[arm] for arm in data.arms])
    counts = np.array([units.get(arm, 0) for arm in data.arms])
    return check_sample_counts(counts, counts.sum() * share / share.sum(), arms=data.arms)


def _one_arm(prepared: Any, data: LargeTable) -> list[Check]:
    if data.cluster is None:
        return []
    arms = prepared.group_by(data.cluster).aggregate(arms=prepared[_ARM].nunique())
    both = int(arms.filter(arms["arms"] > 1).count().to_pyarrow().as_py())
    return [
        Check(
            "units in one arm", both == 0, gate=True, p_value=float("nan"),
            found=f"{both:,} clusters are in more than one arm",
        )
    ]  # fmt: skip


def _before(
    found: Mapping[str, tea_tasting.aggr.Aggregates], data: LargeTable, config: MeasureConfig
) -> list[Check]:
    checks = []
    below = None if data.cluster is None else _ROWS
    for outcome, column in config.before_columns.items():
        metric = tt.RatioOfMeans(column, below, equal_var=False, use_t=False)
        for treated in data.arms[1:]:
            result = metric.analyze_aggregates(found[data.arms[0]], found[treated])
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
    found: Mapping[str, tea_tasting.aggr.Aggregates],
    data: LargeTable,
    asked: Asked,
    treated: str,
    config: MeasureConfig,
) -> OutcomeEffect:
    control, other = found[data.arms[0]], found[treated]
    convention = _convention(asked, clustered=data.cluster is not None)
    lift = lift_of_aggregates(control, other, asked.metric, convention=convention)
    outcome = asked.outcome
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


def lift_of_aggregates(
    control: tea_tasting.aggr.Aggregates,
    treated: tea_tasting.aggr.Aggregates,
    metric: tt.RatioOfMeans,
    *,
    convention: str,
) -> LiftEstimate:
    """tea-tasting's result on the aggregates of two arms, as a lift.

    Args:
        control: of its units.
        treated: of its units.
        metric: what is compared.
        convention: in words.
    """
    with np.errstate(all="ignore"):
        result = metric.analyze_aggregates(control, treated)
    se = (result.effect_size_ci_upper - result.effect_size_ci_lower) / (2 * Z)
    known = result.control > 0 and result.treatment > 0
    nan = float("nan")
    return LiftEstimate(
        estimand="ITT",
        n_control=control.count(),
        n_treated=treated.count(),
        n_units=control.count() + treated.count(),
        base_mean=float(result.control),
        treated_mean=float(result.treatment),
        effect=float(result.effect_size),
        se=float(se),
        low=float(result.effect_size_ci_lower),
        high=float(result.effect_size_ci_upper),
        p_value=float(2 * stats.norm.sf(abs(result.effect_size) / se)) if se > 0 else nan,
        relative=float(result.rel_effect_size) if known else nan,
        relative_low=float(result.rel_effect_size_ci_lower) if known else nan,
        relative_high=float(result.rel_effect_size_ci_upper) if known else nan,
        convention=convention,
    )


def _convention(asked: Asked, *, clustered: bool) -> str:
    head = RATIO if isinstance(asked.outcome, RatioOutcome) else ""
    return f"{head}{_SUMS if clustered else _WELCH}{ADJUSTED if asked.method == 'before' else ''}"
