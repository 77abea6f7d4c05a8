from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from training.metrics.intervals import holm, resample_persons


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def _clustered(rng, *, persons, cutoffs, columns, effect=0.0):
    """Values that share a person's own level, a third of them missing; true mean = effect."""
    level = rng.normal(size=(persons, 1, columns))
    values = effect + level + rng.normal(size=(persons, cutoffs, columns))
    return np.where(rng.random(values.shape) < 1 / 3, np.nan, values)


def test_intervals_cover_the_truth_as_often_as_they_say(rng):
    """2,000 simulations, one per column; the draws of persons do not depend on the values."""
    values = _clustered(rng, persons=150, cutoffs=4, columns=2_000)
    result = resample_persons(values, replicates=999, rng=1, level=0.9)
    ends = [result.interval(column) for column in range(2_000)]
    covered = np.mean([one.low <= 0 <= one.high for one in ends])
    error = np.sqrt(0.9 * 0.1 / 2_000)
    assert abs(covered - 0.9) <= 3 * error


def test_rows_resampled_alone_would_be_too_sure(rng):
    """Why persons are the unit: the same values, every row taken as a person of its own."""
    values = _clustered(rng, persons=150, cutoffs=4, columns=500)
    alone = resample_persons(values.reshape(600, 1, 500), replicates=500, rng=1, level=0.9)
    covered = np.mean([alone.interval(c).low <= 0 <= alone.interval(c).high for c in range(500)])
    assert covered < 0.8


def test_p_values_of_no_difference_are_uniform(rng):
    values = _clustered(rng, persons=150, cutoffs=3, columns=1_000)
    base = np.where(np.isnan(values), np.nan, 0.0)
    joined = np.concatenate([base, values], axis=2)
    result = resample_persons(joined, replicates=999, rng=2)
    p = [result.difference(1_000 + column, baseline=column).p_value for column in range(1_000)]
    for level in (0.05, 0.2, 0.5):
        assert abs(np.mean(np.array(p) <= level) - level) <= 4 * np.sqrt(
            level * (1 - level) / 1_000
        )


def test_mean_and_interval_agree_with_scipy(rng):
    values = rng.gamma(2.0, size=(300, 1, 1))
    result = resample_persons(values, replicates=4_000, rng=3).interval(0)
    peer = stats.bootstrap(
        (values[:, 0, 0],), np.mean, method="percentile", n_resamples=4_000, rng=4
    ).confidence_interval
    assert result.estimate == pytest.approx(values.mean())
    assert result.persons == 300
    width = peer.high - peer.low
    assert result.low == pytest.approx(peer.low, abs=0.06 * width)
    assert result.high == pytest.approx(peer.high, abs=0.06 * width)


def test_the_mean_pools_person_cutoff_pairs():
    values = np.array([[[1.0], [0.0]], [[4.0], [np.nan]], [[np.nan], [np.nan]]])
    interval = resample_persons(values, replicates=100, rng=0).interval(0)
    assert interval.estimate == (1 + 0 + 4) / 3
    assert interval.persons == 2


def test_paired_differences_use_the_same_draws(rng):
    """Two columns a constant apart differ by exactly that in every draw."""
    values = rng.normal(size=(50, 2, 1))
    result = resample_persons(np.concatenate([values, values + 2], axis=2), replicates=200, rng=0)
    found = result.difference(1, baseline=0)
    assert [found.estimate, found.low, found.high] == pytest.approx([2, 2, 2])
    assert found.p_value == pytest.approx(2 / 201)
    assert result.difference(0, baseline=0).p_value == 1


def test_one_seed_one_result_whatever_the_block(rng, monkeypatch):
    values = rng.normal(size=(40, 2, 3))
    first = resample_persons(values, replicates=50, rng=7)
    monkeypatch.setattr("training.metrics.intervals._CELLS_AT_ONCE", 120)
    again = resample_persons(values, replicates=50, rng=7)
    np.testing.assert_allclose(again.replicates, first.replicates, rtol=1e-12)
    other = resample_persons(values, replicates=50, rng=8)
    assert not np.array_equal(other.replicates, first.replicates)


def test_nothing_evaluated_is_not_a_number():
    values = np.full((3, 2, 2), np.nan)
    values[:, :, 0] = 1.0
    result = resample_persons(values, replicates=10, rng=0)
    assert result.interval(0).low == 1
    assert np.isnan([result.interval(1).estimate, result.interval(1).low]).all()
    assert np.isnan(result.difference(1, baseline=0).p_value)
    empty = resample_persons(values[:, :, 1:], replicates=10, rng=0)
    assert np.isnan(empty.interval(0).high)


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_holm_agrees_with_statsmodels(rng, size):
    p_values = np.append(rng.random(size) ** 3, [0.01, 0.01])  # with a tie
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(holm(p_values), expected, atol=1e-12)


def test_holm_of_nothing_is_nothing():
    assert holm(np.array([])).tolist() == []


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="values have 2 dimensions"):
        resample_persons(np.ones((2, 2)), replicates=10, rng=0)
    with pytest.raises(ValueError, match="replicates is 0"):
        resample_persons(np.ones((2, 2, 1)), replicates=0, rng=0)
