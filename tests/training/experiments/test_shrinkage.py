"""Shrinkage by hand, beside statsmodels' meta-analysis, and over worlds of effects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects

from training.experiments.shrinkage import between_variance, shrink


def test_by_hand():
    """Effects 0, 1, 2, 5 with variance 0.5: mean 2, squares 4 + 1 + 0 + 9 = 14 = 3 (t + 0.5); B = 1/3 0.5 / (14 / 3)."""
    effect, noise = np.array([0.0, 1, 2, 5]), np.full(4, 0.5)
    assert between_variance(effect, noise) == pytest.approx(14 / 3 - 0.5)
    pull = 1 / 3 * 0.5 / (14 / 3)
    found = shrink(effect, noise)
    assert found.effect == pytest.approx(effect + pull * (2 - effect))
    unsure = 2 / 1 * pull**2 * (0.5 + 14 / 3 - 0.5) / (14 / 3)
    assert found.se**2 == pytest.approx(0.5 * (1 - 3 / 4 * pull) + unsure * np.array([4, 1, 0, 9]))


def test_effects_that_differ_less_than_noise_makes_them_have_no_spread():
    assert between_variance(np.array([1.0, 1.1]), np.full(2, 0.5)) == 0.0


def test_three_effects_tell_nothing_of_their_spread():
    found = shrink(np.array([0.0, 1, 9]), np.array([0.01, 0.04, 0.09]))
    assert found.effect.tolist() == [0.0, 1, 9]
    assert found.se == pytest.approx([0.1, 0.2, 0.3])


@settings(max_examples=25)
@given(st.integers(0, 999), st.integers(2, 12))
def test_the_spread_is_that_of_statsmodels(seed, count):
    rng = np.random.default_rng(seed)
    noise = rng.gamma(1, 1, count) + 0.01
    effect = rng.normal(0, 2, count)
    peer = combine_effects(effect, noise, method_re="iterated").tau2
    assert between_variance(effect, noise) == pytest.approx(max(peer, 0.0), rel=1e-3, abs=1e-4)


@given(st.integers(0, 999))
def test_every_effect_stays_between_itself_and_the_others(seed):
    rng = np.random.default_rng(seed)
    effect, noise = rng.normal(size=6), rng.gamma(1, 1, 6) + 0.01
    found = shrink(effect, noise).effect
    assert found.min() >= effect.min()
    assert found.max() <= effect.max()


@pytest.mark.parametrize("outlier", [False, True])
def test_on_average_over_effects_intervals_hold_the_truth(outlier):
    """Six effects measured unevenly; one may lie far outside, and its interval is not given up for that of the others."""
    rng = np.random.default_rng(4)
    held = []
    noise = np.array([0.1, 0.2, 0.3, 0.5, 0.8, 1.0])
    for _ in range(1_500):
        true = rng.normal(0, 0.7, 6)
        if outlier:
            true[5] = -4.0
        found = shrink(true + rng.normal(0, np.sqrt(noise)), noise)
        held.append(np.abs(found.effect - true) <= 1.96 * found.se)
    share = np.mean(held, axis=0)
    assert share.mean() == pytest.approx(0.95, abs=0.015)
    assert share[5] > 0.85  # 88 % for the outlier itself
