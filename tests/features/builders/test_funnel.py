"""Funnel counts as arithmetic, against a plain loop over dicts, and at the edge of a window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.builders.funnel import FUNNEL_FEATURES, STAGES, funnel_features

DAYS = (1, 3, 7, 14, 30, 90)


def spread(prefix, values):
    return {f"{prefix}_{days}d": value for days, value in zip(DAYS, values, strict=True)}


def test_ten_events(ten, twin, at):
    rows = twin.rows_of(ten.histories, ["a"], at(100))
    assert twin.one_row(funnel_features(rows)) == pytest.approx(
        {
            **spread("view", (0, 0, 0, 0, 2, 2)),
            **spread("cart_add", (0, 0, 0, 0, 1, 1)),
            **spread("checkout", (0, 0, 0, 0, 1, 1)),
            **spread("purchase", (0, 1, 1, 3, 3, 3)),
            **spread("view_value", (0, 0, 0, 0, 10, 10)),
            **spread("cart_add_value", (0, 0, 0, 0, 20, 20)),
            **spread("checkout_value", (0, 0, 0, 0, 0, 0)),
            **spread("purchase_value", (0, 12, 12, *3 * [12 + 90 + 6])),
            "view_days": 100 - 80.25,
            "cart_add_days": 100 - 80.25,
            "checkout_days": 100 - 82.75,
            "purchase_days": 100 - 98.5,
            "view_trend": 0 / (2 * 7 / 30),
            "cart_add_trend": 0.0,
            "checkout_trend": 0.0,
            "purchase_trend": 1 / (3 * 7 / 30),
            "event_days": 100 - 98.5,
        }
    )


@pytest.mark.parametrize("days", DAYS)
def test_a_window_holds_its_first_moment(diary, twin, at, days):
    histories = diary([{"person": "a", "day": 1, "name": "view", "value": 2.0}]).histories
    inside = twin.one_row(funnel_features(twin.rows_of(histories, ["a"], at(1 + days))))
    outside = twin.one_row(funnel_features(twin.rows_of(histories, ["a"], at(1 + days) + 1)))
    names = (f"view_{days}d", f"view_value_{days}d")
    assert [inside[name] for name in names] == [1, 2]
    assert [outside[name] for name in names] == [0, 0]


def test_recency_looks_past_the_longest_window(diary, twin, at):
    rows = [
        {"person": "a", "day": 0, "name": "view"},
        {"person": "a", "day": 1, "name": "checkout"},
    ]
    found = twin.one_row(funnel_features(twin.rows_of(diary(rows).histories, ["a"], at(200))))
    assert (found["view_days"], found["checkout_days"], found["view_90d"]) == (200, 199, 0)
    assert np.isnan(found["purchase_days"])


def test_nobody_has_nothing(ten, twin, at):
    found = twin.one_row(funnel_features(twin.rows_of(ten.histories, ["nobody"], at(100))))
    never = {feature.name for feature in FUNNEL_FEATURES if feature.missing == "never"}
    assert {name for name, value in found.items() if not np.isnan(value)} == never
    assert all(found[name] == 0 for name in never)


def by_hand(events):
    found = {}
    for stage in STAGES:
        mine = [event for event in events if event["name"] == stage]
        for days in DAYS:
            recent = [event for event in mine if event["age"] <= days]
            found[f"{stage}_{days}d"] = len(recent)
            found[f"{stage}_value_{days}d"] = sum(event["money"] for event in recent)
        found[f"{stage}_days"] = min((event["age"] for event in mine), default=np.nan)
        month = found[f"{stage}_30d"]
        found[f"{stage}_trend"] = found[f"{stage}_7d"] / (month * 7 / 30) if month else np.nan
    found["event_days"] = min((event["age"] for event in events), default=np.nan)
    return found


@given(data=st.data())
def test_a_loop_over_dicts_agrees(diary, twin, at, data):
    book = diary(data.draw(twin.events()))
    table = funnel_features(twin.rows_of(book.histories, ["a", "b"], at(90.25)))
    for row, person in enumerate("ab"):
        assert twin.one_row(table, row) == pytest.approx(
            by_hand(book.before(person, 90.25)), nan_ok=True
        )
