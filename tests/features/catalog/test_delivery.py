"""Feeds delivered day after day: compared with the one before, done again without a change, and enriched."""

from __future__ import annotations

import hashlib
import json

import pytest
import yaml

from features import columns as c
from features.catalog.labels import SUPPLEMENT
from features.errors import ConfigError, GateError, WorkspaceError
from features.feed_tables import (
    FEED_CHANGES,
    FEED_HISTORY,
    FEED_ISSUES,
    FEED_ITEMS,
    FEED_LABELS,
    FEED_REJECTS,
    ITEM_ENRICHMENT,
    ITEM_SUPPRESSIONS,
    LISTINGS,
    PAGE_OBSERVATIONS,
    TOMBSTONES,
)
from features.project import Project
from features.steps.ingest import INGEST, QUALITY, ingest
from features.tables import CATALOG

EVENTS = "time,event,user,item,qty,money,order\n" + "".join(
    f"2024-05-{day:02d}T10:00:00,{event},u{day % 3},a{item},{qty},9.50,{order}\n"
    for day, event, item, qty, order in [
        (1, "view", 1, "", ""),
        (2, "purchase", 1, 3, "o1"),
        (3, "purchase", 1, 1, "o2"),
        (4, "purchase", 2, 1, "o3"),
    ]
)
COLUMNS = "id,title,description,link,image_link,availability,price,brand,product_type,cost_of_goods_sold,inventory"
PROJECT = {
    "name": "shop",
    "workspace": "out",
    "as_of": "2024-06-01",
    "currency": "EUR",
    "source": {
        "kind": "generic",
        "files": ["events.csv"],
        "currency": "EUR",
        "columns": {
            "time": "time", "event_name": "event", "user_id": "user", "item_id": "item", "quantity": "qty",
            "value": "money", "transaction_id": "order",
        },
    },
    "feed": {"file": "feed.csv", "generated_at": "2024-05-31"},
    "item_ids": {"min_match_rate": 0.0},
}  # fmt: skip


def item(n, **changes):
    return {
        "id": f"a{n}", "title": f"Thing {n}", "description": "A thing", "link": f"https://shop.example/a{n}",
        "image_link": f"https://shop.example/a{n}.jpg", "availability": "in stock", "price": "10.00 EUR",
        "brand": "Own", "product_type": "Things", **changes,
    }  # fmt: skip


class Shop:
    """A project folder whose feed is written anew for each delivery."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "events.csv").write_text(EVENTS)

    def configure(self, *, feed=None, **changes):
        content = {**PROJECT, **changes, "feed": {**PROJECT["feed"], **(feed or {})}}
        (self.folder / "project.yaml").write_text(yaml.safe_dump(content))

    def deliver(self, *rows, extra=""):
        names = f"{COLUMNS},{extra}".rstrip(",").split(",")
        lines = [",".join(names)]
        lines += [",".join(str(row.get(name, "")) for name in names) for row in rows]
        (self.folder / "feed.csv").write_text("\n".join(lines) + "\n")

    def ingest(self, **overrides):
        return ingest(Project(self.folder, overrides=[f"{k}={v}" for k, v in overrides.items()]))


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path)
    made.configure()
    return made


def content(run):
    """Every file of a run but its manifest."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in run.path.iterdir()
        if path.name != "manifest.json"
    }


def changes(run):
    return [tuple(row.values()) for row in run.read(FEED_CHANGES).to_pylist()]


def checks(run):
    return {check["name"]: check for check in run.json(QUALITY)["checks"]}


def test_the_first_delivery_adds_every_item(shop):
    shop.deliver(item(1), item(2))
    run = shop.ingest()
    assert changes(run) == [(name, "added", None, None, None) for name in ("a1", "a2")]
    assert run.read(TOMBSTONES).num_rows == 0
    feed = run.manifest["figures"]["feed"]
    assert feed["compared_with"] is None
    assert run.read(CATALOG)[c.SNAPSHOT_ID].unique().to_pylist() == [feed["snapshot_id"]]
    assert checks(run)["feed_items_removed"]["status"] == "not_available"


