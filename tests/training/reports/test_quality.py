"""The quality section: the worst first, nothing hostile gets out of its cell, gaps stay gaps."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from features.quality.check import Detail, Point, QualityCheck, QualityReport, not_available
from training.reports.page import UNKNOWN, render_page
from training.reports.quality import ROWS, feed_table, quality_facts

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


def column(table, name):
    return [row.cells[table.head.index(name)].text for row in table.rows]


def test_the_worst_check_comes_first_with_its_words():
    facts = quality_facts(
        report(
            check("a", "pass"), not_available("b", "analytics", "no input"), check("c", "fail"),
            check("d", "warn", figure=1234, threshold=1000, unit="count"), check("e", "alert"),
        )
    )  # fmt: skip
    assert column(facts["checks"], "Check") == ["c", "e", "d", "b", "a"]
    assert column(facts["checks"], "Status") == [
        "stops the run",
        "alert",
        "warning",
        "not available",
        "passed",
    ]
    assert [row.mark for row in facts["checks"].rows] == ["bad", "bad", "", "", ""]
    assert column(facts["checks"], "Figure")[0] == "50.0 %"
    assert column(facts["checks"], "Limit")[0] == "90.0 %"
    assert column(facts["checks"], "Owner")[0] == "merchandising"
    assert [column(facts["checks"], name)[2] for name in ("Figure", "Limit")] == ["1,234", "1,000"]
    assert [column(facts["checks"], name)[3] for name in ("Figure", "Limit")] == [UNKNOWN, UNKNOWN]
    assert facts["sentence"] == (
        "5 checks: 1 stops the run, 1 alert, 1 warning, 1 not available, 1 passed. 1,234 events before 2026-03-09 were "
        "looked at; 5 later ones were not."
    )


def test_tables_of_alarms_are_cut_and_say_so():
    facts = quality_facts(report(check(status="fail", details=unmatched(ROWS + 2))))
    (table,) = facts["tables"]
    assert table.title == "item id match: unmatched ids (first 10 of 12)"
    assert table.head == ("item id", "events")
    assert table.right == {1}
    assert len(table.rows) == ROWS
    assert [cell.text for cell in table.rows[0].cells] == ["id-0", "1,000"]


def test_unmatched_ids_are_shown_even_where_the_gate_passes():
    (table,) = quality_facts(report(check(details=unmatched(2))))["tables"]
    assert table.title == "item id match: unmatched ids"


def test_shares_counts_and_gaps_are_written_as_such():
    detail = Detail("Falls", ({"share": 0.25, "usual": 0.5, "wrong": None, "events": 3},))
    facts = quality_facts(report(check("x", "alert", details=(detail,))))
    (table,) = facts["tables"]
    assert table.head == (
        "share",
        "usual",
        "wrong",
        "events",
    )  # as the check gave them, not by name
    assert [cell.text for cell in table.rows[0].cells] == [
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
    assert column(facts["checks"], "Check") == ["b", "a"]
    assert facts["sentence"].startswith("2 checks: 1 warning, 1 passed. 1,234 events before")


def test_an_age_is_shown_in_hours():
    old = check("feed_freshness", "alert", figure=72.25, threshold=48.0, unit="hours")
    unknown = check("feed_freshness", "alert", figure=None, threshold=48.0, unit="hours")
    checks = quality_facts(report(old, unknown))["checks"]
    assert column(checks, "Figure") == ["72.2 h", UNKNOWN]
    assert column(checks, "Limit") == ["48.0 h", "48.0 h"]


def test_the_campaigns_page_shows_every_check_those_without_input_too():
    table = feed_table(
        report(check("feed_issues", "warn"), not_available("bots", "analytics", "no traffic"))
    )
    assert column(table, "Check") == ["feed issues", "bots"]
    assert column(table, "Status") == ["warning", "not available"]
    assert table.rows[0].cells[3].told == "half match; 1,234 events before 2026-03-09"
    assert table.rows[1].cells[3].value is None
