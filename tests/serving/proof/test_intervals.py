"""Intervals of skewed means, by hand and by how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from serving.proof.intervals import by_unit, difference, skewed_interval


def test_without_skewness_it_is_the_normal_interval():
    influence = np.array([-0.3, 0.3, -0.1, 0.1])
    error = np.sqrt((0.09 + 0.09 + 0.01 + 0.01) * 4 / 3)
    low, high = skewed_interval(2.0, influence)
    assert low == pytest.approx(2 - 1.959964 * error, rel=1e-6)
    assert high == pytest.approx(2 + 1.959964 * error, rel=1e-6)


def test_the_ends_are_where_the_transformed_error_is_a_quantile():
    influence = np.array([0.6, -0.2, -0.2, -0.1, -0.1])
    error = np.sqrt((influence**2).sum() * 5 / 4)
    skewness = (influence**3).sum() / error**3
    for end, quantile in zip(skewed_interval(0.0, influence), (0.975, 0.025), strict=True):
        t = -end / error
        hall = t + skewness / 3 * t**2 + skewness**2 / 27 * t**3 + skewness / 6
        assert hall == pytest.approx(stats.norm.ppf(quantile), abs=1e-9)


def test_no_error_no_width():
    assert skewed_interval(1.5, np.zeros(3)) == (1.5, 1.5)


def test_difference_and_its_influence():
    outcome, treated = (
        np.array([1.0, 3.0, 2.0, 6.0, 1.0]),
        np.array([True, True, False, False, False]),
    )
    value, influence = difference(outcome, treated)
    assert value == 2 - 3
    np.testing.assert_allclose(
        influence, [(1 - 2) / 2, (3 - 2) / 2, -(2 - 3) / 3, -(6 - 3) / 3, -(1 - 3) / 3]
    )
    np.testing.assert_allclose(
        by_unit(influence, np.array([7, 7, 1, 1, 2])), [-2 / 3, 2 / 3, 0], atol=1e-12
    )


def test_coverage_of_rare_and_unequal_orders():
    rng = np.random.default_rng(11)
    sets, held, contacted, chance, spread = 1500, 200, 1000, 0.08, 0.8
    truth = 0.0
    normal = skewed = 0
    treated = np.arange(held + contacted) >= held
    for _ in range(sets):
        order = rng.random(len(treated)) < chance
        outcome = order * np.exp(rng.normal(2.0, spread, len(treated)))
        value, influence = difference(outcome, treated)
        low, high = skewed_interval(value, influence)
        skewed += low <= truth <= high
        half = 1.959964 * np.sqrt((influence**2).sum())
        normal += abs(value - truth) <= half
    assert normal / sets < 0.93
    assert normal < skewed
    assert 0.92 < skewed / sets < 0.97
