"""A whole ingestion from files: every row accounted for, ids matched with the feed or stopped with the repair."""

from __future__ import annotations

import json

import pytest
import yaml

from features import columns as c
from features.erasure.tombstones import Tombstones, write_tombstones
from features.errors import GateError, InputError
from features.feed_tables import FEED_ISSUES
from features.project import Project
from features.steps.ingest import INGEST, ingest
from features.tables import CATALOG, EVENTS, IDENTITIES, PERSONS, REJECTS, REPEATS, REVERSALS

EVENT_ROWS = """time,event,cookie,login,sku,qty,money,order,consent
2024-05-01T10:00:00,product_view,k1,,PREFIXa1,,,,true
2024-05-01T10:05:00,product_view,k1,,PREFIXa2,,,,
2024-05-01T10:10:00,order,k1,u1,PREFIXa1,1,9.50,o1,
2024-05-01T10:10:01,order,k1,u1,PREFIXa1,1,9.50,o1,
2024-05-02T09:00:00,returned,,u1,PREFIXa1,1,9.50,o1,
2024-05-02T11:00:00,product_view,k2,,PREFIXa3,,,,false
2024-05-02T12:00:00,dance,k2,,PREFIXa3,,,,
not a time,product_view,k2,,PREFIXa3,,,,
2024-05-02T13:00:00,product_view,,,PREFIXa1,,,,
2024-05-02T14:00:00,returned,,u1,PREFIXa1,1,9.50,o9,
2030-01-01T00:00:00,product_view,k2,,PREFIXa1,,,,
"""
FEED_ROWS = (
    "id\ttitle\tdescription\tlink\timage_link\tavailability\tprice\tbrand\tproduct_type\tcondition\n"
    + "".join(
        f"a{n}\tThing {n}\tA thing\thttps://shop.example/a{n}\thttps://shop.example/a{n}.jpg\tin stock\t{n}.50 EUR\tOwn\tThings\tnew\n"
        for n in (1, 2, 3)
    )
)
PROJECT = {
    "name": "shop",
    "workspace": "out",
    "as_of": "2024-06-01",
    "currency": "EUR",
    "source": {
        "kind": "generic",
        "files": ["events*.csv"],
        "currency": "EUR",
        "columns": {
            "time": "time", "event_name": "event", "anonymous_id": "cookie", "user_id": "login", "item_id": "sku",
            "quantity": "qty", "value": "money", "transaction_id": "order", "consent_personalisation": "consent",
        },
        "event_names": {"names": {"product_view": "view", "order": "purchase", "returned": "refund"}},
    },
    "feed": {"file": "feed.tsv", "generated_at": "2024-05-31"},
    "cleaning": {"max_reject_rate": 0.9},
}  # fmt: skip


@pytest.fixture
def shop(tmp_path):
    def build(*, prefix="", **changes):
        (tmp_path / "events1.csv").write_text(EVENT_ROWS.replace("PREFIX", prefix))
        (tmp_path / "feed.tsv").write_text(FEED_ROWS)
        (tmp_path / "project.yaml").write_text(yaml.safe_dump({**PROJECT, **changes}))
        return Project(tmp_path)

    return build


def reasons(run):
    rejects = run.read(REJECTS).to_pylist()
    return sorted((row[c.LINE], row[c.REASON_CODE]) for row in rejects)


def test_every_row_is_an_event_or_a_reject(shop):
    run = ingest(shop())
    assert run.read(EVENTS)[c.LINE].to_pylist() == [2, 3, 4, 6, 7]
    assert reasons(run) == [
        (5, "duplicate_transaction"),
        (8, "unknown_event"),
        (9, "bad_timestamp"),
        (10, "no_identity"),
        (11, "unknown_transaction"),
        (12, "bad_timestamp"),
    ]
    assert run.manifest["figures"]["rows_in"] == 5 + 6


def test_what_was_found_on_the_way_is_kept(shop):
    run = ingest(shop())
    assert [row[c.KEPT_LINE] for row in run.read(REPEATS).to_pylist()] == [4]
    assert run.read(REVERSALS)[c.QUANTITY].to_pylist() == [1.0]
    persons = {row[c.PERSON_ID] for row in run.read(IDENTITIES).to_pylist()}
    assert len(persons) == 2
    consents = run.read(PERSONS)[c.CONSENT_PERSONALISATION].to_pylist()
    assert sorted(consents) == [False, True]
    assert run.read(CATALOG)[c.PRICE].to_pylist() == [1.5, 2.5, 3.5]
    issues = run.read(FEED_ISSUES).to_pylist()
    assert issues == []


