"""Ratios, CUPED and quotients of effects against hand arithmetic, tea-tasting, statsmodels and invariants."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import tea_tasting as tt
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from training.experiments.effects import (
    ContrastRows,
    arm_level,
    cuped,
    incremental_ratio,
    linearised,
)
from training.metrics.estimates import Z


def contrast(treated, clusters=None, probability=0.5):
    treated = np.asarray(treated, bool)
    return ContrastRows(treated, np.full(len(treated), probability), clusters)


def analysed(metric, treated, **columns):
    """tea-tasting's result on the same rows."""
    table = pd.DataFrame({"variant": treated.astype(int), **columns})
    return tt.Experiment(x=metric).analyze(table)["x"]


@pytest.fixture(scope="module")
def shop():
    """Orders and revenue of 3,000 persons, and what they spent before."""
    rng = np.random.default_rng(4)
    n = 3_000
    treated = rng.random(n) < 0.4
    before = rng.gamma(1, 20, n)
    orders = rng.poisson(0.4 + 0.005 * before + 0.1 * treated).astype(float)
    revenue = orders * rng.lognormal(3, 0.6, n)
    return treated, before, orders, revenue


def test_a_ratio_by_hand():
    """Sums 6 / 4 and 10 / 5; L = R + (N - R D) / mean D has the arms' ratios as means."""
    numerator = np.array([4.0, 2, 0, 7, 3, 0])
    denominator = np.array([2.0, 1, 1, 3, 1, 1])
    rows = contrast([0, 0, 0, 1, 1, 1])
    value = linearised(numerator, denominator, rows)
    assert value[:3].mean() == pytest.approx(6 / 4)
    assert value[3:].mean() == pytest.approx(10 / 5)
    assert value[0] == pytest.approx(6 / 4 + (4 - 6 / 4 * 2) / (4 / 3))
    found = rows.lift(value)
    assert found.effect == pytest.approx(10 / 5 - 6 / 4)
    assert np.isnan(found.low)  # three rows an arm tell nothing of their error


@pytest.mark.parametrize(("buyers", "known"), [(4, False), (5, True)])
def test_four_outcomes_in_an_arm_are_too_few_for_an_interval(buyers, known):
    treated = np.arange(400) % 2 == 0
    bought = np.where(treated, np.arange(400) < 100, np.arange(400) < 2 * buyers).astype(float)
    found = contrast(treated).lift(bought)
    assert found.base_mean == buyers / 200
    ends = (found.se, found.low, found.high, found.p_value, found.relative_low, found.relative_high)
    assert np.isfinite(ends).all() == known
    assert np.isnan(ends).all() != known


def test_a_ratio_with_nothing_to_divide_by_is_none():
    rows = contrast([0, 0, 1, 1])
    assert linearised(np.ones(4), np.array([0.0, 0, 1, 1]), rows) is None
    level = arm_level(np.ones(4), np.array([0.0, 0, 1, 1]), ~rows.treated, rows)
    assert np.isnan(level.value)
    assert np.isnan(level.low)


def test_ratio_is_that_of_tea_tasting(shop):
    treated, _, orders, revenue = shop
    rows = contrast(treated, probability=0.4)
    found = rows.lift(linearised(revenue, orders, rows), signed=False)
    metric = tt.RatioOfMeans("revenue", "orders", equal_var=False, use_t=False)
    peer = analysed(metric, treated, revenue=revenue, orders=orders)
    assert found.base_mean == pytest.approx(peer.control, rel=1e-12)
    assert found.effect == pytest.approx(peer.effect_size, rel=1e-10)
    ends = (peer.effect_size_ci_lower, peer.effect_size_ci_upper)
    assert (found.low, found.high) == pytest.approx(ends, rel=1e-9)
    ends = (peer.rel_effect_size_ci_lower, peer.rel_effect_size_ci_upper)
    assert (found.relative_low, found.relative_high) == pytest.approx(ends, rel=1e-9)
    assert found.p_value == pytest.approx(peer.pvalue, rel=1e-8)


def test_cuped_is_that_of_tea_tasting(shop):
    treated, before, _, revenue = shop
    rows = contrast(treated, probability=0.4)
    found = rows.lift(cuped(revenue, before).values, signed=False)
    metric = tt.Mean("revenue", "before", equal_var=False, use_t=False)
    peer = analysed(metric, treated, revenue=revenue, before=before)
    assert found.effect == pytest.approx(peer.effect_size, rel=1e-10)
    ends = (peer.effect_size_ci_lower, peer.effect_size_ci_upper)
    assert (found.low, found.high) == pytest.approx(ends, rel=1e-9)
    assert found.p_value == pytest.approx(peer.pvalue, rel=1e-8)


def test_cuped_is_close_to_regression_on_arm_and_covariate(shop):
    treated, before, _, revenue = shop
    found = contrast(treated, probability=0.4).lift(cuped(revenue, before).values)
    design = sm.add_constant(np.column_stack([treated, before - before.mean()]).astype(float))
    peer = sm.OLS(revenue, design).fit(cov_type="HC1")
    assert found.effect == pytest.approx(peer.params[1], rel=2e-3)
    assert found.se == pytest.approx(peer.bse[1], rel=5e-3)


