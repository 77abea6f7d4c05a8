"""Item ids: the rate is a gate, and the gate names the repair."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
import yaml

from features.config import validate
from features.errors import GateError
from features.feed_tables import FEED_ITEMS
from features.ingest.item_ids import ItemIdConfig, feed_ids, match_items
from features.sources.raw_events import RAW_EVENTS

START = datetime(2026, 3, 1, tzinfo=UTC)


def events(*ids):
    rows = [
        {
            **dict.fromkeys(RAW_EVENTS.names), "item_id": item, "event_name": ("view", "cart_add")[n % 2],
            "time": START + timedelta(hours=12 * n), "source": "web.csv", "line": n + 1,
        }
        for n, item in enumerate(ids)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=RAW_EVENTS)


def items(*ids, groups=()):
    full = {name: [None] * len(ids) for name in FEED_ITEMS.schema.names}
    full |= {"item_id": list(ids), "category": ["other"] * len(ids)}
    if groups:
        full["item_group_id"] = list(groups)
    return pa.table(full, schema=FEED_ITEMS.schema)


def test_rates_by_event_source_and_day():
    report = match_items(events("1", "x", "2", None, "1"), items("1", "2"), ItemIdConfig())
    assert report.rate == 3 / 4
    assert [tuple(row.values()) for row in report.rates.to_pylist()] == [
        ("all", "all", 4, 3),
        ("event_name", "cart_add", 1, 0),
        ("event_name", "view", 3, 3),
        ("source", "web.csv", 4, 3),
        ("day", "2026-03-01", 2, 1),
        ("day", "2026-03-02", 1, 1),
        ("day", "2026-03-03", 1, 1),
    ]
    assert report.unmatched == (("x", 1),)


def test_a_prefix_is_found_at_the_gate_and_the_repair_brings_all_back():
    table = events("wc_post_id_10", "wc_post_id_21", "10", "wc_post_id_30", "wc_post_id_10", "21")
    feed, config = items("10", "21", "30"), ItemIdConfig()
    report = match_items(table, feed, config)
    assert report.rate == 2 / 6
    with pytest.raises(GateError) as caught:
        report.require(config)
    assert str(caught.value) == (
        "item ids: 33.3% of item events have an id of the feed; unmatched: 'wc_post_id_10' (2), 'wc_post_id_21' (1), "
        "'wc_post_id_30' (1); at least 90.0% must have one. With this in the config 100.0% match:\nitem_ids:\n"
        "  strip_prefix: 'wc_post_id_'"
    )
    assert caught.value.exit_code == 1
    pasted = yaml.safe_load(str(caught.value).split("match:\n")[1])["item_ids"]
    mended = validate(ItemIdConfig, pasted, subject="test")
    match_items(table, feed, mended).require(mended)
    assert match_items(table, feed, mended).rate == 1.0
    assert feed_ids(table["item_id"], feed, mended).to_pylist() == [
        "10",
        "21",
        "10",
        "30",
        "10",
        "21",
    ]


@pytest.mark.parametrize(
    ("sent", "feed", "repair"),
    [
        (["sku-a", "sku-b"], items("SKU-A", "SKU-B"), {"ignore_case": True}),
        (["1_GB", "2_GB"], items("1", "2"), {"strip_suffix": "_GB"}),
        (["1", "2"], items("shop:1", "shop:2"), {"add_prefix": "shop:"}),
        (["G", "H"], items("1", "2", groups=["G", "H"]), {"match_on": "item_group_id"}),
        (["it's1", "it's2"], items("1", "2"), {"strip_prefix": "it's"}),
    ],
    ids=["case", "suffix", "missing prefix", "group", "quote"],
)
def test_each_kind_of_drift_has_its_repair(sent, feed, repair):
    report = match_items(events(*sent), feed, ItemIdConfig())
    assert report.rate == 0.0
    assert report.repair == ItemIdConfig(**repair)
    assert report.repaired_rate == 1.0
    with pytest.raises(GateError) as caught:
        report.require(ItemIdConfig())
    assert yaml.safe_load(str(caught.value).split("match:\n")[1]) == {"item_ids": repair}


@pytest.mark.parametrize(
    ("sent", "feed"),
    [
        (["x", "y"], items("1", "2")),
        (["11", "12"], items("1", "2")),
        (["pre1"], items("1", "2")),
        ([*["1"] * 150, "y9"], items("1", "9")),
    ],
    ids=["nothing alike", "a cut inside a number", "one id alone", "one event of 151"],
)
def test_what_does_not_help_is_not_suggested(sent, feed):
    report = match_items(events(*sent), feed, ItemIdConfig())
    assert report.repair is None
    assert report.repaired_rate == report.rate


def test_what_a_repair_breaks_counts_against_it():
    feed = items("1", "2", groups=["G", "G"])
    report = match_items(events("1", "1", "1", "G", "G"), feed, ItemIdConfig())
    assert report.repair is None
    assert report.rate == report.repaired_rate == 3 / 5


def test_without_a_repair_the_gate_says_what_to_do():
    with pytest.raises(GateError, match="Compare the ids the tag sends with those of the feed"):
        match_items(events("x"), items("1"), ItemIdConfig()).require(ItemIdConfig())


def test_events_without_items_are_no_mismatch():
    report = match_items(events(None), items("1"), ItemIdConfig())
    assert report.rate == 1.0
    report.require(ItemIdConfig())


def test_a_group_stands_for_its_first_item():
    config = ItemIdConfig(match_on="item_group_id")
    ids = pa.chunked_array([["G", "1", None]])
    assert feed_ids(ids, items("2", "1", groups=["G", "G"]), config).to_pylist() == [
        "1",
        None,
        None,
    ]