def test_the_next_delivery_is_compared_with_the_one_before(shop):
    shop.deliver(item(1), item(2), item(3))
    first = shop.ingest()
    shop.deliver(item(1, price="12.00 EUR"), item(2), item(4))
    second = shop.ingest(as_of="2024-06-02")
    assert changes(second) == [
        ("a1", "changed", "price", "10", "12"),
        ("a3", "removed", None, None, None),
        ("a4", "added", None, None, None),
    ]
    figures = [run.manifest["figures"]["feed"] for run in (first, second)]
    assert figures[1]["compared_with"] == figures[0]["snapshot_id"] != figures[1]["snapshot_id"]
    assert [row[c.ITEM_ID] for row in second.read(TOMBSTONES).to_pylist()] == ["a3"]
    assert second.read(TOMBSTONES)[c.SNAPSHOT_ID].to_pylist() == [figures[1]["snapshot_id"]]
    assert checks(second)["feed_items_removed"]["figure"] == 1 / 3


def test_a_tombstone_lasts_until_the_item_comes_back(shop):
    feeds = [(1, 2, 3), (1, 2), (1, 2, 4), (1, 2, 3)]
    stones = []
    for day, numbers in enumerate(feeds, start=1):
        shop.deliver(*(item(n) for n in numbers))
        run = shop.ingest(as_of=f"2024-06-{day:02d}")
        stones.append([(row[c.ITEM_ID], row[c.REMOVED_AT].day) for row in run.read(TOMBSTONES).to_pylist()])  # fmt: skip
    assert stones == [[], [("a3", 2)], [("a3", 2)], [("a4", 4)]]


def test_a_delivery_done_again_is_the_same_run_with_the_same_bytes(shop):
    shop.deliver(item(1), item(2))
    shop.ingest()
    shop.deliver(item(1), item(3))
    second = shop.ingest(as_of="2024-06-02")
    before = content(second)
    again = shop.ingest(as_of="2024-06-02")
    assert (again.run_id, again.reused) == (second.run_id, True)
    second.path.rename(shop.folder / "aside")
    (shop.folder / "out" / INGEST / "current").unlink()
    (shop.folder / "out" / INGEST / "current").symlink_to(second.manifest["inputs"]["parent"])
    redone = shop.ingest(as_of="2024-06-02")
    assert redone.run_id == second.run_id
    assert content(redone) == before


def test_the_same_feed_on_another_day_changes_nothing(shop):
    shop.deliver(item(1), item(2))
    first = shop.ingest()
    second = shop.ingest(as_of="2024-06-02")
    assert second.run_id != first.run_id
    assert changes(second) == []
    again = shop.ingest(as_of="2024-06-02")
    assert again.run_id == second.run_id


def test_an_ingestion_without_a_feed_is_no_earlier_feed(shop):
    (shop.folder / "project.yaml").write_text(yaml.safe_dump({**PROJECT, "feed": None}))
    without = shop.ingest()
    assert without.manifest["figures"]["feed"] is None
    assert not (without.path / "feed_items.parquet").exists()
    shop.configure()
    shop.deliver(item(1))
    assert changes(shop.ingest(as_of="2024-06-02")) == [("a1", "added", None, None, None)]


def test_items_that_vanish_at_once_keep_the_last_good_snapshot(shop):
    shop.deliver(*(item(n) for n in range(1, 5)))
    good = shop.ingest()
    before = content(good)
    shop.deliver(item(1))
    with pytest.raises(
        GateError, match=r"feed_items_removed \(marketing operations\): 3 of 4 items \(75\.0%\)"
    ) as caught:
        shop.ingest(as_of="2024-06-02")
    assert caught.value.exit_code == 1
    assert Project(shop.folder).workspace.current(INGEST).run_id == good.run_id
    assert content(good) == before
    shop.configure(feed={"max_removed_share": 0.75})
    assert shop.ingest(as_of="2024-06-02").manifest["figures"]["items"] == 1


