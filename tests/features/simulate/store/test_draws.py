"""Draws have the distributions they are named after, and the generator is the published one."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from scipy import stats

from features.simulate.store import draws


@numba.njit
def _many(kind, mean, n):
    state = np.empty(1, np.uint64)
    draws.start(state, 5, 11)
    values = np.empty(n)
    for place in range(n):
        if kind == 0:
            values[place] = draws.uniform(state)
        elif kind == 1:
            values[place] = draws.exponential(state, mean)
        elif kind == 2:
            values[place] = draws.poisson(state, mean)
        else:
            values[place] = draws.geometric(state, mean)
    return values


def test_generator_is_split_mix_64():
    state = np.zeros(1, np.uint64)
    found = [int(draws._next(state)) & (2**64 - 1) for _ in range(3)]
    assert found == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_uniform_is_uniform():
    assert stats.kstest(_many(0, 0.0, 20_000), "uniform").pvalue > 0.001


def test_exponential_is_exponential():
    assert stats.kstest(_many(1, 3.0, 20_000), "expon", args=(0, 3.0)).pvalue > 0.001


@pytest.mark.parametrize("mean", [0.02, 0.5, 3.0])
def test_poisson_is_poisson(mean):
    found = np.bincount(_many(2, mean, 20_000).astype(int), minlength=12)
    kept = max(int(np.sum(20_000 * stats.poisson.pmf(np.arange(12), mean) > 5)), 2)
    expected = 20_000 * stats.poisson.pmf(np.arange(kept - 1), mean)
    observed = np.append(found[: kept - 1], found[kept - 1 :].sum())
    expected = np.append(expected, 20_000 - expected.sum())
    assert stats.chisquare(observed, expected).pvalue > 0.001


@pytest.mark.parametrize("mean", [1.0, 1.5, 4.0])
def test_geometric_begins_at_one_and_has_its_mean(mean):
    values = _many(3, mean, 20_000)
    assert values.min() == 1
    sd = np.sqrt((mean - 1) * mean)
    assert abs(values.mean() - mean) <= 4 * sd / np.sqrt(20_000)


def test_streams_of_persons_differ():
    first, second = np.empty(1, np.uint64), np.empty(1, np.uint64)
    draws.start(first, 5, 1)
    draws.start(second, 5, 2)
    assert draws.uniform(first) != draws.uniform(second)
