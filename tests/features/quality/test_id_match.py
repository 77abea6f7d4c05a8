"""The match with the feed as checks: a gate that prints the repair, and the day of a fall."""

import pytest

from features.ingest.item_ids import ItemIdConfig
from features.quality.id_match import IdMatchConfig, check_id_match


def run(observed, items, *, item_ids=None, **changes):
    config = IdMatchConfig(**changes)
    return check_id_match(observed, items, config, item_ids=item_ids or ItemIdConfig())


def test_too_few_known_ids_fail_the_gate_with_the_repair(see, make_event, feed):
    rows = [make_event(item_id=item) for item in ("wc_10", "wc_21", "10", "wc_10", "21", "zz")]
    gate, drift = run(see(rows), feed("10", "21"))
    assert (gate.status, gate.figure, gate.threshold, gate.owner) == (
        "fail",
        2 / 6,
        0.9,
        "merchandising",
    )
    assert gate.words == (
        "2 of 6 item events (33.3%) have an id of the feed; unmatched: 'wc_10' (2), 'wc_21' (1), 'zz' (1)"
    )
    assert gate.next_step == (
        "With this in the config 83.3% match:\nitem_ids:\n  strip_prefix: 'wc_'"
    )
    assert gate.details[0].rows[0] == {"item_id": "wc_10", "events": 2}
    assert [detail.title for detail in gate.details] == [
        "Unmatched ids",
        "Match by event type",
        "Match by source",
    ]
    assert gate.details[1].rows == (
        {"event_name": "view", "events": 6, "matched": 2, "share": 2 / 6},
    )
    assert drift.status == "not_available"
    assert drift.words == "1 days with item events; a usual level needs 7 and one more"


def test_the_least_rate_itself_passes(see, make_event, feed):
    rows = [make_event(item_id=item) for item in ("1", "x")]
    gate, _ = run(see(rows), feed("1"), item_ids=ItemIdConfig(min_match_rate=0.5))
    assert (gate.status, gate.figure) == ("pass", 0.5)


def test_without_a_repair_the_gate_says_what_to_compare(see, make_event, feed):
    gate, _ = run(see([make_event(item_id="x")]), feed("1"))
    assert gate.next_step == "Compare the ids the tag sends with those of the feed."


def test_a_release_that_changes_ids_is_an_alert_with_its_day(see, make_event, feed):
    rows = [
        make_event(day=day + n / 100, item_id="sku-1" if day >= 10 and n % 2 else "1")
        for day in range(14)
        for n in range(40)
        if day != 4
    ]
    gate, drift = run(see(rows), feed("1"), item_ids=ItemIdConfig(min_match_rate=0.5))
    assert gate.status == "pass"
    assert (drift.status, drift.figure, drift.owner) == ("alert", 0.5, "marketing operations")
    assert drift.words == "the match rate fell from 100.0% to 50.0% on 2026-03-12"
    assert "releases of that day" in drift.next_step
    assert drift.details[0].rows == (
        {"from": "2026-03-12", "to": "2026-03-15", "usual_share": 1.0, "share": 0.5},
    )
    observed = see(rows, 20, recent=6)
    assert run(observed, feed("1"), item_ids=ItemIdConfig(min_match_rate=0.5))[1].status == "pass"
    by_day = {point.day: point.value for point in drift.series}
    assert by_day["2026-03-06"] is None
    assert (by_day["2026-03-11"], by_day["2026-03-12"]) == (1.0, 0.5)


def test_a_level_that_holds_passes(see, make_event, feed):
    rows = [make_event(day=day, item_id="1") for day in range(10)]
    gate, drift = run(see(rows), feed("1"))
    assert (gate.status, drift.status, drift.figure) == ("pass", "pass", 0.0)
    assert gate.next_step == drift.next_step == ""


def test_daily_files_are_one_source(see, make_event, feed):
    rows = [make_event(source=f"web-2026-03-{day:02d}.csv") for day in (1, 2, 3)]
    gate, _ = run(see(rows), feed("1"))
    assert [row["source"] for row in gate.details[2].rows] == ["web-*.csv"]


@pytest.mark.parametrize(
    ("item", "items", "words"),
    [("1", False, "there is no feed"), (None, True, "no event carries an item")],
)
def test_without_feed_or_items_nothing_is_claimed(see, make_event, feed, item, items, words):
    observed = see([make_event("page_view", item_id=item)])
    gate, drift = run(observed, feed("1") if items else None)
    assert (gate.status, gate.figure, gate.words) == ("not_available", None, words)
    assert (drift.status, drift.words) == ("not_available", words)
