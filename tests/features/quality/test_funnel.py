"""A stage falls silent where it was usual; orders of people who never looked are counted."""

import numpy as np
import pytest

from features.quality.funnel import FunnelConfig, check_funnel


def days_of(make_event, name, days, *, source="web.csv", person="p1"):
    return [make_event(name, person, day=day + 0.5, source=source) for day in days]


def stages(observed, **changes):
    return check_funnel(observed, FunnelConfig(**changes))[0]


def holes(check):
    return [
        (row["day"], row["source"], row["stage"], row["usual"]) for row in check.details[0].rows
    ]


def test_a_stage_without_events_where_it_is_usual_is_an_alert_with_its_owner(see, make_event):
    rows = days_of(make_event, "view", range(28))
    rows += days_of(make_event, "cart_add", [day for day in range(28) if day not in {10, 20}])
    check = stages(see(rows))
    assert (check.status, check.figure, check.threshold, check.owner) == (
        "alert",
        2,
        0,
        "marketing operations",
    )
    assert holes(check) == [
        ("2026-03-22", "web.csv", "cart", 1.0),
        ("2026-03-12", "web.csv", "cart", 1.0),
    ]
    assert check.words == (
        "no event of cart of web.csv on 2026-03-22 (usually 1 a day), cart of web.csv on 2026-03-12 (usually 1 a day)"
    )
    assert "tag of that stage" in check.next_step


def test_a_stage_that_was_never_usual_may_be_silent(see, make_event):
    # 13 of 28 days: fewer than half, so the median of every whole window is zero
    rows = days_of(make_event, "view", range(28)) + days_of(
        make_event, "checkout", range(14, 27, 2)
    )
    check = stages(see(rows))
    assert (check.status, check.figure) == ("pass", 0)
    assert check.words == "no day without view, checkout where they are usual"


def test_the_source_that_fell_silent_is_named_though_another_goes_on(see, make_event):
    rows = days_of(make_event, "view", range(28), source="app.csv")
    for name in ("view", "cart_add"):
        rows += days_of(make_event, name, range(27), source="web-2026-03-01.csv")
    assert holes(stages(see(rows))) == [
        ("2026-03-29", "web-*.csv", "view", 1.0),
        ("2026-03-29", "web-*.csv", "cart", 1.0),
    ]


def test_daily_files_are_one_source(see, make_event):
    rows = days_of(make_event, "view", range(28))
    rows += [
        make_event("cart_add", day=day, source=f"carts-202603{day + 2:02d}.csv")
        for day in range(28)
        if day != 15
    ]
    assert holes(stages(see(rows))) == [("2026-03-17", "carts-*.csv", "cart", 1.0)]


def test_nothing_is_usual_in_the_first_days_and_no_longer_usual_after_a_long_silence(
    see, make_event
):
    rows = days_of(make_event, "view", range(60)) + days_of(make_event, "cart_add", range(8))
    found = [day for day, *_ in holes(stages(see(rows, 60)))]
    # eight days of eight, then silence: usual until the silent days are more than half of those before
    assert found == [f"2026-03-{day:02d}" for day in range(18, 9, -1)]
    rows = days_of(make_event, "view", range(28)) + days_of(make_event, "cart_add", range(3))
    assert stages(see(rows)).status == "pass"


def test_a_running_day_is_not_judged(see, make_event):
    rows = days_of(make_event, "view", range(28)) + days_of(make_event, "cart_add", range(27))
    assert stages(see(rows, 27.9)).status == "pass"
    assert stages(see(rows, 28.0)).status == "alert"


def test_old_holes_and_sparse_stages_can_be_left_out(see, make_event):
    rows = days_of(make_event, "view", range(28))
    rows += days_of(make_event, "cart_add", [day for day in range(28) if day not in {10, 27}])
    assert [day for day, *_ in holes(stages(see(rows, recent=17)))] == ["2026-03-29"]
    assert len(holes(stages(see(rows, recent=18)))) == 2
    assert stages(see(rows), min_usual=1.0).status == "pass"


def test_more_than_three_are_counted(see, make_event):
    rows = days_of(make_event, "view", range(28)) + days_of(make_event, "cart_add", range(24))
    assert stages(see(rows)).words.endswith("(usually 1 a day) and 1 more")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("purchase", "only conversion events are recorded: there is no funnel to compare"),
        ("page_view", "no event of the funnel is recorded: there is no funnel to compare"),
    ],
)
def test_one_stage_is_no_funnel(see, make_event, name, words):
    check = stages(see(days_of(make_event, name, [*range(10), *range(20, 28)])))
    assert (check.status, check.words, check.figure) == ("not_available", words, None)


def test_counts_per_day_and_source(see, make_event):
    rows = days_of(make_event, "view", [0, 0, 2]) + days_of(make_event, "lead", [0, 2])
    rows += days_of(make_event, "purchase", [2], source="till.csv")
    rows += days_of(make_event, "page_view", [3])
    check = stages(see(rows))
    table = [tuple(row.values()) for row in check.details[1].rows]
    assert table == [
        ("2026-03-05", "web.csv", 0, 0, 0, 0),
        ("2026-03-04", "till.csv", 0, 0, 0, 1),
        ("2026-03-04", "web.csv", 1, 0, 0, 1),
        ("2026-03-02", "web.csv", 2, 0, 0, 1),
    ]
    assert [tuple(point) for point in check.series[:4]] == [
        ("view", "2026-03-02", 2),
        ("view", "2026-03-03", None),
        ("view", "2026-03-04", 1),
        ("view", "2026-03-05", 0),
    ]


@pytest.mark.parametrize("trailing", [7, 8])
def test_silent_days_are_those_with_a_median_above_zero(see, make_event, trailing):
    """The counting rule equals numpy's median, for odd and even windows."""
    rng = np.random.default_rng(4)
    counts = rng.integers(0, 3, 60) * (rng.random(60) < 0.7)
    counts[0] = 1
    rows = days_of(make_event, "view", range(60))
    rows += [r for day, n in enumerate(counts) for r in days_of(make_event, "cart_add", [day] * n)]
    expected = [
        day
        for day in range(7, 60)
        if counts[day] == 0 and np.median(counts[max(0, day - trailing) : day]) > 0
    ]
    check = stages(see(rows, 60), trailing_days=trailing, min_days=7)
    assert len(expected) > 5
    assert check.figure == len(expected)


def orders(observed, **changes):
    return check_funnel(observed, FunnelConfig(**changes))[1]


def test_orders_without_an_earlier_view_are_flagged(see, make_event):
    rows = [
        make_event("view", "p1", day=0),
        make_event("purchase", "p1", day=1, transaction_id="t1"),
        make_event("purchase", "p1", day=1, transaction_id="t1", item_id="2"),
        make_event("purchase", "p2", day=1, transaction_id="t2"),
        make_event("view", "p2", day=2),
        make_event("purchase", "p3", day=1),
        make_event("view", "p3", day=1),
    ]
    check = orders(see(rows))
    assert check.figure == 2 / 3
    assert (check.status, check.owner) == ("warn", "analytics")
    assert check.words == "2 of 3 orders (66.7%) are of a person without any earlier view"
    assert check.details[0].rows == ({"source": "web.csv", "orders": 3, "unseen": 2},)
    assert orders(see(rows), max_without_view=0.7).status == "pass"


@pytest.mark.parametrize(("name", "missing"), [("purchase", "view"), ("view", "purchase")])
def test_without_views_or_orders_there_is_no_share(see, make_event, name, missing):
    check = orders(see([make_event(name)]))
    assert (check.status, check.words) == ("not_available", f"no {missing} event is recorded")
