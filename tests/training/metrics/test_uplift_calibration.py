"""Slope and groups against hand arithmetic, statsmodels, and simulations."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from training.metrics.uplift_calibration import best_linear_predictor, sorted_groups


def sample(seed, n=300, slope=1.0):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n)
    return slope * score + rng.normal(size=n) * (1 + np.abs(score)), score


def test_parity_with_statsmodels_hc3():
    effect, score = sample(0)
    theirs = sm.OLS(effect, sm.add_constant(score - score.mean())).fit(cov_type="HC3")
    ours = best_linear_predictor(effect, score)
    assert (ours.average.value, ours.slope.value) == pytest.approx(tuple(theirs.params))
    # ours has the factor n / (n - 1) of independent units
    assert ours.slope.se == pytest.approx(theirs.bse[1] * np.sqrt(300 / 299))


def test_parity_with_statsmodels_clusters():
    effect, score = sample(1, n=4_000)
    clusters = np.arange(4_000) // 4
    theirs = sm.OLS(effect, sm.add_constant(score)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters}
    )
    ours = best_linear_predictor(effect, score, clusters=clusters)
    assert ours.slope.se == pytest.approx(theirs.bse[1], rel=0.01)


@given(st.floats(0.1, 50), st.floats(-5, 5))
def test_scaling_the_score_divides_the_slope_and_shifting_changes_nothing(factor, shift):
    effect, score = sample(2, n=50)
    one = best_linear_predictor(effect, score).slope
    other = best_linear_predictor(effect, factor * score + shift).slope
    assert (other.value * factor, other.se * factor) == pytest.approx((one.value, one.se), rel=1e-6)


def test_calibrated_exaggerated_and_useless_predictions_are_told_apart():
    effect, score = sample(3, n=20_000)
    good = best_linear_predictor(effect, score)
    assert good.p_slope_is_one > 0.01
    loud = best_linear_predictor(effect, 3 * score)
    assert loud.slope.high < 1
    assert loud.p_slope_is_one < 1e-6
    useless = best_linear_predictor(effect, np.random.default_rng(0).normal(size=20_000))
    assert useless.slope.low < 0 < useless.slope.high


def test_a_constant_prediction_has_no_slope():
    found = best_linear_predictor(np.array([1.0, 2.0, 3.0]), np.full(3, 0.1 + 0.2))
    assert np.isnan(found.slope.value)
    assert np.isnan(found.p_slope_is_one)
    assert found.average.value == 2


def test_groups_by_hand():
    found = sorted_groups(np.array([6.0, 4, 3, 1]), np.array([4.0, 3, 2, 1]), n_groups=2)
    assert [e.value for e in found.effects] == [(6 + 4) / 2, (3 + 1) / 2]
    assert found.predicted == (3.5, 1.5)
    assert found.top_minus_bottom.value == (6 + 4 - 3 - 1) / 2
    assert found.group == (1, 2)


def test_order_of_groups_is_doubted_only_when_wrong():
    rng = np.random.default_rng(5)
    score = rng.random(4_000)
    assert sorted_groups(score + rng.normal(size=4_000), score).p_monotone > 0.05
    hill = np.where(np.abs(score - 0.5) < 0.1, 2.0, 0.0)
    assert sorted_groups(hill + rng.normal(size=4_000), score).p_monotone < 1e-6


def test_one_group_has_no_difference():
    found = sorted_groups(np.array([1.0, 2.0]), np.array([5.0, 5.0]))
    assert len(found.effects) == 1
    assert np.isnan(found.top_minus_bottom.value)
    assert np.isnan(found.p_monotone)


def test_interval_coverage_of_slope_and_groups():
    rng = np.random.default_rng(6)
    slopes, tops = [], []
    for _ in range(2_000):
        score = rng.random(500)
        effect = score + rng.normal(size=500)
        slope = best_linear_predictor(effect, score).slope
        slopes.append(slope.low <= 1 <= slope.high)
        top = sorted_groups(effect, score).top_minus_bottom
        tops.append(top.low <= 0.8 <= top.high)
    margin = 3 * np.sqrt(0.95 * 0.05 / 2_000)
    assert np.mean(slopes) == pytest.approx(0.95, abs=margin)
    assert np.mean(tops) == pytest.approx(0.95, abs=margin)


def test_a_group_where_hardly_anybody_responds_has_no_interval():
    effect, score = np.arange(20.0), np.arange(20.0)
    found = sorted_groups(effect, score, n_groups=2, responded=score >= 15)
    assert np.isfinite(found.effects[0].se)
    assert np.isnan(found.effects[1].se)
    assert np.isfinite(found.top_minus_bottom.se)  # five respond among the rows of both
    assert np.isnan(sorted_groups(effect, score, responded=score >= 16).top_minus_bottom.se)