def test_a_day_delivered_twice_changes_nothing(shop, tmp_path):
    first = ingest(shop())
    events = first.read(EVENTS).drop_columns([c.SOURCE, c.LINE])
    (tmp_path / "events2.csv").write_text(EVENT_ROWS.replace("PREFIX", ""))
    again = ingest(Project(tmp_path))
    assert again.run_id != first.run_id
    assert again.read(EVENTS).drop_columns([c.SOURCE, c.LINE]).equals(events)


def test_foreign_ids_are_stopped_and_the_printed_repair_brings_them_home(shop):
    with pytest.raises(GateError, match="strip_prefix: 'wc_post_id_'") as caught:
        ingest(shop(prefix="wc_post_id_"))
    assert caught.value.exit_code == 1
    pasted = yaml.safe_load(str(caught.value).split("match:\n", maxsplit=1)[1])
    repair = pasted.get("item_ids", pasted)
    run = ingest(shop(prefix="wc_post_id_", item_ids=repair))
    assert run.manifest["figures"]["id_match_rate"] == 1.0
    assert set(run.read(EVENTS)[c.ITEM_ID].to_pylist()) == {"a1", "a2", "a3"}


def test_a_feed_that_cannot_be_published_keeps_the_last_good_run(shop, tmp_path):
    project = shop()
    good = ingest(project)
    (tmp_path / "feed.tsv").write_text(FEED_ROWS.replace(".50 EUR", ",50 EUR"))
    with pytest.raises(GateError, match="3 of 3 rows"):
        ingest(project)
    assert project.workspace.current(INGEST).run_id == good.run_id


def test_a_source_without_files_is_named(shop, tmp_path):
    project = shop()
    (tmp_path / "events1.csv").unlink()
    with pytest.raises(InputError, match=r"events\*.csv: names no file"):
        ingest(project)


def test_figures_are_plain_json(shop):
    json.dumps(ingest(shop()).manifest["figures"])


def test_an_erased_person_does_not_come_back_with_the_same_files(shop):
    project = shop()
    before = ingest(project)
    tombstones = Tombstones("salt", frozenset()).with_ids(
        {c.USER_ID: {"u1"}, c.ANONYMOUS_ID: {"k1"}}
    )
    write_tombstones(project.workspace, tombstones)
    after = ingest(project)
    assert after.run_id != before.run_id
    assert after.read(EVENTS)[c.LINE].to_pylist() == [7]
    assert after.manifest["figures"]["events_of_erased"] == 4


def test_articles_are_read_page_by_page(tmp_path):
    """A content feed without prices: views carry addresses, unmatched ones are counted."""
    (tmp_path / "events1.csv").write_text(
        "time,event,cookie,page\n"
        "2024-05-01T10:00:00,page_view,k1,https://site.example/one\n"
        "2024-05-01T11:00:00,page_view,k1,/two?x=1\n"
        "2024-05-02T11:00:00,page_view,k2,https://site.example/about\n"
    )
    (tmp_path / "feed.tsv").write_text(
        "id\ttitle\tlink\timage_link\n"
        + "".join(
            f"{n}\tPart {n}\thttps://site.example/{n}\thttps://site.example/{n}.jpg\n"
            for n in ("one", "two")
        )
    )
    source = {**PROJECT["source"], "event_names": {"names": {"page_view": "page_view"}}}
    source["columns"] = {
        "time": "time",
        "event_name": "event",
        "anonymous_id": "cookie",
        "page": "page",
    }
    feed = {**PROJECT["feed"], "vertical": "content"}
    config = {**PROJECT, "source": source, "feed": feed, "item_ids": {"match_pages": True}}
    (tmp_path / "project.yaml").write_text(yaml.safe_dump(config))
    run = ingest(Project(tmp_path))
    assert run.read(EVENTS)[c.ITEM_ID].to_pylist() == ["one", "two", None]
    assert run.manifest["figures"]["content_views"] == {"matched": 2, "unmatched": 1}
    assert run.read(CATALOG)[c.PRICE].null_count == 2
