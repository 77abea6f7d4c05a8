"""A share leaves its usual level: by more than tolerance, by more than chance, seen only from before."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.quality.shifts import Shift, find_shifts


def find(hits, totals, **changes):
    limits = {"periods": 7, "min_periods": 2, "tolerance": 0.05} | changes
    return find_shifts(np.array(hits), np.array(totals), **limits)


def test_a_fall_is_one_run_until_the_level_is_usual():
    # usual 0.9 until the fourth period; its median turns once the low periods are the majority
    assert find([90, 90, 90, 60, 60, 60, 60, 60], [100] * 8) == [
        Shift(first=3, last=6, usual=0.9, share=240 / 400)
    ]


def test_one_odd_period_does_not_move_what_is_usual():
    # the mean of 0.9, 0.1, 0.9, 0.9 is 0.7, their median 0.9
    assert find([90, 10, 90, 90, 70], [100] * 5) == [Shift(4, 4, 0.9, 0.7)]


def test_the_share_of_a_run_is_pooled():
    found = find([900, 900, 60, 10], [1000, 1000, 100, 50])
    assert found == [Shift(2, 3, 0.9, (60 + 10) / (100 + 50))]


def test_a_rise_counts_only_where_it_is_asked_for():
    assert find([50, 50, 90], [100] * 3) == []
    assert find([50, 50, 90], [100] * 3, rises=True) == [Shift(2, 2, 0.5, 0.9)]


def test_chance_is_three_binomial_deviations():
    # usual 0.5 of 100: 3 sqrt(0.25 / 100) = 0.15
    assert find([50, 50, 36], [100] * 3) == []
    assert find([50, 50, 34], [100] * 3) == [Shift(2, 2, 0.5, 0.34)]


def test_a_perfect_level_still_allows_for_one_case():
    # usual 1 of 20: 3 sqrt((1 - 1/20) / 20 / 20) = 0.146
    assert find([20, 20, 18], [20] * 3) == []
    assert find([20, 20, 17], [20] * 3) == [Shift(2, 2, 1.0, 17 / 20)]


def test_an_empty_period_is_a_gap():
    assert find([90, 90, 0, 50], [100, 100, 0, 100]) == [Shift(3, 3, 0.9, 0.5)]
    assert find([90, 0, 50], [100, 0, 100]) == []
    assert find([], []) == []


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=4, max_size=20))
def test_later_periods_change_no_earlier_run(periods):
    totals = [max(pair) for pair in periods]
    hits = [min(pair) for pair in periods]
    whole = find(hits, totals, rises=True)
    before = find(hits[:-1], totals[:-1], rises=True)
    ended = [run for run in before if run.last < len(hits) - 2]
    assert whole[: len(ended)] == ended
