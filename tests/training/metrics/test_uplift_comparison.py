"""Paired differences are zero against oneself, cover, and repeats are corrected for shared rows."""

import numpy as np
import pytest

from training.metrics.estimates import Z, estimate
from training.metrics.uplift import mean_effect, qini_area, qini_difference, qini_parts
from training.metrics.uplift_comparison import (
    METRICS,
    measure,
    over_splits,
    paired_difference,
    qini_over_average_effect,
)


def sample(seed=0, n=500):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n)
    return 1 + 0.5 * score + rng.normal(size=n), score, rng.normal(size=n)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_against_itself_nothing_and_exchange_flips(metric):
    effect, score, other = sample()
    same = paired_difference(metric, effect, score, score)
    assert (same.value, same.se) == (0, 0)
    one = paired_difference(metric, effect, score, other)
    back = paired_difference(metric, effect, other, score)
    assert (one.value, one.se) == pytest.approx((-back.value, back.se))
    alone = measure(metric, effect, score).value - measure(metric, effect, other).value
    assert one.value == pytest.approx(alone)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_error_of_a_difference_matches_fresh_samples(metric):
    values, errors = [], []
    for seed in range(600):
        effect, score, noise = sample(seed)
        found = paired_difference(metric, effect, score, score + noise)
        values.append(found.value)
        errors.append(found.se)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.12)


def test_parity_with_the_qini_difference():
    effect, score, other = sample()
    assert paired_difference("qini_per_head", effect, score, other) == qini_difference(
        effect, score, other
    )


def test_the_normalised_twin_is_the_ratio_with_an_interval_of_its_own():
    effect, score, _ = sample()
    found = qini_over_average_effect(effect, score)
    assert found.value == pytest.approx(qini_area(effect, score).value / effect.mean())
    n = len(effect)
    left_out = [
        qini_area(np.delete(effect, i), np.delete(score, i)).value / np.delete(effect, i).mean()
        for i in range(n)
    ]
    jackknife = np.sqrt((n - 1) / n * np.sum((left_out - np.mean(left_out)) ** 2))
    assert found.se == pytest.approx(jackknife, rel=0.02)


def test_the_interval_of_the_normalised_twin_is_fiellers():
    """Its ends are the ratios for which `area - ratio x average` is 1.96 standard errors from 0."""
    effect, score, _ = sample()
    found = qini_over_average_effect(effect, score)
    for end in (found.low, found.high):
        area, influence = qini_parts(effect, score)
        gap = estimate(area - end * effect.mean(), influence - end * (effect - effect.mean()), None)
        assert abs(gap.value) / gap.se == pytest.approx(Z, rel=1e-9)
    assert found.low < found.value < found.high


def test_the_normalised_twin_is_withheld_without_an_average_effect():
    effect, score, _ = sample()
    assert np.isnan(qini_over_average_effect(effect - effect.mean(), score).value)
    assert mean_effect(effect).value > 0


def test_splits_by_hand():
    found = over_splits(np.array([0.1, 0.3, 0.2, 0.2]), test_share=0.5)
    sd = np.sqrt(((0.1 - 0.2) ** 2 + (0.3 - 0.2) ** 2) / 3)
    assert found.mean == pytest.approx(0.2)
    assert found.se == pytest.approx(np.sqrt(1 / 4 + 0.5 / 0.5) * sd)
    assert found.high - found.low == pytest.approx(2 * 3.182446305 * found.se)  # t(3), .975


def test_one_split_has_no_interval():
    only = over_splits(np.array([0.1]), test_share=0.3)
    assert only.mean == 0.1
    assert np.isnan(only.low)
