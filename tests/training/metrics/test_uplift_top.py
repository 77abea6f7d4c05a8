"""The effect of the best-ranked share against hand arithmetic, exact jackknives, and simulations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.metrics.uplift import mean_effect, toc_curve
from training.metrics.uplift_top import gain_curve, gain_over_random_at, uplift_at

EFFECT = np.array([4.0, 1.0, -1.0, 0.0])
SCORE = np.array([0.9, 0.5, 0.5, 0.1])


def test_by_hand():
    assert uplift_at(EFFECT, SCORE, share=0.25).value == 4
    assert uplift_at(EFFECT, SCORE, share=0.5).value == (4 + (1 - 1) / 2) / 2  # half of each tie
    assert uplift_at(EFFECT, SCORE, share=0.75).value == pytest.approx((4 + 1 - 1) / 3)
    assert gain_over_random_at(EFFECT, SCORE, share=0.5).value == 0.5 * (4 / 2 - 4 / 4)


def test_everybody_is_the_average_effect_with_its_error():
    all_of_them, mean = uplift_at(EFFECT, SCORE, share=1.0), mean_effect(EFFECT)
    assert (all_of_them.value, all_of_them.se) == pytest.approx((mean.value, mean.se))
    assert gain_over_random_at(EFFECT, SCORE, share=1.0).se == pytest.approx(0, abs=1e-15)


def test_the_curve_is_that_of_the_areas():
    rng = np.random.default_rng(0)
    effect, score = rng.normal(size=200), rng.integers(0, 9, 200).astype(float)
    curve = gain_curve(effect, score, n_points=10)
    np.testing.assert_allclose(curve.gain, toc_curve(effect, score, n_points=10).gain)
    assert (curve.low < curve.gain).all()
    assert curve.random[-1] == pytest.approx(effect.mean())


@pytest.mark.parametrize("levels", [7, 10_000], ids=["ties", "no_ties"])
def test_the_band_is_that_of_its_points_with_and_without_clusters(levels):
    rng = np.random.default_rng(6)
    effect, score = rng.normal(1, 1, 300), rng.integers(0, levels, 300).astype(float)
    curve = gain_curve(effect, score, n_points=20)
    points = [uplift_at(effect, score, share=q) for q in curve.share]
    high = curve.share * np.array([point.high for point in points])
    np.testing.assert_allclose(curve.high, high, rtol=1e-10)
    singles = gain_curve(effect, score, n_points=20, clusters=np.arange(300))
    np.testing.assert_allclose(singles.high, curve.high, rtol=1e-10)


@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.35, 0.8]))
def test_row_order_and_increasing_transforms_change_nothing(seed, share):
    rng = np.random.default_rng(seed)
    effect, score = rng.normal(size=30), rng.integers(0, 6, 30).astype(float)
    order = rng.permutation(30)
    one = uplift_at(effect, score, share=share)
    for other in (
        uplift_at(effect[order], score[order], share=share),
        uplift_at(effect, np.exp(score), share=share),
    ):
        assert (other.value, other.se) == pytest.approx((one.value, one.se), abs=1e-12)


def test_the_error_knows_that_the_cut_is_estimated():
    """A steep ranking without noise: all error comes from where the cut falls. Truth: sd over fresh samples."""
    rng = np.random.default_rng(1)
    values, errors = [], []
    for _ in range(2_000):
        score = rng.random(400)
        found = uplift_at(score * 10, score, share=0.3)
        values.append(found.value)
        errors.append(found.se)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.05)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(ValueError, match="above 0 and at most 1 needed"):
        uplift_at(EFFECT, SCORE, share=share)


def test_interval_coverage():
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(2_000):
        score = rng.random(500)
        found = uplift_at(score + rng.normal(size=500), score, share=0.2)
        inside.append(found.low <= 0.9 <= found.high)
    assert np.mean(inside) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 2_000))


def test_a_share_where_hardly_anybody_responds_has_no_interval():
    score, responded = np.arange(100.0), np.arange(100) >= 95  # the five best respond
    effect = np.random.default_rng(7).normal(size=100)
    for figure in (uplift_at, gain_over_random_at):
        given = figure(effect, score, share=0.06, responded=responded)
        assert given == figure(effect, score, share=0.06)
        withheld = figure(effect, score, share=0.04, responded=responded)
        assert withheld.value == figure(effect, score, share=0.04).value
        assert np.isnan([withheld.se, withheld.low, withheld.high, withheld.p_value]).all()
    curve = gain_curve(effect, score, n_points=25, responded=responded)
    np.testing.assert_array_equal(np.isnan(curve.low), curve.share < 0.05)
