from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import ConfigError
from training.splits import random_by_item, time_splits

AS_OF = datetime(2017, 12, 25, tzinfo=UTC)


@given(st.integers(1, 40), st.integers(1, 8), st.integers(1, 8))
def test_no_window_reaches_what_is_judged_later(horizon_days, test_weeks, validation_weeks):
    splits = time_splits(
        AS_OF, horizon_days=horizon_days, test_weeks=test_weeks, validation_weeks=validation_weeks
    )
    assert (len(splits.test), len(splits.validation)) == (test_weeks, validation_weeks)
    assert splits.horizon == timedelta(days=horizon_days)
    cuts = [*splits.validation, *splits.test]
    assert cuts == sorted(set(cuts))
    assert max(cuts) < AS_OF
    # the last windows end exactly where the next stage starts: nothing overlaps, nothing is wasted
    assert splits.test[-1] + splits.horizon == AS_OF
    assert splits.validation[-1] + splits.horizon == splits.test[0]


@pytest.mark.parametrize("name", ["horizon_days", "test_weeks", "validation_weeks"])
def test_numbers_below_one_are_refused(name):
    numbers = {"horizon_days": 7, "test_weeks": 1, "validation_weeks": 1} | {name: 0}
    with pytest.raises(ConfigError, match=f"{name}: 0; it must be 1 or more"):
        time_splits(AS_OF, **numbers)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ConfigError, match="has no time zone"):
        time_splits(datetime(2017, 1, 1), horizon_days=7, test_weeks=1, validation_weeks=1)  # noqa: DTZ001


def test_a_random_split_keeps_the_share_of_every_item():
    """1, 2, 3, 6 and 8 rows: 3/4 of them are 0.75, 1.5, 2.25, 4.5 and 6, rounded half to even 1, 2, 2, 4, 6."""
    item = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3, 5], [1, 2, 3, 6, 8]))
    chosen = random_by_item(item, train_share=0.75, rng=4)
    assert np.bincount(item[chosen], minlength=6).tolist() == [1, 2, 2, 4, 0, 6]
    np.testing.assert_array_equal(chosen, random_by_item(item, train_share=0.75, rng=4))
    assert not np.array_equal(chosen, random_by_item(item, train_share=0.75, rng=5))


def test_a_random_split_chooses_every_row_equally_often():
    item = np.array([0, 0, 0, 0, 1, 1])
    often = sum(random_by_item(item, train_share=0.5, rng=seed) for seed in range(2_000))
    np.testing.assert_allclose(often / 2_000, 0.5, atol=4 * np.sqrt(0.25 / 2_000))
