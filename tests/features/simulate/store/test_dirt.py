"""Dirt is planted at its share, in one way per action, and counted."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE
from features.simulate.store.config import DirtConfig
from features.simulate.store.dirt import bots, spoil
from features.simulate.store.files import rows_by_day

DAYS = 60
DIRTY = DirtConfig(duplicates=0.1, late=0.05, malformed=0.02, id_drift=0.2, id_drift_day=40)


def test_shares(actions):
    dirt = spoil(actions, DIRTY, days=DAYS, block=0, seed=1)
    n = len(actions.time)
    day = actions.time // MICROSECONDS_PER_DAY
    can_drift = (actions.item != NO_CODE) & (day >= 40)
    could_be_late = day + 3 < DAYS
    for count, among, share in (
        (dirt.duplicate.sum(), n, 0.1),
        (dirt.malformed.sum(), n, 0.02),
        (dirt.drifted.sum(), can_drift.sum(), 0.2),
        (dirt.late.sum(), could_be_late.sum(), 0.05),
    ):
        assert stats.binomtest(int(count), int(among), share).pvalue > 0.001
    assert dirt.counts()["id_drift"] == dirt.drifted.sum()


def test_an_action_is_spoilt_in_one_way_at_most(actions):
    dirt = spoil(actions, DIRTY, days=DAYS, block=0, seed=1)
    ways = np.stack([dirt.duplicate, dirt.malformed, dirt.drifted, dirt.late])
    assert ways.sum(axis=0).max() == 1


def test_what_is_late_comes_with_a_later_file(actions):
    dirt = spoil(actions, DIRTY, days=DAYS, block=0, seed=1)
    day = actions.time // MICROSECONDS_PER_DAY
    np.testing.assert_array_equal(dirt.delivered - day, np.where(dirt.late, 3, 0))


@given(duplicates=st.floats(0, 1), late=st.floats(0, 1))
def test_every_action_is_delivered_once_and_a_duplicate_twice(actions, duplicates, late):
    share = DirtConfig(duplicates=duplicates, late=late)
    few = actions.begin(500)
    dirt = spoil(few, share, days=DAYS + 1, block=0, seed=1)
    files = rows_by_day(dirt, few.time, days=DAYS + 1)
    times = np.bincount(np.concatenate(files), minlength=500)
    np.testing.assert_array_equal(times, 1 + dirt.duplicate)


def test_a_bot_is_busy_within_one_hour():
    found = bots(DirtConfig(bots=2, bot_views=600), items=50, persons=100, days=DAYS, seed=1)
    assert found.person.tolist() == [100] * 600 + [101] * 600
    for person in (100, 101):
        hours = found.time[found.person == person] // 3_600_000_000
        assert hours.min() == hours.max()
