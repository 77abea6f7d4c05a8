"""The whole measurement of an experiment: checks first, then effects, levels, exposure, segments and days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from features.arrays import BoolArray, FloatArray
from training.experiments.attribution import Attributed, attribute
from training.experiments.click_path import ChannelCredit, credit_channels
from training.experiments.cohorts import CohortValue, cohort_values
from training.experiments.config import (
    PREDICTION_FOLDS,
    ContinuousOutcome,
    IncrementalRatioOutcome,
    MeasureConfig,
    Method,
    OutcomeConfig,
    RatioOutcome,
)
from training.experiments.effects import (
    ADJUSTED,
    RATIO,
    ContrastRows,
    arm_level,
    cuped,
    incremental_ratio,
    linearised,
)
from training.experiments.exposure import effect_by_ghosts, effect_on_exposed
from training.experiments.findings import (
    MINIMUM_ROWS,
    ArmLevel,
    Exposure,
    IncrementalRatio,
    Measurement,
    OutcomeEffect,
    SegmentEffect,
)
from training.experiments.funnel import FunnelCell, Reach, funnel_cells, reach
from training.experiments.lift import LiftEstimate
from training.experiments.over_days import DailyEffects, daily_effects
from training.experiments.prediction import predict_out_of_fold
from training.experiments.rows import ExperimentRows
from training.experiments.tier_levels import columns_of, tier_levels
from training.experiments.validity import check_experiment, contrast_rows, require_valid
from training.metrics.intervals import holm


def measure_experiment(rows: ExperimentRows, config: MeasureConfig) -> Measurement:
    """Measure what an experiment changed, if its checks allow.

    Raises:
        GateError: a check failed; there is no result.
        InputError: an arm has fewer than two rows.
    """
    checks = check_experiment(rows, max_contaminated_share=config.max_contaminated_share)
    require_valid(checks, source=rows.source)
    effects: list[OutcomeEffect] = []
    ratios: list[IncrementalRatio] = []
    exposure: list[Exposure] = []
    segments: list[SegmentEffect] = []
    days: list[DailyEffects] = []
    attributed: list[Attributed] = []
    funnel: list[FunnelCell] = []
    channels: list[ChannelCredit] = []
    cohorts: list[CohortValue] = []
    for treated in range(1, len(rows.arms)):
        contrast = _Contrast(rows, treated, config)
        for name in ordered(config):
            outcome = config.outcomes[name]
            if isinstance(outcome, IncrementalRatioOutcome):
                ratios.append(contrast.incremental(name, outcome))
            else:
                effects += contrast.effects(name, outcome)
        exposure += contrast.exposure()
        segments += contrast.segments()
        days += contrast.days()
        attributed += contrast.attributed()
        channels += contrast.channels()
        funnel += contrast.funnel()
        cohorts += contrast.cohorts()
    return Measurement(
        rows=len(rows),
        units=len(rows) if rows.cluster is None else len(np.unique(rows.cluster)),
        arms=rows.arms,
        checks=tuple(checks),
        effects=tuple(with_holm(effects)),
        levels=tuple(_levels(rows, config)),
        ratios=tuple(ratios),
        exposure=tuple(exposure),
        segments=tuple(_with_false_discovery(segments)),
        days=tuple(days),
        attributed=tuple(attributed),
        funnel=tuple(funnel),
        reach=tuple(_reach(rows, config)),
        channels=tuple(channels),
        tiers=tuple(tier_levels(rows, config)),
        cohorts=tuple(cohorts),
    )


def ordered(config: MeasureConfig) -> list[str]:
    """Outcomes, primary ones first."""
    return [*config.primary, *(name for name in config.outcomes if name not in config.primary)]


class _Contrast:
    """One treated arm against the control."""

    def __init__(self, rows: ExperimentRows, treated: int, config: MeasureConfig) -> None:
        self.kept, self.rows = contrast_rows(rows, treated)
        self.all, self.config = rows, config
        self.treated, self.control = rows.arms[treated], rows.arms[0]

    def effects(self, name: str, outcome: OutcomeConfig) -> list[OutcomeEffect]:
        """Every estimate of one outcome: the declared headline first."""
        found = []
        cap = outcome.cap if isinstance(outcome, ContinuousOutcome) else None
        for limit in dict.fromkeys((cap, None)):
            values = self._values(name, outcome, limit)
            if values is None:
                return []  # a ratio with an empty denominator in one arm: its levels say so
            found += self._estimates(name, outcome, values, limit, is_cap=limit == cap)
        return sorted(found, key=lambda effect: not effect.headline)

    def incremental(self, name: str, outcome: IncrementalRatioOutcome) -> IncrementalRatio:
        top, bottom = (
            self.all.numbers[column][self.kept]
            for column in (outcome.numerator, outcome.denominator)
        )
        found = incremental_ratio(top, bottom, self.rows)
        return IncrementalRatio(self.treated, self.control, name, outcome.unit, found)

    def exposure(self) -> list[Exposure]:
        exposed, would_be = self.all.exposed, self.all.would_be_exposed
        values = self._first_primary()
        if (exposed is None and would_be is None) or values is None:
            return []
        on_exposed = by_ghosts = None
        if exposed is not None:
            on_exposed = effect_on_exposed(values, exposed[self.kept], self.rows)
        if would_be is not None:
            arms = (self.control, self.treated)
            by_ghosts = effect_by_ghosts(values, would_be[self.kept], self.rows, arms=arms)
        return [Exposure(self.treated, self.config.primary[0], on_exposed, by_ghosts)]

    def segments(self) -> list[SegmentEffect]:
        values = self._first_primary()
        if values is None:
            return []
        return [
            self._segment(
                name, level, np.array([one == level for one in labels])[self.kept], values
            )
            for name, labels in self.all.segments.items()
            for level in sorted(set(labels))
        ]

    def days(self) -> list[DailyEffects]:
        values = self._first_primary()
        if self.all.day is None or values is None:
            return []
        return [
            daily_effects(
                values,
                self.all.day[self.kept],
                self.rows,
                treated=self.treated,
                outcome=self.config.primary[0],
                planned_rows=self.config.planned_rows,
            )
        ]

    def attributed(self) -> list[Attributed]:
        rule, days = self.config.attribution, self.all.days_to_conversion
        if rule is None or days is None:
            return []
        flags = {
            name: None if column is None else self.all.numbers[column][self.kept] == 1
            for name, column in (("clicked", rule.clicked), ("viewed", rule.viewed))
        }
        return attribute(
            self.rows,
            treated=self.treated,
            converted=self.all.numbers[rule.conversion][self.kept] == 1,
            days=days[self.kept],
            config=rule,
            path=self._click_path(),
            **flags,
        )

    def channels(self) -> list[ChannelCredit]:
        rule = self.config.attribution
        if rule is None or not self.all.click_path:
            return []
        return credit_channels(
            self.rows,
            treated=self.treated,
            converted=self.all.numbers[rule.conversion][self.kept] == 1,
            days=self._click_path(),
            click_days=rule.click_days,
        )

    def _click_path(self) -> dict[str, FloatArray]:
        return {channel: days[self.kept] for channel, days in self.all.click_path.items()}

    def funnel(self) -> list[FunnelCell]:
        values, config, tier = self._first_primary(), self.config.funnel, self.all.tier
        if config is None or tier is None or values is None:
            return []
        counted = None if config.frequency is None else self.all.numbers[config.frequency]
        return funnel_cells(
            values,
            self.rows,
            treated=self.treated,
            outcome=self.config.primary[0],
            tier=np.asarray(tier)[self.kept].tolist(),
            frequency=None if counted is None else counted[self.kept],
            config=config,
        )

    def cohorts(self) -> list[CohortValue]:
        config = self.config.cohorts
        if config is None or self.all.cohort is None:
            return []
        return cohort_values(
            self.rows,
            treated=self.treated,
            cohort=np.asarray(self.all.cohort)[self.kept].tolist(),
            values={days: found[self.kept] for days, found in self.all.cohort_values.items()},
            unit=config.unit,
        )

    def _segment(
        self, name: str, level: str, inside: BoolArray, values: FloatArray
    ) -> SegmentEffect:
        part = self.rows.subset(inside)
        large = min(part.treated.sum(), (~part.treated).sum()) >= MINIMUM_ROWS
        lift = part.lift(values[inside]) if large else None
        return SegmentEffect(
            self.treated, self.control, self.config.primary[0], name, level, int(inside.sum()), lift
        )

    def _first_primary(self) -> FloatArray | None:
        """Values of the first primary outcome as its headline has them, without adjustment."""
        name = self.config.primary[0]
        outcome = self.config.outcomes[name]
        cap = outcome.cap if isinstance(outcome, ContinuousOutcome) else None
        return self._values(name, outcome, cap)

    def _values(self, name: str, outcome: OutcomeConfig, cap: float | None) -> FloatArray | None:
        """A value per row whose arm means are compared; None where a ratio has none in an arm."""
        numbers = self.all.numbers
        if isinstance(outcome, RatioOutcome | IncrementalRatioOutcome):
            return linearised(
                numbers[outcome.numerator][self.kept],
                numbers[outcome.denominator][self.kept],
                self.rows,
            )
        values = numbers[name][self.kept]
        return values if cap is None else np.minimum(values, cap)

    def _estimates(
        self,
        name: str,
        outcome: OutcomeConfig,
        values: FloatArray,
        cap: float | None,
        *,
        is_cap: bool,
    ) -> list[OutcomeEffect]:
        is_ratio = isinstance(outcome, RatioOutcome)
        signed = not is_ratio and bool((values < 0).any())
        column = outcome.denominator if isinstance(outcome, RatioOutcome) else name
        responded = self.all.numbers[column][self.kept] != 0

        def lift(of: FloatArray, *, tail: str = "") -> LiftEstimate:
            found = self.rows.lift(of, signed=signed, responded=responded)
            head = RATIO if is_ratio else ""
            return replace(found, convention=f"{head}{found.convention}{tail}")

        plain = lift(values)
        estimates: list[tuple[Method, LiftEstimate, float]] = [("plain", plain, float("nan"))]
        for method, covariate in self._covariates(name, outcome.kind, values).items():
            adjusted = cuped(values, covariate)
            found = lift(adjusted.values, tail=ADJUSTED)
            estimates.append((method, found, adjusted.correlation))
        methods = [method for method, _, _ in estimates]
        declared = self.config.method if self.config.method in methods else "plain"
        return [
            OutcomeEffect(
                self.treated,
                self.control,
                name,
                outcome.kind,
                getattr(outcome, "unit", ""),
                method,
                cap,
                headline=is_cap and method == declared,
                primary=name in self.config.primary,
                lift=found,
                variance_saved=1 - (found.se / plain.se) ** 2 if plain.se > 0 else 0.0,
                correlation=correlation,
            )
            for method, found, correlation in estimates
        ]

    def _covariates(self, name: str, kind: str, values: FloatArray) -> dict[Method, FloatArray]:
        found: dict[Method, FloatArray] = {}
        if name in self.all.before:
            found["before"] = self.all.before[name][self.kept]
        if self.all.covariates.column_names:
            found["prediction"] = predict_out_of_fold(
                values,
                self.all.covariates.filter(self.kept),
                config=self.config.prediction,
                kind="binary" if kind == "binary" else "continuous",
                groups=self.rows.clusters,
                n_folds=PREDICTION_FOLDS,
                seed=self.config.seed,
                source=self.all.source,
            )
        return found


def _levels(rows: ExperimentRows, config: MeasureConfig) -> list[ArmLevel]:
    found = []
    for name in ordered(config):
        outcome = config.outcomes[name]
        top, bottom = columns_of(rows, name, outcome)
        for position, arm in enumerate(rows.arms):
            inside = rows.arm == position
            everybody = ContrastRows(inside, rows.probability[:, position], rows.cluster)
            level = arm_level(top, bottom, inside, everybody)
            found.append(ArmLevel(arm, name, getattr(outcome, "unit", ""), level))
    return found


def _reach(rows: ExperimentRows, config: MeasureConfig) -> list[Reach]:
    if config.funnel is None or config.funnel.frequency is None:
        return []
    counted = rows.numbers[config.funnel.frequency]
    return [
        reach(name, counted[rows.arm == place], config.funnel.at_least)
        for place, name in enumerate(rows.arms)
    ]


def with_holm(effects: Sequence[OutcomeEffect]) -> list[OutcomeEffect]:
    """The effects, primary headlines with their p-values after Holm's adjustment over all of them."""
    family = [place for place, effect in enumerate(effects) if effect.primary and effect.headline]
    adjusted = holm(np.nan_to_num([effects[place].lift.p_value for place in family], nan=1.0))
    found = list(effects)
    for place, p_value in zip(family, adjusted, strict=True):
        found[place] = replace(effects[place], p_holm=float(p_value))
    return found


def _with_false_discovery(segments: Sequence[SegmentEffect]) -> list[SegmentEffect]:
    family = [place for place, part in enumerate(segments) if part.lift is not None]
    raw = [part.lift.p_value for part in segments if part.lift is not None]
    found = list(segments)
    if family:
        adjusted = stats.false_discovery_control(np.nan_to_num(raw, nan=1.0))
        for place, p_value in zip(family, adjusted, strict=True):
            found[place] = replace(segments[place], p_adjusted=float(p_value))
    return found
