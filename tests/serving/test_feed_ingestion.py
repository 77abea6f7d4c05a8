"""`retarget ingest` with a feed: real feeds whole, bad ones refused with the last good output untouched."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow.compute as pc
import pytest
import yaml

from features import columns as c
from features.catalog.labels import SUPPLEMENT
from features.catalog.readers.feed import read_feed
from features.feed_tables import (
    FEED_CHANGES,
    FEED_HISTORY,
    FEED_ISSUES,
    FEED_ITEMS,
    FEED_REJECTS,
    ITEM_ENRICHMENT,
)
from features.store import Workspace
from features.tables import CATALOG
from serving.plans import plan_ingest

FEEDS = Path(__file__).parents[2] / "../shared/data/product_feeds"
TAXONOMY = FEEDS / "taxonomy-with-ids.en-US.txt"
REAL = {
    # name: (rows, other spellings of availability, issues by code)
    "313radu_product-feed": (7, {"out_stock": "out_of_stock"}, {"category_unknown": 7}),
    "apparix_google-merchant-feed": (4, {}, {"category_unknown": 2}),
    "meiro_demo_store_feed": (42, {"limited availability": "in_stock"}, {}),
    "facebook_dpa_rss": (1, {}, {"category_unknown": 1, "image_link_not_secure": 1}),
}
GOOD = """id\ttitle\tdescription\tlink\timage_link\tavailability\tprice\tbrand\tproduct_type
a1\tCup\tA cup\thttps://shop.example/a1\thttps://shop.example/a1.jpg\tin_stock\t5.00 EUR\tOwn\tCups
"""


def project(folder, feed, *, ids, **keys):
    (folder / "events.csv").write_text(
        "time,event,user,item\n"
        + "".join(f"2026-06-20T10:00:00Z,view,u{n},{item}\n" for n, item in enumerate(ids))
    )
    columns = {"time": "time", "event_name": "event", "user_id": "user", "item_id": "item"}
    content = {
        "name": "feed",
        "workspace": "out",
        "as_of": "2026-06-25",
        "currency": "EUR",
        "source": {"kind": "generic", "files": ["events.csv"], "columns": columns},
        "feed": {"file": str(feed), **keys},
    }
    path = folder / "project.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.skipif(not TAXONOMY.exists(), reason="the real feeds are not on this machine")
@pytest.mark.parametrize("name", REAL)
def test_a_real_feed_becomes_tables(tmp_path, name):
    feed = FEEDS / f"{name}.xml"
    rows, spellings, expected = REAL[name]
    ids = read_feed(feed).items["id"].to_pylist()
    path = project(
        tmp_path,
        feed.resolve(),
        ids=ids,
        taxonomy=str(TAXONOMY.resolve()),
        reader={"spellings": {"availability": spellings}},
        enrichment={},
    )
    run = plan_ingest(path, []).jobs[0].carry_out()
    figures = run.manifest["figures"]
    assert figures["feed"]["rows"] == figures["feed"]["accepted"] == figures["items"] == rows
    assert figures["id_match_rate"] == 1.0
    assert figures["feed"]["issues"] == {**expected, **slots_taken(run)}
    items, catalog = run.read(FEED_ITEMS), run.read(CATALOG)
    assert items[c.ITEM_ID].to_pylist() == catalog[c.ITEM_ID].to_pylist() == sorted(ids)
    assert pc.all(pc.greater(catalog[c.PRICE], 0)).as_py()
    assert catalog[c.PRICE].null_count == catalog[c.AVAILABILITY].null_count == 0
    assert run.read(FEED_CHANGES)[c.CHANGE].to_pylist() == ["added"] * rows
    assert run.read(FEED_REJECTS).num_rows == 0
    assert run.read(ITEM_ENRICHMENT)[c.MARGIN_TIER].to_pylist() == ["unknown"] * rows
    assert (run.path / SUPPLEMENT).read_text().count("\n") == rows + 1
    at_once = run.read(FEED_HISTORY).to_pylist()
    assert {row[c.ISSUE_CODE]: row[c.ROWS_WITH_ISSUE] for row in at_once} == {
        "no_item": 0,
        **expected,
    }


def slots_taken(run):
    """Label slots the merchant uses himself stand in the issues of the run, not of the feed."""
    codes = run.read(FEED_ISSUES)[c.ISSUE_CODE].to_pylist()
    assert codes.count("label_slot_taken") == run.manifest["figures"]["feed"]["enrichment"]["slots_not_written"]  # fmt: skip
    return {}


def contents(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (GOOD.replace("5.00 EUR", "cheap"), "1 of 1 rows (100.0%) are no items"),
        (GOOD.splitlines()[0] + "\n", "it holds no items"),
        ("", "is empty"),
        ("<rss><channel><item>", "XML"),
    ],
)
def test_a_feed_that_is_none_ends_the_command_and_leaves_the_last_output(
    retarget, tmp_path, bad, words
):
    feed = tmp_path / "feed.tsv"
    feed.write_text(GOOD)
    path = project(tmp_path, feed, ids=["a1"])
    plan_ingest(path, []).jobs[0].carry_out()
    before = contents(tmp_path / "out")
    feed.write_text(bad)
    found = retarget("ingest", path)
    gate = bad.startswith("id")
    assert found.returncode == (1 if gate else 2), found.stderr
    assert words in found.stderr
    assert "Traceback" not in found.stderr
    after = contents(tmp_path / "out")
    assert {name: digest for name, digest in after.items() if name != ".lock"} == before
    assert Workspace(tmp_path / "out").current("ingest").read(CATALOG).num_rows == 1


def test_alerts_are_printed_with_their_owner(retarget, tmp_path):
    feed = tmp_path / "feed.tsv"
    feed.write_text(GOOD)
    freshness = {"owner": "feed team", "max_age_hours": 24}
    path = project(tmp_path, feed, ids=["a1"], generated_at="2026-06-20", freshness=freshness)
    found = retarget("ingest", path)
    assert found.returncode == 0, found.stderr
    line = "      alert feed_freshness (feed team): the feed is 120.0 hours old; it is used for at most 24 hours"
    assert found.stdout.splitlines()[1] == line
    lines = retarget("ingest", path, "--log-json").stdout.splitlines()
    assert len(lines) == 1
