"""Person features as arithmetic on a history one can read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.builders.person import FEATURES, person_features
from features.histories.histories import microseconds

ROWS = (
    ("a", 0, "x", "t1", 10.0),
    ("a", 80, "x", "t2", 4.0),
    ("a", 80, "y", "t2", 6.0),
    ("a", 95, "x", "t3", 20.0),
    ("a", 96, "z", None, 1.0, "view"),
    ("a", 100, "x", "t4", 1000.0),
    ("b", 99, "x", "t5", None),
)


def features_of(histories, person, moment):
    rows = histories.person_rows(pa.array([person]))
    table = person_features(histories.as_of(rows, microseconds(moment)))
    return {name: table[name][0].as_py() for name in table.column_names}


def test_a_history_with_three_orders(make_histories, day):
    found = features_of(make_histories(*ROWS), "a", day(100))
    assert found == pytest.approx(
        {
            "recency_days": 5,
            "tenure_days": 100,
            "orders_7d": 1,
            "orders_28d": 2,
            "orders_91d": 2,
            "spend_28d": 4 + 6 + 20,
            "spend_91d": 4 + 6 + 20,
            "order_value": 30 / 2,
            "lines_per_order": 3 / 2,
            "gap_days": 95 / 2,
            "gap_ratio": 5 / (95 / 2),
            "spend_trend": 30 / (30 * 28 / 91),
            "distinct_items_91d": 2,
        }
    )


def test_a_window_holds_its_first_moment(make_histories, day):
    rows = [("a", 100 - days, "x", f"t{days}", 2.0) for days in (7, 28)]
    names = ("orders_7d", "orders_28d", "spend_28d")
    at_the_edge = features_of(make_histories(*rows), "a", day(100))
    outside = features_of(make_histories(*rows), "a", day(100 + 1 / 64))
    assert [at_the_edge[name] for name in names] == [1, 2, 2 * 2.0]
    assert [outside[name] for name in names] == [0, 1, 2.0]


def test_the_longest_window_holds_its_first_moment(make_histories, day):
    histories = make_histories(("a", 9, "x", "t1", 2.0), ("a", 9, "y", "t1", 2.0))
    at_the_edge = features_of(histories, "a", day(9 + 91))
    outside = features_of(histories, "a", day(9 + 91 + 1 / 64))
    names = ("orders_91d", "spend_91d", "lines_per_order", "distinct_items_91d")
    assert [at_the_edge[name] for name in names] == [1, 4, 2, 2]
    assert [outside[name] for name in names] == [0, 0, pytest.approx(np.nan, nan_ok=True), 0]


def test_one_order_of_unknown_value(make_histories, day):
    found = features_of(make_histories(*ROWS), "b", day(100))
    missing = {name for name, value in found.items() if np.isnan(value)}
    assert missing == {"gap_days", "gap_ratio", "spend_trend"}
    assert (found["spend_28d"], found["order_value"]) == (0, 0)


def test_no_history_is_zero_or_missing_as_documented(make_histories, day):
    found = features_of(make_histories(*ROWS), "nobody", day(100))
    never_missing = {feature.name for feature in FEATURES if feature.missing == "never"}
    assert {name for name, value in found.items() if not np.isnan(value)} == never_missing
    assert all(found[name] == 0 for name in never_missing)


event = st.tuples(
    st.sampled_from("ab"),
    st.integers(0, 400).map(lambda hours: hours / 4),
    st.sampled_from("xyz"),
    st.sampled_from(["t1", "t2", None]),
    st.floats(0, 9),
)


@given(past=st.lists(event, min_size=1, max_size=15), future=st.lists(event, max_size=8))
def test_future_and_other_persons_change_no_feature(make_histories, day, past, future):
    cut = 100.25
    later = [(person, when + cut, *rest) for person, when, *rest in future]
    mine = [row for row in past if row[0] == past[0][0]]
    alone = features_of(make_histories(*mine), past[0][0], day(cut))
    together = features_of(make_histories(*past, *later), past[0][0], day(cut))
    assert alone == pytest.approx(together, nan_ok=True)


def by_hand(events, orders):
    bought = [event for event in events if event["name"] == "purchase"]
    ages = orders(bought)  # oldest first
    long = [event for event in bought if event["age"] <= 91]
    spend = {days: sum(e["money"] for e in bought if e["age"] <= days) for days in (28, 91)}
    count = {days: sum(age <= days for age in ages) for days in (7, 28, 91)}
    gap = (ages[0] - ages[-1]) / (len(ages) - 1) if len(ages) > 1 else np.nan
    recency = ages[-1] if ages else np.nan
    return {
        "recency_days": recency,
        "tenure_days": ages[0] if ages else np.nan,
        **{f"orders_{days}d": count[days] for days in (7, 28, 91)},
        **{f"spend_{days}d": spend[days] for days in (28, 91)},
        "order_value": spend[91] / count[91] if count[91] else np.nan,
        "lines_per_order": len(long) / count[91] if count[91] else np.nan,
        "gap_days": gap,
        "gap_ratio": recency / gap if gap > 0 else np.nan,
        "spend_trend": spend[28] / (spend[91] * 28 / 91) if spend[91] else np.nan,
        "distinct_items_91d": len({event["item"] for event in long} - {None}),
    }


@given(data=st.data())
def test_a_loop_over_dicts_agrees(diary, twin, at, data):
    book = diary(data.draw(twin.events()))
    table = person_features(twin.rows_of(book.histories, ["a", "b"], at(95)))
    for row, person in enumerate("ab"):
        expected = by_hand(book.before(person, 95), twin.orders)
        assert twin.one_row(table, row) == pytest.approx(expected, nan_ok=True)