@pytest.mark.parametrize(
    ("generated_at", "words", "age"),
    [
        ("2024-05-31", "the feed is 24.0 hours old", 24.0),
        ("2024-05-29", "the feed is 72.0 hours old", 72.0),
        (None, "the feed does not say when it was written", None),
    ],
)
def test_freshness_is_printed_with_its_owner(shop, generated_at, words, age):
    shop.configure(feed={"generated_at": generated_at, "freshness": {"owner": "feed team"}})
    shop.deliver(item(1))
    run = shop.ingest()
    stale = age != 24.0
    assert run.manifest["figures"]["feed"]["freshness"] == {
        "generated_at": generated_at and f"{generated_at}T00:00:00+00:00",
        "age_hours": age,
        "max_age_hours": 48.0,
        "stale": stale,
        "hide_prices": stale,
        "owner": "feed team",
    }
    check = checks(run)["feed_freshness"]
    assert (check["status"], check["owner"], check["figure"]) == (
        "alert" if stale else "pass",
        "feed team",
        age,
    )
    assert check["words"] == f"{words}; it is used for at most 48 hours"


def test_a_stale_feed_may_stop_the_run(shop):
    shop.configure(feed={"freshness": {"when_stale": "refuse", "max_age_hours": 23}})
    shop.deliver(item(1))
    with pytest.raises(GateError, match=r"feed_freshness \(marketing operations\): .* 24\.0 hours"):
        shop.ingest()
    with pytest.raises(WorkspaceError):
        Project(shop.folder).workspace.current(INGEST)


def test_enrichment_is_written_beside_the_feed_and_not_into_it(shop):
    shop.configure(feed={"enrichment": {"best_seller": {"window_days": 60, "top_share": 0.5}}})
    shop.deliver(
        item(1, cost_of_goods_sold="9.00 EUR"),
        item(2, cost_of_goods_sold="5.00 EUR"),
        item(3),
    )
    run = shop.ingest()
    facts = run.read(ITEM_ENRICHMENT)
    assert facts[c.MARGIN_TIER].to_pylist() == ["low", "high", "unknown"]  # 0.1, 0.5, no cost
    assert facts[c.UNITS_SOLD].to_pylist() == [4.0, 1.0, 0.0]
    assert facts[c.BEST_SELLER].to_pylist() == [True, False, False]
    assert (run.path / SUPPLEMENT).read_text() == (
        "id\tcustom_label_2\tcustom_label_3\tcustom_label_4\n"
        "a1\tlow\tbest_seller\tunknown\n"
        "a2\thigh\t\tunknown\n"
        "a3\tunknown\t\tunknown\n"
    )
    assert run.read(FEED_ITEMS)[c.CUSTOM_LABEL_2].null_count == 3
    assert run.read(FEED_LABELS).num_rows == 3 + 1 + 3
    figures = run.manifest["figures"]["feed"]["enrichment"]
    assert figures["margin_tiers"] == {"high": 1, "low": 1, "unknown": 1}
    assert SUPPLEMENT in run.manifest["files"]
    shop.deliver(item(1, cost_of_goods_sold="5.00 EUR"), item(2, cost_of_goods_sold="5.00 EUR"), item(3))  # fmt: skip
    assert changes(shop.ingest(as_of="2024-06-02")) == [
        ("a1", "changed", "cost_of_goods_sold", "9", "5")
    ]


def test_a_slot_the_merchant_uses_is_not_written(shop):
    labels = {"custom_label_0": "margin_tier", "custom_label_1": "best_seller"}
    shop.configure(feed={"enrichment": {"labels": labels}})
    shop.deliver(item(1, custom_label_0="mine"), item(2), extra="custom_label_0")
    run = shop.ingest()
    header = (run.path / SUPPLEMENT).read_text().splitlines()[0]
    assert header == "id\tcustom_label_1"
    assert run.read(FEED_ISSUES)[c.ISSUE_CODE].to_pylist() == ["label_slot_taken"]


