"""Segments are named with allowance for their number, and their intervals hold for however bins were put together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    for _ in range(300):
        place = score_bins(rng.random(500), n_bins=5)
        names = {s.name for s in segments(rng.normal(size=500), place, rng.random(500))}
        wrong += bool(names & {"persuadable", "harmed"})
    assert wrong / 300 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


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


def two_values(mean, spread, n=100):
    """Half of the rows at mean - spread, half at mean + spread."""
    return mean + spread * np.where(np.arange(n) % 2 == 0, -1.0, 1.0)


def test_a_bin_that_bonferroni_names_is_not_named_where_the_interval_shown_holds_0():
    """Four bins of 100 rows, 2.6 standard errors above 0: beyond Bonferroni's 2.50, not beyond what holds for all unions."""
    se = np.sqrt(100 / 99) * 1.0 / np.sqrt(100)
    effect = np.concatenate([two_values(2.6 * se, 1.0), *[two_values(0.0, 1.0)] * 3])
    expected = np.repeat([0.9, 0.1, 0.1, 0.1], 100)
    first, rest = segments(effect, np.repeat(np.arange(4), 100), expected)
    assert bound_of_unions(4) > 2.6
    assert (first.name, first.bins, rest.name) == ("sure thing", (1,), "lost cause")
    assert first.effect.low == pytest.approx((2.6 - bound_of_unions(4)) * se)
    assert first.effect.low < 0 < first.effect.high


def test_bins_that_show_nothing_alone_may_show_it_together():
    """Each bin is 2 standard errors above 0; the four of them together 2 x sqrt(4) = 4."""
    se = np.sqrt(100 / 99) * 1.0 / np.sqrt(100)
    effect = np.concatenate([two_values(2 * se, 1.0)] * 4)
    (only,) = segments(effect, np.repeat(np.arange(4), 100), np.full(400, 0.1))
    assert (only.name, only.bins, only.share) == ("persuadable", (1, 2, 3, 4), 1)
    together = np.sqrt(400 / 399) * 1.0 / np.sqrt(400)
    assert only.effect.low == pytest.approx(2 * se - bound_of_unions(4) * together)
    assert only.effect.low > 0


def test_how_bins_differ_is_no_error_of_their_mean():
    """Bins at 10 and 1, each with a standard deviation of 0.5 (1/n): the mean of both has the spread inside the bins only."""
    effect = np.concatenate([two_values(10.0, 0.5), two_values(1.0, 0.5)])
    (both,) = segments(effect, np.repeat(np.arange(2), 100), np.full(200, 0.1))
    assert both.effect.se == pytest.approx(np.sqrt(200 / 199) * 0.5 / np.sqrt(200))
    assert both.effect.high == pytest.approx(5.5 + bound_of_unions(2) * both.effect.se)


@given(
    st.lists(st.floats(-3, 3), min_size=2, max_size=6),
    st.floats(0.01, 20),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_the_name_and_the_interval_shown_agree(means, spread, seed, clustered):
    rng = np.random.default_rng(seed)
    place = np.repeat(np.arange(len(means)), 8)
    effect = np.array(means)[place] + spread * rng.normal(size=len(place))
    clusters = rng.integers(0, 10, len(place)) if clustered else None
    found = segments(effect, place, rng.random(len(place)), clusters=clusters)
    assert sorted(k for part in found for k in part.bins) == list(range(1, len(means) + 1))
    for part in found:
        assert (part.name == "persuadable") == (part.effect.low > 0)
        assert (part.name == "harmed") == (part.effect.high < 0)


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
    for _ in range(250):
        effect = 0.2 + rng.normal(size=500)
        for segment in segments(effect, place, np.zeros(500)):
            given += 1
            inside += segment.effect.low <= 0.2 <= segment.effect.high
            plain += abs(segment.effect.value - 0.2) <= 1.96 * segment.effect.se
    assert inside / given > 0.95
    assert plain / given < 0.9
