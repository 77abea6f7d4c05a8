"""What a check looks at: nothing of the future, and the daily files of one source as one."""

import numpy as np
import pytest

from features.quality.observed import day_number, iso_day, mondays, to_series, undated


def test_later_events_are_counted_and_not_looked_at(see, make_event):
    seen = see([make_event(day=day) for day in (0, 1.999, 2, 3)], days=2)
    assert (seen.events.num_rows, seen.later) == (2, 2)
    assert [iso_day(day) for day in seen.events["day"].to_pylist()] == ["2026-03-02", "2026-03-03"]
    assert seen.events["hour"].to_pylist()[1] - seen.events["hour"].to_pylist()[0] == 47


@pytest.mark.parametrize(("days", "last"), [(2, "2026-03-03"), (2.5, "2026-03-03")])
def test_a_day_that_is_still_running_is_not_whole(see, make_event, days, last):
    assert iso_day(see([make_event()], days=days).last_day) == last


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("web-2026-03-01.csv", "web-*.csv"),
        ("events_20260301_0003.jsonl", "events_*_*.jsonl"),
        ("web.2026_03.csv", "web.*.csv"),
        ("shop2.csv", "shop2.csv"),
        ("ga4", "ga4"),
    ],
)
def test_dates_do_not_make_a_source(source, name):
    assert undated(source) == name


def test_a_week_starts_on_monday():
    days = np.array([day_number(f"2026-03-{day:02d}") for day in (1, 2, 8, 9)])
    assert [iso_day(day) for day in mondays(days)] == [
        "2026-02-23",
        "2026-03-02",
        "2026-03-02",
        "2026-03-09",
    ]


def test_a_day_without_value_is_a_gap():
    assert [tuple(point) for point in to_series("x", {3: 0.5, 5: 0.0})] == [
        ("x", "1970-01-04", 0.5),
        ("x", "1970-01-05", None),
        ("x", "1970-01-06", 0.0),
    ]
    assert to_series("x", {}) == ()


def test_one_stray_day_long_ago_does_not_make_a_long_series():
    points = to_series("x", {-(10**6): 1.0, 10: 1.0})
    assert (len(points), points[-1].day) == (400, "1970-01-11")
    weekly = to_series("x", {-(7 * 10**5): 1.0, 7: 1.0}, step=7)
    assert (len(weekly), weekly[-1].day, weekly[0].day) == (58, "1970-01-08", "1968-12-05")