@pytest.mark.parametrize("name", ["=cmd", "-low", "two\tcells", "", "low\n"])
def test_a_tier_that_a_spreadsheet_would_run_is_a_config_error(shop, name):
    shop.configure(feed={"enrichment": {"margin": {"tiers": [name, "high"], "boundaries": [0.3]}}})
    with pytest.raises(ConfigError, match="tier"):
        Project(shop.folder)


VISITS = """item,at,price,stock,status
a1,2024-05-31T10:00:00Z,11.00 EUR,in stock,200
a2,2024-05-31T10:00:00Z,10.00 EUR,in stock,200
a9,2024-05-31T10:00:00Z,10.00 EUR,in stock,404
a2,not a time,10.00 EUR,in stock,200
"""
PAGES = {
    "file": "visits.csv",
    "max_reject_rate": 0.5,
    "columns": {
        "item_id": "item", "observed_at": "at", "price": "price", "availability": "stock", "status_code": "status",
    },
}  # fmt: skip


def test_visits_hold_items_back_and_raise_alerts_with_an_owner(shop):
    shop.configure(feed={"pages": PAGES})
    (shop.folder / "visits.csv").write_text(VISITS)
    shop.deliver(item(1), item(2), item(3))
    run = shop.ingest()
    assert run.read(ITEM_SUPPRESSIONS).to_pylist() == [
        {"item_id": "a1", "reason_code": "price_mismatch", "owner": "merchandising"}
    ]
    assert run.read(PAGE_OBSERVATIONS).num_rows == 3
    assert run.read(FEED_REJECTS)[c.REASON_CODE].to_pylist() == ["bad_timestamp"]
    price, found = checks(run)["price_mismatch"], checks(run)["page_not_found"]
    assert (price["status"], price["figure"], price["owner"]) == ("alert", 1 / 2, "merchandising")
    assert (found["status"], found["figure"]) == ("pass", 0.0)
    assert checks(run)["page_slow"]["status"] == "not_available"
    pages = run.manifest["figures"]["feed"]["pages"]
    assert (pages["rows"], pages["rejected"], pages["visits_of_unknown_items"]) == (4, 1, 1)


def test_other_visits_are_another_run_and_a_mismatch_may_stop_it(shop):
    shop.configure(feed={"pages": PAGES})
    (shop.folder / "visits.csv").write_text(VISITS)
    shop.deliver(item(1), item(2))
    first = shop.ingest()
    (shop.folder / "visits.csv").write_text(VISITS.replace("11.00", "10.00"))
    second = shop.ingest()
    assert second.run_id != first.run_id
    assert second.read(ITEM_SUPPRESSIONS).num_rows == 0
    gate = {**PAGES, "price_mismatch": {"owner": "pricing", "gate": True}}
    shop.configure(feed={"pages": gate})
    (shop.folder / "visits.csv").write_text(VISITS)
    with pytest.raises(GateError, match=r"price_mismatch \(pricing\): 1 of 2 visited items"):
        shop.ingest()
    assert Project(shop.folder).workspace.current(INGEST).run_id == second.run_id


def test_listings_are_written_and_those_that_are_over_are_held_back(shop):
    shop.deliver(
        item(1, expiration_date="2024-05-31", latitude="52.5", longitude="13.4"),
        item(2, expiration_date="2024-06-02", latitude="95", longitude="13.4"),
        item(3, start_date="2024-05-01"),
        item(4),
        extra="expiration_date,latitude,longitude,start_date",
    )
    run = shop.ingest()
    listings = run.read(LISTINGS)
    assert listings[c.ITEM_ID].to_pylist() == ["a1", "a2", "a3"]
    assert listings[c.LATITUDE].to_pylist() == [52.5, None, None]
    assert [(r[c.ITEM_ID], r[c.REASON_CODE]) for r in run.read(ITEM_SUPPRESSIONS).to_pylist()] == [
        ("a1", "listing_expired"),
        ("a3", "listing_begun"),
    ]
    codes = run.read(FEED_ISSUES)[c.ISSUE_CODE].to_pylist()
    assert "latitude_invalid" in codes
    assert "undeclared_attributes" not in codes
    check = checks(run)["listings_ended"]
    assert (check["status"], check["figure"], check["owner"]) == ("warn", 2 / 3, "merchandising")


