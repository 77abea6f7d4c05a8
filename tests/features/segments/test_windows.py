"""Day ranges: checked when a config is read, exclusive below and inclusive above, one range at most."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.config import validate
from features.errors import ConfigError
from features.histories.histories import MICROSECONDS_PER_DAY
from features.segments.config import Viewers
from features.segments.windows import (
    OUTSIDE,
    STANDARD,
    expiries,
    find_windows,
    span_days,
    window_names,
)

NOW = 1_000 * MICROSECONDS_PER_DAY


def windows_of(ages):
    since = NOW - (np.asarray(ages, float) * MICROSECONDS_PER_DAY).astype(np.int64)
    return find_windows(since, np.full(len(since), NOW), STANDARD)


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        ([[-1, 3]], "the day range [-1, 3] is negative"),
        ([[0, 3], [2, 7]], "the day ranges [0, 3] and [2, 7] overlap"),
        ([[3, 7], [0, 3]], "overlap or fall"),
        ([[3, 3]], "the day range [3, 3] is empty"),
        ([], "at least one day range is needed"),
    ],
)
def test_a_range_that_cannot_be_is_a_config_error(windows, words):
    with pytest.raises(ConfigError) as error:
        validate(Viewers, {"kind": "viewers", "windows": windows}, subject="features.yaml")
    assert words in str(error.value)
    assert "'windows'" in str(error.value)


def test_a_range_excludes_its_lower_end_and_includes_its_upper():
    assert windows_of([0.5, 1, 1.01, 3, 90, 90.01]).tolist() == [0, 0, 1, 1, 5, OUTSIDE]


def test_nobody_is_a_member_in_a_gap_between_ranges_or_without_event():
    since = NOW - np.array([2, 6]) * MICROSECONDS_PER_DAY
    times = np.full(3, NOW)
    found = find_windows(np.append(since, -1), times, ((0, 1), (5, 7)))
    assert found.tolist() == [OUTSIDE, 1, OUTSIDE]


def test_a_membership_ends_when_its_range_does():
    since = np.array([NOW - 2 * MICROSECONDS_PER_DAY])
    window = find_windows(since, np.array([NOW]), STANDARD)
    assert expiries(since, window, STANDARD) == NOW + (3 - 2) * MICROSECONDS_PER_DAY
    assert window_names(STANDARD)[window] == ["1-3"]


@given(st.floats(0.001, 200))
def test_an_age_lies_in_one_range_and_the_member_has_not_expired(age):
    since = np.array([NOW - int(age * MICROSECONDS_PER_DAY)])
    exact = (NOW - since[0]) / MICROSECONDS_PER_DAY
    fitting = [n for n, (low, high) in enumerate(STANDARD) if low < exact <= high]
    window = find_windows(since, np.array([NOW]), STANDARD)
    assert fitting == [n for n in window.tolist() if n != OUTSIDE]
    if fitting:
        assert expiries(since, window, STANDARD)[0] >= NOW
    else:
        assert exact > span_days(STANDARD)
