"""Facts of an export: why persons are left out, of those a file may name; and the feed as far as it may be shown."""

from __future__ import annotations

from features import columns as c
from features.feed_tables import FEED_ITEMS, FEED_LABELS, ITEM_SUPPRESSIONS
from features.project import Project
from features.tables import DECISIONS
from serving.exports.base import Unavailable
from serving.exports.facts import excluded_persons, feed_now
from serving.exports.google_ads_feed import GoogleAdsFeedConfig
from serving.exports.google_ads_feed import prepare as prepare_ads
from serving.exports.item_lists import COLUMNS, ItemListsConfig
from serving.exports.item_lists import prepare as prepare_lists
from serving.exports.merchant_feed import MerchantFeedConfig
from serving.exports.merchant_feed import prepare as prepare_merchant
from serving.exports.meta_catalog import MetaCatalogConfig
from serving.exports.meta_catalog import prepare as prepare_meta


def test_why_persons_are_left_out_and_who_is_never_named(make):
    no = {"contact": False}
    decisions = [
        make.decision("contacted"),
        make.decision("control", arm="holdout", **no),
        make.decision("capped", eligible=False, reason_codes="frequency_cap;from_no_event", **no),
        make.decision("costly", reason_codes="budget_spent", **no),
        make.decision("listed", **no),
        make.decision("denied", eligible=False, reason_codes="no_consent", **no),
        make.decision("denied_control", arm="holdout", **no),
        make.decision("gone", **no),
        make.decision("erased", **no),
    ]
    persons = [make.person(row[c.PERSON_ID]) for row in decisions if row[c.PERSON_ID] != "gone"]
    for row in persons:
        if row[c.PERSON_ID].startswith("denied"):
            row[c.CONSENT_PERSONALISATION] = None
        row[c.ERASED] = row[c.PERSON_ID] == "erased"
    now = make.now(persons, [make.item("i1")], suppressed=frozenset({"listed"}))
    assert excluded_persons(make.filled(DECISIONS, decisions), now) == {
        "capped": "frequency_cap",
        "control": "holdout",
        "listed": "suppressed",
    }


def test_the_feed_comes_with_labels_and_without_items_held_back(workshop, make):
    (workshop.folder / "project.yaml").write_text(
        (workshop.folder / "project.yaml").read_text()
        + "feed: {file: feed.tsv, vertical: content}\n"
    )
    tables = (
        (FEED_ITEMS, make.filled(FEED_ITEMS, [make.feed_item("a1"), make.feed_item("b2")])),
        (FEED_LABELS, make.filled(FEED_LABELS, [{c.ITEM_ID: "a1", c.ATTRIBUTE: "custom_label_0", c.ATTRIBUTE_VALUE: "hot"}])),
        (ITEM_SUPPRESSIONS, make.filled(ITEM_SUPPRESSIONS, [{c.ITEM_ID: "b2", c.REASON_CODE: x} for x in ("low", "slow")])),
    )  # fmt: skip
    run = workshop.ingest([], [], extra=tables, figures={"feed": {"freshness": {"hide_prices": True}}})  # fmt: skip
    assert feed_now(workshop.project, run) is None  # the project names no feed
    feed = feed_now(Project(workshop.folder), run)
    assert feed.items.select([c.ITEM_ID, c.CUSTOM_LABEL_0]).to_pylist() == [{c.ITEM_ID: "a1", c.CUSTOM_LABEL_0: "hot"}]  # fmt: skip
    assert (feed.held_back, feed.vertical, feed.hide_prices) == (1, "content", True)
    facts = make.facts([make.decision("p1")])
    stale = type(facts)(**{**vars(facts), "feed": feed})
    why = Unavailable("the product feed is older than allowed, so its prices are not sent")
    assert prepare_ads("x", GoogleAdsFeedConfig(kind="google_ads_feed"), stale) == why
    assert prepare_merchant("x", MerchantFeedConfig(kind="merchant_feed"), stale) == why
    assert prepare_meta("x", MetaCatalogConfig(kind="meta_catalog"), stale) == why
    (lists,) = prepare_lists("x", ItemListsConfig(kind="item_lists"), stale)
    assert lists.rows[0][COLUMNS.index("price")] == ""
