"""A lift from counts, means, variances and covariances of two arms, by tea-tasting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tea_tasting as tt
import tea_tasting.aggr
from scipy import stats

from training.experiments.effects import FIELLER
from training.experiments.lift import LiftEstimate
from training.metrics.estimates import Z


def lift_of_aggregates(
    control: tea_tasting.aggr.Aggregates,
    treated: tea_tasting.aggr.Aggregates,
    metric: tt.RatioOfMeans,
    *,
    convention: str,
    signed: bool = False,
) -> LiftEstimate:
    """tea-tasting's result on the aggregates of two arms, as a lift.

    Args:
        control: of its units.
        treated: of its units.
        metric: what is compared.
        convention: in words.
        signed: values may be negative: the relative interval is Fieller's, not the one on the log scale.
    """
    with np.errstate(all="ignore"):
        result = metric.analyze_aggregates(control, treated)
    se = (result.effect_size_ci_upper - result.effect_size_ci_lower) / (2 * Z)
    known = result.control > 0 and result.treatment > 0
    nan = float("nan")
    found = LiftEstimate(
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
    return _by_fieller(found, control, treated, metric) if signed else found


def _by_fieller(
    found: LiftEstimate,
    control: tea_tasting.aggr.Aggregates,
    treated: tea_tasting.aggr.Aggregates,
    metric: tt.RatioOfMeans,
) -> LiftEstimate:
    """The lift with Fieller's relative interval, of two independent means; NaN where the control's mean is not told from 0."""
    base, top = found.base_mean, found.treated_mean
    nan = float("nan")
    theta = _theta(control + treated, metric)
    base_se, top_se = (_mean_se(arm, metric, theta) for arm in (control, treated))
    square = base**2 - (Z * base_se) ** 2
    if not (base > 0 and square > 0):
        return replace(
            found,
            relative=found.effect / base if base > 0 else nan,
            relative_low=nan,
            relative_high=nan,
        )
    reach = np.sqrt(max(0.0, (top * base) ** 2 - square * (top**2 - (Z * top_se) ** 2)))
    return replace(
        found,
        relative=found.effect / base,
        relative_low=float((top * base - reach) / square) - 1,
        relative_high=float((top * base + reach) / square) - 1,
        convention=found.convention + FIELLER,
    )


def _theta(total: tea_tasting.aggr.Aggregates, metric: tt.RatioOfMeans) -> float:
    """CUPED's coefficient over both arms; 0 without a covariate."""
    if metric.numer_covariate is None:
        return 0.0
    known = (metric.numer_covariate, metric.denom_covariate)
    spread = total.ratio_var(*known)
    return (
        float(total.ratio_cov(metric.numer, metric.denom, *known) / spread) if spread > 0 else 0.0
    )


def _mean_se(arm: tea_tasting.aggr.Aggregates, metric: tt.RatioOfMeans, theta: float) -> float:
    variance = arm.ratio_var(metric.numer, metric.denom)
    if metric.numer_covariate is not None:
        known = (metric.numer_covariate, metric.denom_covariate)
        variance += theta**2 * arm.ratio_var(*known)
        variance -= 2 * theta * arm.ratio_cov(metric.numer, metric.denom, *known)
    return float(np.sqrt(max(variance, 0.0) / arm.count()))
