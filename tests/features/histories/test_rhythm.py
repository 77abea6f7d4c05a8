"""Recency, last items, decay, sessions, gaps: by hand on ten events, against plain loops, and blind to the future."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.histories.histories import Histories, microseconds
from features.histories.rhythm import decayed_counts, last_items, order_gaps, recency_days, sessions
from features.tables import REVERSALS

ROWS = (
    ("a", 0, "x", None, None, "view"),
    ("a", 0.01, "y", None, None, "view"),
    ("a", 1, "x", None, None, "cart_add"),
    ("a", 2, "x", "t1", 10.0),
    ("a", 2, "y", "t1", 4.0),
    ("a", 5, "x", None, None, "view"),
    ("a", 6, "z", "t2", 8.0),
    ("a", 7, None, None, None, "view"),
    ("a", 8, "z", "t2", None, "refund"),
    ("a", 9, "y", "t3", 2.0),
)
MINUTES_OF_DAY = 24 * 60
NAN = math.nan


def built(make_events, rows, *entries):
    taken = [dict(zip(REVERSALS.schema.names, entry, strict=True)) for entry in entries]
    return Histories.from_events(make_events(*rows), pa.Table.from_pylist(taken, REVERSALS.schema))


@pytest.fixture(scope="module")
def histories(make_events):
    return built(make_events, ROWS, ("e008", "e006", 1.0, 8.0))


def at(histories, day, *days):
    return histories.as_of([0] * len(days), [microseconds(day(d)) for d in days])


def items_of(histories, codes):
    return [[histories.item_ids[i] if i >= 0 else None for i in row] for row in codes.tolist()]


def test_recency_by_hand(histories, day):
    found = recency_days(at(histories, day, 1, 6, 10), events=["purchase", "view"])
    np.testing.assert_allclose(found, [[NAN, 1 - 0.01], [6 - 2, 6 - 5], [10 - 9, 10 - 7]])


def test_last_items_by_hand(histories, day):
    view = at(histories, day, 5, 8)
    assert items_of(histories, last_items(view, events=["view"], n=2)) == [["y", "x"], ["x", "y"]]
    found = last_items(view, events=["purchase", "cart_add"], n=4)
    assert items_of(histories, found) == [["y", "x", "x", None], ["z", "y", "x", "x"]]


def test_decay_by_hand(histories, day):
    found = decayed_counts(at(histories, day, 6), events=["purchase", "view"], half_life_days=2)
    views = 0.5 ** (6 / 2) + 0.5 ** (5.99 / 2) + 0.5 ** (1 / 2)
    np.testing.assert_allclose(found, [[2 * 0.5 ** (4 / 2), views]])


def test_sessions_by_hand(histories, day):
    view = at(histories, day, 0, 0.5, 3)
    found = sessions(view)
    assert found.number.tolist() == [0, 1, 3]
    assert found.last_events.tolist() == [0, 2, 2]
    np.testing.assert_allclose(found.last_minutes, [NAN, 0.01 * MINUTES_OF_DAY, 0])
    whole_days = sessions(
        view, pause_minutes=MINUTES_OF_DAY
    )  # the pause from day 1 to day 2 is as long
    assert whole_days.number.tolist() == [0, 1, 1]
    assert sessions(view, pause_minutes=MINUTES_OF_DAY - 1).number.tolist() == [0, 1, 2]


def test_gaps_by_hand(histories, day):
    found = order_gaps(at(histories, day, 2, 3, 8, 9, 10))
    assert found.orders.tolist() == [0, 1, 2, 1, 2]  # the order of day 6 goes back on day 8
    np.testing.assert_array_equal(found.mean_days, [NAN, NAN, 6 - 2, NAN, 9 - 2])
    assert np.isnan(found.sd_days).all()


def test_the_spread_of_three_gaps(make_events, day):
    rows = [("a", when, "x", None, 1.0) for when in (0, 1, 3, 9)]
    found = order_gaps(at(built(make_events, rows), day, 10))
    assert found.orders.tolist() == [4]
    assert found.mean_days.tolist() == [pytest.approx((1 + 2 + 6) / 3)]
    spread = math.sqrt(((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 2)
    assert found.sd_days.tolist() == [pytest.approx(spread)]


event = st.tuples(
    st.sampled_from("ab"),
    st.integers(0, 24).map(lambda steps: steps / 2),
    st.sampled_from(["x", "y", None]),
    st.sampled_from(["t1", None]),
    st.just(1.0),
    st.sampled_from(["view", "purchase"]),
)
NAMES = ("purchase", "view")


@given(rows=st.lists(event, min_size=1, max_size=25), step=st.integers(0, 26))
def test_plain_loops_agree(make_events, day, rows, step):
    histories = built(make_events, rows)
    moment = step / 2
    view = histories.everyone(day(moment))
    recency = recency_days(view, events=NAMES)
    decayed = decayed_counts(view, events=NAMES, half_life_days=3)
    items = items_of(histories, last_items(view, events=["view"], n=3))
    runs, gaps = sessions(view, pause_minutes=MINUTES_OF_DAY), order_gaps(view)
    for row, person in enumerate(histories.person_ids):
        past = sorted((r for r in rows if r[0] == person and r[1] < moment), key=lambda r: r[1])
        for slot, name in enumerate(NAMES):
            ages = [moment - r[1] for r in past if r[5] == name]
            np.testing.assert_equal(recency[row, slot], min(ages, default=NAN))
            assert decayed[row, slot] == pytest.approx(sum(0.5 ** (age / 3) for age in ages))
        newest = [r[2] for r in past if r[5] == "view" and r[2] is not None][::-1]
        assert items[row] == (newest + [None] * 3)[:3]
        times = [r[1] for r in past]
        starts = [k for k, t in enumerate(times) if k == 0 or t - times[k - 1] > 1]
        assert runs.number[row] == len(starts)
        assert runs.last_events[row] == (len(times) - starts[-1] if starts else 0)
        length = (times[-1] - times[starts[-1]]) * MINUTES_OF_DAY if starts else NAN
        np.testing.assert_allclose(runs.last_minutes[row], length)
        require_gaps(gaps, row, [r for r in past if r[5] == "purchase"])


def require_gaps(gaps, row, bought):
    """Purchases of one transaction that follow each other at one time are one order."""
    orders = [
        now[1]
        for before, now in itertools.pairwise([None, *bought])
        if before is None or now[3] is None or (before[3], before[1]) != (now[3], now[1])
    ]
    days = [two - one for one, two in itertools.pairwise(orders)]
    assert gaps.orders[row] == len(orders)
    np.testing.assert_allclose(gaps.mean_days[row], statistics.mean(days) if days else NAN)
    spread = statistics.stdev(days) if len(days) > 1 else NAN
    np.testing.assert_allclose(gaps.sd_days[row], spread, atol=1e-9)


@given(past=st.lists(event, min_size=1, max_size=12), future=st.lists(event, max_size=8))
def test_events_at_or_after_the_cut_off_change_nothing(make_events, day, past, future):
    cut = 13
    later = [(person, when + cut, *rest) for person, when, *rest in future]
    refund = ("a", cut + 20, "x", "t1", None, "refund")
    alone = built(make_events, past)
    together = built(
        make_events, [*past, *later, refund], (f"e{len(past) + len(later):03d}", "e000", 1.0, 1.0)
    )
    found = []
    for histories in (alone, together):
        rows = histories.person_rows(pa.array(alone.person_ids, pa.string()))
        view = histories.as_of(rows, microseconds(day(cut)))
        found.append(
            [
                recency_days(view, events=NAMES),
                decayed_counts(view, events=NAMES, half_life_days=2),
                np.array(items_of(histories, last_items(view, events=NAMES, n=2)), object),
                *sessions(view),
                *order_gaps(view),
            ]
        )
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
