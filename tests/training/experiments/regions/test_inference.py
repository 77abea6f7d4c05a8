"""Placebo p-values by hand; intervals by trying effects one by one; coverage over every assignment a lot can make."""

import numpy as np
import pytest

from training.experiments.regions.contrasts import contrast_weights
from training.experiments.regions.groups import possible_assignments
from training.experiments.regions.inference import Placebos

DIFFERENCE, SYNTHETIC = "difference_in_differences", "synthetic_control"


def placebos(method, before, after, assignments):
    return Placebos.of(contrast_weights(method, before, assignments), after, assignments[0])


def pairs(count):
    group = np.repeat(np.arange(count), 2)
    treated = np.tile([True, False], count)
    return possible_assignments(treated, group, most=2**count, rng=np.random.default_rng(0))


def test_two_pairs_by_hand():
    """Levels 1.2 and 1.3 treated, 1 and 0.9 not: 2.5 / 1.9 - 1. Statistics of the four assignments x 2:
    2.5 - 1.9, 1.9 - 2.5, (1 + 1.3) - (1.2 + 0.9) = 0.2 and -0.2, so two of four are as far from 0.
    """
    after = np.array([1.2, 1.0, 1.3, 0.9])
    found = placebos(DIFFERENCE, np.ones((4, 3)), after, pairs(2)).lift(alpha=0.05)
    assert found.relative == pytest.approx(2.5 / 1.9 - 1)
    assert found.p_value == 2 / 4
    assert (found.low, found.high) == (-1.0, float("inf"))  # nothing is refused by four assignments
    assert found.assignments == 4


def one_lot(regions, treated):
    real = np.arange(regions) < treated
    group = np.zeros(regions, np.int64)
    return possible_assignments(real, group, most=1_000, rng=np.random.default_rng(0))


@pytest.mark.parametrize("assignments", [pairs(7), one_lot(8, 3)], ids=["7 pairs", "3 of 8"])
@pytest.mark.parametrize("method", [DIFFERENCE, SYNTHETIC])
def test_ends_of_the_interval_are_where_the_test_changes_its_mind(method, assignments):
    rng = np.random.default_rng(5)
    regions = assignments.shape[1]
    before = rng.gamma(50, 1 / 50, (regions, 40))
    before /= before.mean(axis=1, keepdims=True)
    test = placebos(method, before, rng.gamma(100, 1 / 100, regions), assignments)
    found = test.lift(alpha=0.05)
    tried = np.linspace(-0.9, 3, 4_000)
    kept = [effect for effect in tried if test.p_value(effect) > 0.05]
    step = tried[1] - tried[0]
    assert found.low == pytest.approx(min(kept), abs=step)
    assert found.high == pytest.approx(max(kept), abs=step)
    assert found.low < found.relative < found.high
    assert test.p_value(found.relative) == 1.0


@pytest.mark.parametrize("method", [DIFFERENCE, SYNTHETIC])
@pytest.mark.parametrize("lift", [0.0, 0.3, -0.2])
def test_over_every_assignment_of_a_lot_the_interval_holds_the_truth_in_95_percent(method, lift):
    """Not drawn but counted: whatever regions do, at most 5 % of the assignments refuse the truth."""
    rng = np.random.default_rng(11)
    every = pairs(6)
    before = rng.gamma(3, 1, (12, 25)) + rng.gamma(2, 3, (12, 1))
    weights = contrast_weights(method, before / before.mean(axis=1, keepdims=True), every)
    untouched = np.exp(rng.standard_t(3, 12) / 4)
    held = []
    for place, treated in enumerate(every):
        real_first = np.roll(weights, -place, axis=0)
        test = Placebos.of(real_first, untouched * (1 + lift * treated), treated)
        found = test.lift(alpha=0.05)
        held.append(found.low <= lift <= found.high)
    assert len(held) == 64
    assert np.mean(held) >= 0.95
    assert np.mean(held) <= 0.97  # and not by being endless: 62 of 64


def test_ten_times_the_outcome_is_the_same_lift():
    before = np.random.default_rng(2).gamma(9, 1 / 9, (12, 30))
    after = np.random.default_rng(3).gamma(9, 1 / 9, 12)
    one, ten = (
        placebos(DIFFERENCE, before, scale * after, pairs(6)).lift(alpha=0.05) for scale in (1, 10)
    )
    assert one.relative == pytest.approx(ten.relative)
    assert (one.low, one.high) == pytest.approx((ten.low, ten.high))
