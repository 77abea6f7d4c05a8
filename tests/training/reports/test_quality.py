"""The quality section: the worst first, nothing hostile gets out of its cell, gaps stay gaps."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from features.quality.check import Detail, Point, QualityCheck, QualityReport, not_available
from training.reports.page import UNKNOWN, render_page
from training.reports.quality import ROWS, quality_facts

HOSTILE = '<script>alert("1")</script>'


def report(*checks):
    moment = datetime(2026, 3, 9, tzinfo=UTC)
    written = json.dumps(QualityReport(moment, 1234, 5, checks).as_json(), sort_keys=True)
    return json.loads(written)  # as from its file


def check(name="item_id_match", status="pass", **changes):
    facts = {"words": "half match", "figure": 0.5, "threshold": 0.9} | changes
    return QualityCheck(name, "merchandising", status, **facts)


def unmatched(n, *, item="id-{}"):
    rows = tuple({"item_id": item.format(i), "events": 1000 + i} for i in range(n))
    return (Detail("Unmatched ids", rows), Detail("Match by source", ()))


def page(*checks):
    return render_page("quality.html.j2", {"quality": quality_facts(report(*checks))})


def test_the_worst_check_comes_first_with_its_words():
    facts = quality_facts(
        report(
            check("a", "pass"), not_available("b", "analytics", "no input"), check("c", "fail"),
            check("d", "warn", figure=1234, threshold=1000, unit="count"), check("e", "alert"),
        )
    )  # fmt: skip
    assert [row["name"] for row in facts["checks"]] == ["c", "e", "d", "b", "a"]
    assert [row["status"] for row in facts["checks"]] == [
        "stops the run",
        "alert",
        "warning",
        "not available",
        "passed",
    ]
    assert [row["urgent"] for row in facts["checks"]] == [True, True, False, False, False]
    first, _, third, fourth, _ = facts["checks"]
    assert (first["figure"], first["threshold"], first["owner"]) == (
        "50.0 %",
        "90.0 %",
        "merchandising",
    )
    assert (third["figure"], third["threshold"]) == ("1,234", "1,000")
    assert (fourth["figure"], fourth["threshold"]) == (UNKNOWN, UNKNOWN)
    assert facts["sentence"] == (
        "5 checks: 1 stops the run, 1 alert, 1 warning, 1 not available, 1 passed. 1,234 events before 2026-03-09 were "
        "looked at; 5 later ones were not."
    )


def test_tables_of_alarms_are_cut_and_say_so():
    facts = quality_facts(report(check(status="fail", details=unmatched(ROWS + 2))))
    (table,) = facts["tables"]
    assert table["title"] == "item id match: unmatched ids (first 10 of 12)"
    assert table["columns"] == [
        {"text": "item id", "right": False},
        {"text": "events", "right": True},
    ]
    assert len(table["rows"]) == ROWS
    assert table["rows"][0] == [
        {"text": "id-0", "right": False},
        {"text": "1,000", "right": True},
    ]


def test_unmatched_ids_are_shown_even_where_the_gate_passes():
    facts = quality_facts(report(check(details=unmatched(2))))
    assert facts["tables"] == []
    assert facts["unmatched"][0]["title"] == "item id match: unmatched ids"


def test_shares_counts_and_gaps_are_written_as_such():
    detail = Detail("Falls", ({"share": 0.25, "usual": 0.5, "wrong": None, "events": 3},))
    facts = quality_facts(report(check("x", "alert", details=(detail,))))
    columns = [column["text"] for column in facts["tables"][0]["columns"]]
    assert columns == ["share", "usual", "wrong", "events"]  # as the check gave them, not by name
    assert [cell["text"] for cell in facts["tables"][0]["rows"][0]] == [
        "25.0 %",
        "0.5",
        UNKNOWN,
        "3",
    ]


def test_a_series_becomes_a_plot_with_a_caption():
    series = (Point("all", "2026-03-02", 0.5), Point("all", "2026-03-03", None))
    facts = quality_facts(report(check("x", series=series), check("y")))
    (plot,) = facts["plots"]
    assert plot["chart"].startswith("<svg")
    assert plot["caption"] == "x: half match."


def test_nothing_hostile_gets_out_of_its_cell():
    hostile = check(
        HOSTILE, "fail", words=HOSTILE, next_step=f"{HOSTILE}\nitem_ids:\n  strip_prefix: 'a'",
        details=(Detail(HOSTILE, ({HOSTILE: HOSTILE},)),), series=(Point(HOSTILE, "2026-03-02", 1.0), Point("b", "2026-03-02", 1.0)),
    )  # fmt: skip
    text = page(hostile)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "item_ids:<br>" in text


def test_the_section_names_owner_status_and_what_to_do():
    text = page(check(status="fail", next_step="Compare the ids.", details=unmatched(1)))
    for part in (
        "stops the run",
        "merchandising",
        "half match",
        "Compare the ids.",
        "id-0",
        "quality.json",
    ):
        assert part in text


def test_checks_of_later_steps_stand_among_the_others():
    facts = quality_facts(report(check("a")), report(check("b", "warn")))
    assert [row["name"] for row in facts["checks"]] == ["b", "a"]
    assert facts["sentence"].startswith("2 checks: 1 warning, 1 passed. 1,234 events before")


def test_an_age_is_shown_in_hours():
    old = check("feed_freshness", "alert", figure=72.25, threshold=48.0, unit="hours")
    unknown = check("feed_freshness", "alert", figure=None, threshold=48.0, unit="hours")
    rows = quality_facts(report(old, unknown))["checks"]
    assert [(row["figure"], row["threshold"]) for row in rows] == [
        ("72.2 h", "48.0 h"),
        (UNKNOWN, "48.0 h"),
    ]
