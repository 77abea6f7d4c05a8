"""The report's section: counts of the manifest in words, everything hostile escaped."""

from __future__ import annotations

from types import SimpleNamespace

from serving.exports.section import exports_section
from serving.report import export_table
from training.reports.page import render_page

TOLD = {
    "compared_with": "abc",
    "limits_compiled": "2026-11-22",
    "withdrawn": ["old"],
    "recheck": {
        "persons": 5, "persons_left": 4, "persons_dropped": {"no_consent": 1}, "item_rows": 9, "item_rows_left": 9,
        "item_rows_dropped": {}, "prices_changed": 2,
    },
    "exports": [
        {"name": "meta", "kind": "meta_audience", "audience": True, "unavailable": None, "drops": {"unsafe_id": 3},
         "warnings": ["<b>small</b>"],
         "files": [
             {"file": "meta.jsonl", "part": "", "content": "full", "rows": 4, "persons": 4},
             {"file": "meta.add.jsonl", "part": "", "content": "add", "rows": 1, "persons": 0},
             {"file": "meta.remove.jsonl", "part": "", "content": "remove", "rows": 2, "persons": 0},
         ]},
        {"name": "match", "kind": "google_customer_match", "audience": True, "unavailable": "no contacts", "drops": {},
         "warnings": [], "files": []},
    ],
}  # fmt: skip


def section(score="s1"):
    run = SimpleNamespace(json=lambda _: TOLD, manifest={"inputs": {"score": "s1"}})
    return exports_section(run, score_run=score)


def test_rows_and_words():
    found = section()
    assert found["files"] == [
        {"file": "meta.jsonl", "kind": "meta audience", "rows": 4, "persons": 4, "added": 1, "removed": 2, "drops": "unsafe id 3"}
    ]  # fmt: skip
    assert (
        found["sentence"] == "1 of 2 exports were written. Audiences are compared with export abc."
    )
    assert "of 5 persons to contact 4 are left (no consent 1)" in found["recheck"]
    assert found["unavailable"] == [{"name": "match", "why": "no contacts"}]
    assert [one["name"] for one in found["warnings"]] == ["meta", "old"]
    assert section("s2")["sentence"].endswith("made from earlier decisions than this page shows.")


def test_the_page_escapes_everything():
    found = section()
    page = render_page(
        "exports.html.j2", {"exports": {**found, "table": export_table(found["files"])}}
    )
    assert "&lt;b&gt;small&lt;/b&gt;" in page
    assert "<td>meta.jsonl</td>" in page
