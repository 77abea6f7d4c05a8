"""Habits in periods: by hand, against a slow count, and without the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.histories.histories import microseconds
from training.ranker.periods import PERIOD_FEATURES, period_features

CUT = datetime(2025, 6, 30, tzinfo=UTC)


def _table(make, events, *, cut=CUT):
    """Features of every (person, item) pair of purchases (person, item, days before the cut)."""
    rows = [(person, item, CUT - timedelta(days=days)) for person, item, days in events]
    histories = make(rows)
    n, m = histories.n_persons, histories.n_items
    found = period_features(
        histories.as_of(np.arange(n), microseconds(cut)),
        np.arange(m, dtype=np.int32),
        row=np.repeat(np.arange(n), m),
        item=np.tile(np.arange(m), n),
        n_items=m,
        events=("purchase",),
        period_days=7,
    )
    return histories, found


@pytest.fixture
def make(shop):
    return shop[1]


def test_two_purchases_of_one_period_are_one(make):
    # milk in periods 0 (twice), 1 and 4; bread in period 1; a period ends at the cut-off, its beginning belongs to it
    milk = [("p", "milk", days) for days in (1, 3, 14, 30)]
    _, found = _table(make, [*milk, ("p", "bread", 8)])
    assert found.column_names == [feature.name for feature in PERIOD_FEATURES]
    bread, milk = (
        {name: found[name][row].as_py() for name in found.column_names} for row in (0, 1)
    )
    assert [milk[f"pair_periods_{n}"] for n in (1, 2, 3, 4, 8)] == [1, 2, 2, 2, 3]
    assert (milk["pair_periods"], bread["pair_periods"]) == (3, 1)
    # anything in periods 0, 1 and 4
    assert milk["pair_period_share"] == pytest.approx(3 / 3)
    assert bread["pair_period_share_2"] == pytest.approx(1 / 2)
    assert bread["pair_period_share_1"] == 0
    fade = [2 ** (-age / 3) for age in (0, 1, 4)]
    assert milk["pair_periods_faded_3"] == pytest.approx(sum(fade))
    assert bread["pair_period_share_faded_3"] == pytest.approx(fade[1] / sum(fade))


def test_shares_without_any_period_are_missing(make):
    _, found = _table(make, [("p", "milk", 40), ("q", "milk", 1)])
    assert np.isnan(found["pair_period_share_4"][0].as_py())
    assert found["pair_period_share_8"][0].as_py() == 1


events = st.tuples(
    st.sampled_from("pq"), st.sampled_from("abc"), st.integers(-20, 130).map(lambda n: n / 2)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(events, min_size=1, max_size=30))
def test_counts_are_those_of_a_slow_count_blind_to_the_future(make, drawn):
    histories, found = _table(make, drawn)
    row = 0
    for person in histories.person_ids:
        for item in histories.item_ids:
            # age of at most 7 days: period 0; at the cut-off or later: not there
            held = {
                int(np.ceil(days / 7)) - 1
                for p, i, days in drawn
                if (p, i) == (person, item) and days > 0
            }
            assert found["pair_periods"][row].as_py() == len(held)
            assert found["pair_periods_4"][row].as_py() == len({age for age in held if age < 4})
            faded = sum(2 ** (-age / 8) for age in held)
            assert found["pair_periods_faded_8"][row].as_py() == pytest.approx(faded)
            row += 1
    assert isinstance(found, pa.Table)
