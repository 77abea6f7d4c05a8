"""Habits as arithmetic, against a plain loop over dicts, and on another clock."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.builders.habits import habit_features


def test_ten_events(ten, twin, at):
    rows = twin.rows_of(ten.histories, ["a"], at(100))
    # eight actions in 90 days: Thu 12:00, Fri 12:00, Wed 06:00 twice, Fri 18:00, Sat 00:00 twice, Sun 12:00
    assert twin.one_row(habit_features(rows)) == pytest.approx(
        {
            "night_share": 2 / 8,
            "morning_share": 2 / 8,
            "afternoon_share": 3 / 8,
            "evening_share": 1 / 8,
            "weekend_share": 3 / 8,
            "modal_hour": 12,
            "modal_weekday": 2,  # Wed, Fri and Sat have two each
            "active_days_90d": 6,
        }
    )


def test_a_shop_five_hours_behind(diary, twin, at):
    rows = [{"person": "a", "day": 1, "name": "view"}]  # Monday 00:00 in UTC
    view = twin.rows_of(diary(rows).histories, ["a"], at(2))
    found = twin.one_row(habit_features(view, utc_offset_hours=-5))
    assert (found["modal_hour"], found["modal_weekday"], found["weekend_share"]) == (19, 6, 1)


@pytest.mark.parametrize("late", [0, 1])
def test_a_window_holds_its_first_moment(diary, twin, at, late):
    rows = [{"person": "a", "day": 1, "name": "view"}]
    view = twin.rows_of(diary(rows).histories, ["a"], at(91) + late)
    assert habit_features(view)["active_days_90d"][0].as_py() == 1 - late


def by_hand(events):
    active = [
        event
        for event in events
        if event["age"] <= 90 and event["name"] not in ("refund", "cancel", "support_case")
    ]
    hours = Counter(int(event["day"] % 1 * 24) for event in active)
    weekdays = Counter(int(event["day"] + 6) % 7 for event in active)
    count = len(active)

    def share(chosen):
        return chosen / count if count else np.nan

    return {
        "night_share": share(sum(hours[hour] for hour in range(6))),
        "morning_share": share(sum(hours[hour] for hour in range(6, 12))),
        "afternoon_share": share(sum(hours[hour] for hour in range(12, 18))),
        "evening_share": share(sum(hours[hour] for hour in range(18, 24))),
        "weekend_share": share(weekdays[5] + weekdays[6]),
        "modal_hour": min(hours, key=lambda hour: (-hours[hour], hour)) if count else np.nan,
        "modal_weekday": min(weekdays, key=lambda day: (-weekdays[day], day)) if count else np.nan,
        "active_days_90d": len({int(event["day"]) for event in active}),
    }


@given(data=st.data())
def test_a_loop_over_dicts_agrees(diary, twin, at, data):
    book = diary(data.draw(twin.events()))
    table = habit_features(twin.rows_of(book.histories, ["a", "b"], at(95)))
    for row, person in enumerate("ab"):
        assert twin.one_row(table, row) == pytest.approx(
            by_hand(book.before(person, 95)), nan_ok=True
        )
