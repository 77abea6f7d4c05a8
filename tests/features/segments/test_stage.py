"""The funnel stage is the deepest event in the window."""

from __future__ import annotations

from features.segments.stage import funnel_stage


def test_the_deepest_recent_event_decides(make_histories, day):
    histories = make_histories(
        ("browser", 8, "x", None, 1.0, "view"),
        ("buyer", 7, "x", None, 1.0),
        ("buyer", 9, "x", None, 1.0, "view"),
        ("carter", 8, "x", None, 1.0, "cart_add"),
        ("carter", 9, "x", None, 1.0, "view"),
        ("edge", 5, "x", None, 1.0),
        ("lapsed", 2, "x", None, 1.0),
        ("payer", 9, "x", None, 1.0, "checkout"),
        ("tomorrow", 11, "x", None, 1.0),
    )
    stages = funnel_stage(histories.everyone(day(10)), window_days=5)
    assert dict(zip(histories.person_ids, stages, strict=True)) == {
        "browser": "browse",
        "buyer": "post_purchase",
        "carter": "cart",
        "edge": "post_purchase",
        "lapsed": "lapsed",
        "payer": "checkout",
        "tomorrow": "lapsed",
    }
