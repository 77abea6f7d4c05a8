"""Hostile ids and texts in every export at once: left out or inert, by our own readers and by the audit's."""

from __future__ import annotations

import csv
import re
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import columns as c
from features.config import validate
from features.erasure.erase import EXPORT
from serving.audit.files import CHECKS
from serving.audit.published import read_published
from serving.exports import merchant_feed
from serving.exports.config import ExportsConfig
from serving.exports.export import export

TEXTS = (
    "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "../../etc/passwd", "/etc/passwd", "C:\\x", "{{7*7}}", "${7*7}", "{% raw %}", "\u202egnp.exe", "a\nb", 'x","y', "\uff1d1+1",
    "'; DROP TABLE persons; --", "ann@example.com",
)  # fmt: skip

EVERY_KIND = {
    "ads": {"kind": "google_ads_feed"},
    "meta": {"kind": "meta_audience", "split": "stage"},
    "out": {"kind": "suppression_list"},
    "users": {"kind": "personalize"},
    "items": {"kind": "personalize", "direction": "items_for_users"},
    "lists": {"kind": "item_lists"},
    "sheet": {"kind": "item_lists", "format": "csv"},
    "typed": {"kind": "item_lists", "format": "parquet"},
    "bids": {"kind": "bid_inputs"},
}
INERT = next(check for check in CHECKS if check.name == "inert")


class Shown:
    """As much of the evidence as the check of cells asks for."""

    def __init__(self, run):
        self.exported = self
        self.run = run
        entries = run.json("exports.json")["exports"]
        self.files = tuple(read_published(run.path, one, file) for one in entries for file in one["files"])  # fmt: skip


def exported(workshop, make, *, people, items, message):
    persons = [make.person(name) for name in people]
    catalog = [make.item(name, title=text) for name, text in items.items()]
    workshop.ingest(persons, catalog)
    rows = [
        make.decision(name, rank, item, title=items[item], message=message)
        for name in people
        for rank, item in enumerate(items, start=1)
    ]
    workshop.score(rows)
    config = {"kind": "exports", "exports": EVERY_KIND}
    return export(workshop.project, validate(ExportsConfig, config, subject="exports.yaml"))


def test_every_hostile_text_as_id_title_and_message(workshop, make):
    people = ["plain", *(f"{text}" for text in TEXTS)]
    items = {"sku": "Socks", **{text: text for text in TEXTS}, **{f"sku{n}": text for n, text in enumerate(TEXTS)}}  # fmt: skip
    run = exported(workshop, make, people=people, items=items, message=TEXTS[0])
    shown = Shown(run)
    assert len(shown.files) >= len(EVERY_KIND)
    assert INERT.find(shown).count == 0
    outside = [path for path in workshop.folder.rglob("*") if path.is_file() and run.path not in path.parents]  # fmt: skip
    assert not [path for path in outside if EXPORT in path.parts]
    assert all(re.fullmatch(r"[a-z0-9_.]+", path.name) for path in run.path.iterdir())
    for path in run.path.glob("*.csv"):
        for row in csv.reader(path.read_text().splitlines()):
            assert not any(cell[:1] in set("=+@\t") for cell in row), path.name
    for path in run.path.glob("*.jsonl"):
        assert not set("<>&") & set(path.read_text()), path.name
        assert path.read_bytes().isascii()
    dropped = run.manifest["figures"]["drops"]
    assert dropped["bids"]["unsafe_id"] > 0
    assert dropped["bids"]["id_is_a_contact"] == 1


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=st.text(max_size=30), message=st.text(max_size=30))
def test_any_title_and_message_come_out_inert(workshop, make, title, message):
    shutil.rmtree(workshop.project.workspace.root, ignore_errors=True)
    safe = {text: text.encode("utf-8", "ignore").decode() for text in (title, message)}
    run = exported(workshop, make, people=["p1"], items={"i1": safe[title]}, message=safe[message])
    assert INERT.find(Shown(run)).count == 0


@pytest.mark.parametrize("form", ["tsv", "xml"])
def test_hostile_feeds_for_merchants_are_inert(workshop, make, form):
    feed = [make.feed_item(f"a{n}", title=text, description=text) for n, text in enumerate(TEXTS)]
    facts = make.facts([make.decision("p1")], feed=feed)
    config = merchant_feed.MerchantFeedConfig(kind="merchant_feed", format=form)
    (prepared,) = merchant_feed.prepare("feed", config, facts)
    format_ = merchant_feed.file_format(config, facts)
    path = workshop.folder / f"feed{format_.suffix}"
    format_.write(path, prepared.rows)
    entry = {"name": "feed", "kind": "merchant_feed"}
    told = {"file": path.name, "part": "", "content": "full", "rows": len(prepared.rows), "persons": 0}  # fmt: skip
    published = read_published(workshop.folder, entry, told)
    assert published.fault == ""
    assert published.rows == len(prepared.rows) > 0
    formulas = [text for record in published.records for text in record.texts.values() if text[:1] in set("=+-@")]  # fmt: skip
    assert formulas == []
    assert c.TITLE in published.records[0].texts