def test_a_feed_without_listings_has_no_listings_table(shop):
    shop.deliver(item(1))
    run = shop.ingest()
    assert not (run.path / "listings.parquet").exists()
    assert checks(run)["listings_ended"]["status"] == "not_available"


def test_stock_rules_hold_items_back(shop):
    shop.configure(feed={"stock": {"min_inventory": 2, "owner": "buyers"}})
    shop.deliver(item(1, inventory=1), item(2, inventory=2), item(3))
    run = shop.ingest()
    assert run.read(ITEM_SUPPRESSIONS).to_pylist() == [
        {"item_id": "a1", "reason_code": "low_inventory", "owner": "buyers"}
    ]
    assert run.manifest["figures"]["feed"]["stock"] == {
        "held": {"low_inventory": 1},
        "not_told": {"low_inventory": 1},
    }


def test_errors_over_time_are_carried_on(shop):
    shop.configure(feed={"max_error_rate": 0.5})
    shop.deliver(item(1), item(2, price="cheap"), extra="of_the_whole_feed")
    shop.ingest()
    shop.deliver(item(1), item(2))
    run = shop.ingest(as_of="2024-06-03")
    history = run.read(FEED_HISTORY)
    assert [tuple(row.values())[1:] for row in history.to_pylist()] == [
        ("no_item", 1, 2),
        ("price_syntax", 1, 2),
        ("no_item", 0, 2),
    ]
    series = [p for p in checks(run)["feed_errors"]["series"] if p["line"] == "price syntax"]
    assert [(p["day"], p["value"]) for p in series] == [
        ("2024-06-01", 0.5),
        ("2024-06-02", None),
        ("2024-06-03", 0.0),
    ]


def test_an_issue_names_the_limit_it_breaks_and_when_that_was_checked(shop):
    shop.deliver(item(1, title="x" * 151))
    run = shop.ingest()
    issue = run.read(FEED_ISSUES).to_pylist()[0]
    assert issue[c.ISSUE_CODE] == "title_too_long"
    assert issue[c.LIMIT].startswith("google_merchant.item.title.characters 150, mark S, checked ")
    rows = checks(run)["feed_errors"]["details"][0]["rows"]
    assert rows[0]["limit"] == issue[c.LIMIT]


def test_rows_that_cannot_be_read_are_kept(shop):
    shop.configure(feed={"max_error_rate": 0.5})
    shop.deliver(item(1))
    with (shop.folder / "feed.csv").open("a") as file:
        file.write("one cell\n")
    run = shop.ingest()
    assert [tuple(row.values()) for row in run.read(FEED_REJECTS).to_pylist()] == [
        ("wrong_column_count", "feed.csv", 3, "one cell")
    ]
    check = checks(run)["feed_errors"]
    assert (check["status"], check["figure"]) == ("warn", 1 / 2)


def test_a_taxonomy_lies_beside_the_config_and_is_part_of_the_inputs(shop):
    shop.configure(feed={"taxonomy": "taxonomy.txt"})
    shop.deliver(item(1, google_product_category="2"), extra="google_product_category")
    taxonomy = shop.folder / "taxonomy.txt"
    taxonomy.write_text("2 - Cups\n")
    first = shop.ingest()
    assert first.read(CATALOG)[c.CATEGORY].to_pylist() == ["Cups"]
    taxonomy.write_text("2 - Mugs\n")
    assert shop.ingest().read(CATALOG)[c.CATEGORY].to_pylist() == ["Mugs"]


def test_figures_are_plain_json(shop):
    shop.configure(feed={"enrichment": {}})
    shop.deliver(item(1))
    json.dumps(shop.ingest().manifest["figures"])