def test_cuped_saves_the_squared_correlation():
    """Without an effect, Var' = Var (1 - rho^2), exactly over both arms together."""
    rng = np.random.default_rng(1)
    covariate = rng.normal(size=500)
    outcome = 0.6 * covariate + rng.normal(size=500)
    adjusted = cuped(outcome, covariate)
    assert adjusted.correlation == pytest.approx(stats.pearsonr(outcome, covariate).statistic)
    saved = 1 - np.var(adjusted.values) / np.var(outcome)
    assert saved == pytest.approx(adjusted.correlation**2, rel=1e-10)


def test_adjusted_ratio_with_clusters_is_the_regression_of_cluster_robust_statsmodels(shop):
    """Clusters in both arms: the linearised ratio regressed on the arm, sums over clusters."""
    treated, _, orders, revenue = shop
    cluster = np.arange(len(treated)) // 3
    rows = contrast(treated, clusters=cluster, probability=0.4)
    value = linearised(revenue, orders, rows)
    peer = sm.OLS(value, sm.add_constant(treated.astype(float))).fit(
        cov_type="cluster", cov_kwds={"groups": cluster}
    )
    found = rows.lift(value)
    assert found.effect == pytest.approx(peer.params[1], rel=1e-9)
    assert found.se == pytest.approx(peer.bse[1], rel=1e-9)


def test_relative_interval_of_signed_values_is_fiellers():
    """Its ends are the r for which mean1 - r mean0 is exactly 1.96 standard errors from 0."""
    rng = np.random.default_rng(2)
    treated = np.arange(4_000) % 2 == 0
    margin = rng.normal(1 + 0.3 * treated, 5)
    found = contrast(treated).lift(margin)
    mean1, mean0 = margin[treated].mean(), margin[~treated].mean()
    var1, var0 = (margin[arm].var() / arm.sum() for arm in (treated, ~treated))

    def distance(quotient):
        return (mean1 - quotient * mean0) ** 2 - Z**2 * (var1 + quotient**2 * var0)

    low = optimize.brentq(distance, -5, mean1 / mean0)
    high = optimize.brentq(distance, mean1 / mean0, 20)
    assert found.relative == pytest.approx(mean1 / mean0 - 1)
    assert found.relative_low == pytest.approx(low - 1, rel=1e-3)
    assert found.relative_high == pytest.approx(high - 1, rel=1e-3)
    assert "Fieller" in found.convention


def test_incremental_ratio_by_hand():
    """Revenue 3 -> 5 and cost 0 -> 1 per row: 2 won for 1 spent; known cost gives the plain interval."""
    treated = np.array([False] * 4 + [True] * 4)
    revenue = np.array([1.0, 5, 1, 5, 3, 7, 3, 7])
    found = incremental_ratio(revenue, treated.astype(float), contrast(treated))
    assert found.value == pytest.approx((5 - 3) / (1 - 0))
    spread = np.sqrt(4 / 4 + 4 / 4) * np.sqrt(8 / 7)  # mean squares of each arm over its rows
    assert found.low == pytest.approx(2 - Z * spread)
    assert found.high == pytest.approx(2 + Z * spread)


def test_incremental_ratio_is_withheld_where_the_change_below_is_not_told_from_zero():
    rng = np.random.default_rng(0)
    treated = np.arange(200) % 2 == 0
    found = incremental_ratio(rng.normal(size=200), rng.normal(size=200), contrast(treated))
    assert np.isnan(found.low)
    assert np.isnan(found.value)
    nothing = incremental_ratio(rng.normal(size=200), np.zeros(200), contrast(treated))
    assert np.isnan(nothing.value)


@given(st.integers(0, 10_000), st.floats(-50, 50), st.floats(0.1, 50))
def test_cuped_does_not_mind_scale_and_origin_of_its_covariate(seed, origin, scale):
    rng = np.random.default_rng(seed)
    outcome, covariate = rng.normal(size=40), rng.normal(size=40)
    plain, moved = cuped(outcome, covariate), cuped(outcome, origin + scale * covariate)
    np.testing.assert_allclose(moved.values, plain.values, atol=1e-7)


@given(st.integers(0, 10_000))
def test_a_constant_covariate_changes_nothing(seed):
    outcome = np.random.default_rng(seed).normal(size=12)
    found = cuped(outcome, np.full(12, 3.7))
    np.testing.assert_array_equal(found.values, outcome)
    assert (found.theta, found.correlation) == (0.0, 0.0)


@given(st.integers(0, 10_000), st.floats(0.1, 9))
def test_scaling_the_denominator_scales_a_ratio(seed, scale):
    rng = np.random.default_rng(seed)
    treated = np.arange(30) % 2 == 0
    numerator, denominator = rng.gamma(1, 1, 30), 1 + rng.poisson(1, 30).astype(float)
    rows = contrast(treated)
    once = rows.lift(linearised(numerator, denominator, rows))
    scaled = rows.lift(linearised(numerator, scale * denominator, rows))
    assert scaled.effect == pytest.approx(once.effect / scale, abs=1e-9)
    assert scaled.se == pytest.approx(once.se / scale, rel=1e-6)
    assert scaled.relative == pytest.approx(once.relative, abs=1e-9)
