"""Segments are named with allowance for their number, and their intervals hold for however bins were put together."""

import numpy as np
import pytest

from training.metrics.uplift import score_bins
from training.metrics.uplift_segments import bound_of_unions, segments


def test_segments_are_named_by_interval_and_expected_outcome():
    rng = np.random.default_rng(3)
    place = np.repeat(np.arange(4), 1_000)
    effect = np.array([0.5, 0.0, 0.0, -0.5])[place] + rng.normal(size=4_000)
    expected = np.array([0.5, 0.9, 0.1, 0.5])[place]
    found = {s.name: s for s in segments(effect, place, expected)}
    assert {name: s.bins for name, s in found.items()} == {
        "persuadable": (1,),
        "sure thing": (2,),
        "lost cause": (3,),
        "harmed": (4,),
    }
    assert found["persuadable"].effect.value == pytest.approx(effect[:1_000].mean())
    assert found["harmed"].share == 0.25


def test_without_any_effect_nobody_is_named_persuadable_or_harmed_more_often_than_said():
    rng = np.random.default_rng(4)
    wrong = 0
    for _ in range(500):
        place = score_bins(rng.random(500), n_bins=5)
        names = {s.name for s in segments(rng.normal(size=500), place, rng.random(500))}
        wrong += bool(names & {"persuadable", "harmed"})
    assert wrong / 500 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 500)


def test_a_bin_where_hardly_anybody_responds_is_not_named_by_its_effect():
    """No row of the first bin responds, so all its scores are alike and its own error is next to nothing."""
    rng = np.random.default_rng(5)
    place = np.repeat(np.arange(2), 200)
    responded = np.arange(400) >= 390
    sign = np.where(np.arange(400) % 2 == 0, 2.0, -2.0)
    effect = np.where(responded, sign, 0.01) + rng.normal(scale=1e-3, size=400)
    expected = np.full(400, 0.1)
    assert segments(effect, place, expected)[0].bins == (1,)
    (only,) = segments(effect, place, expected, responded=responded)
    assert (only.name, only.bins) == ("sure thing", (1, 2))


def test_bound_of_unions_by_hand_and_by_all_unions():
    assert bound_of_unions(1) == pytest.approx(1.96, abs=0.02)
    draws = np.random.default_rng(6).standard_normal((20_000, 4))
    unions = [[k for k in range(4) if mask >> k & 1] for mask in range(1, 16)]
    largest = np.max([np.abs(draws[:, u].sum(axis=1)) / np.sqrt(len(u)) for u in unions], axis=0)
    assert bound_of_unions(4) == pytest.approx(np.quantile(largest, 0.95), abs=0.03)


def test_the_interval_of_a_segment_holds_although_its_bins_were_chosen():
    rng = np.random.default_rng(7)
    place = np.repeat(np.arange(10), 50)
    inside = plain = given = 0
    for _ in range(400):
        effect = 0.2 + rng.normal(size=500)
        for segment in segments(effect, place, np.zeros(500)):
            given += 1
            inside += segment.effect.low <= 0.2 <= segment.effect.high
            plain += abs(segment.effect.value - 0.2) <= 1.96 * segment.effect.se
    assert inside / given > 0.95
    assert plain / given < 0.9
