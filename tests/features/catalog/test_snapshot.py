"""Snapshots: named by content, compared item by item, refused when too old or too small."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import columns as c
from features.catalog.moments import parse_feed_time
from features.catalog.snapshot import (
    FreshnessConfig,
    bury,
    compare,
    freshness,
    take_snapshot,
    to_catalog,
)
from features.feed_tables import FEED_ATTRIBUTES, FEED_ITEMS
from features.tables import CATALOG

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def items(*rows):
    full = [{"category": "other", **row} for row in rows]
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in FEED_ITEMS.schema.names} for row in full],
        schema=FEED_ITEMS.schema,
    )


def snapshot(*rows, attributes=None, generated_at=AT):
    extra = None
    if attributes:
        extra = pa.Table.from_pylist(
            [dict(zip(FEED_ATTRIBUTES.schema.names, row, strict=True)) for row in attributes],
            schema=FEED_ATTRIBUTES.schema,
        )
    return take_snapshot(items(*rows), extra, generated_at=generated_at)


A, B, C = ({"item_id": name, "title": f"Item {name}", "price": 5.0} for name in "ABC")


def test_the_id_is_the_content_whatever_the_order_and_the_time():
    one = snapshot(A, B)
    assert snapshot(B, A, generated_at=None).snapshot_id == one.snapshot_id
    table = items(A, B)
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1, 1)])
    assert take_snapshot(chunked, generated_at=AT).snapshot_id == one.snapshot_id
    assert len(one.snapshot_id) == 16


@pytest.mark.parametrize(
    "other",
    [
        [A],
        [A, {**B, "price": 5.01}],
        [A, {**B, "price": None}],
        [A, {**B, "title": None, "description": "Item B"}],
        [A, {**B, "item_id": "b"}],
        [A, {**B, "sale_starts": AT}],
    ],
)
def test_other_content_has_another_id(other):
    assert snapshot(A, B).snapshot_id != snapshot(*other).snapshot_id


def test_custom_attributes_are_content():
    plain, seasonal = snapshot(A), snapshot(A, attributes=[("A", "season", "winter")])
    assert plain.snapshot_id != seasonal.snapshot_id
    assert compare(plain, seasonal).changes.to_pylist() == [
        {
            "item_id": "A",
            "change": "changed",
            "attribute": "season",
            "before": None,
            "after": "winter",
        }
    ]


def test_text_that_holds_the_separators_cannot_fake_another_item():
    one = snapshot({**A, "title": "x\x1fy", "description": "z"})
    other = snapshot({**A, "title": "x", "description": "y\x1fz"})
    assert one.snapshot_id != other.snapshot_id


def test_a_comparison_names_what_was_added_removed_and_changed():
    diff = compare(snapshot(A, B), snapshot(A | {"price": 4.0, "brand": "X"}, C))
    assert diff.changes.to_pylist() == [
        {"item_id": "A", "change": "changed", "attribute": "brand", "before": None, "after": "X"},
        {"item_id": "A", "change": "changed", "attribute": "price", "before": "5", "after": "4"},
        {"item_id": "B", "change": "removed", "attribute": None, "before": None, "after": None},
        {"item_id": "C", "change": "added", "attribute": None, "before": None, "after": None},
    ]
    assert diff.counts() == {"added": 1, "removed": 1, "changed": 1, "brand": 1, "price": 1}


def test_the_first_snapshot_adds_all():
    diff = compare(None, snapshot(A, B))
    assert diff.items("added") == ["A", "B"]
    assert diff.removed_share == 0.0


def test_how_much_of_a_feed_is_gone():
    assert compare(snapshot(A, B, C), snapshot(C)).removed_share == 2 / 3
    assert compare(snapshot(), snapshot(C)).removed_share == 0.0


def test_tombstones_stay_until_the_item_comes_back():
    first, second, third = snapshot(A, B, C), snapshot(A), snapshot(A, B)
    stones = bury(None, compare(None, first), first, at=AT)
    assert stones.num_rows == 0
    stones = bury(stones, compare(first, second), second, at=AT)
    assert stones.to_pylist() == [
        {"item_id": name, "snapshot_id": second.snapshot_id, "removed_at": AT} for name in "BC"
    ]
    stones = bury(stones, compare(second, third), third, at=AT + timedelta(days=1))
    assert stones["item_id"].to_pylist() == ["C"]


def test_a_snapshot_becomes_the_catalog():
    table = to_catalog(snapshot(A, B), generated_at=AT)
    assert table.schema == CATALOG.schema
    assert table[c.SNAPSHOT_ID].unique().to_pylist() == [snapshot(A, B).snapshot_id]
    assert to_catalog(snapshot(), generated_at=AT).num_rows == 0


@pytest.mark.parametrize(
    ("generated_at", "words"),
    [
        (AT - timedelta(hours=48, minutes=6), "the feed is 48.1 hours old"),
        (None, "the feed does not say when it was written"),
        (
            AT + timedelta(seconds=1),
            "the feed says it was written at 2026-03-01T12:00:01+00:00, which is to come",
        ),
    ],
)
def test_a_stale_feed_is_refused_or_its_prices_hidden(generated_at, words):
    old = snapshot(A, generated_at=generated_at)
    found = freshness(old, FreshnessConfig(when_stale="refuse"), as_of=AT)
    assert (found.stale, found.refused, found.hide_prices, found.words) == (
        True,
        True,
        False,
        words,
    )
    found = freshness(old, FreshnessConfig(), as_of=AT)
    assert (found.stale, found.refused, found.hide_prices) == (True, False, True)


def test_a_fresh_feed_tells_its_age():
    found = freshness(
        snapshot(A, generated_at=AT - timedelta(hours=48)),
        FreshnessConfig(when_stale="refuse"),
        as_of=AT,
    )
    assert (found.age_hours, found.stale, found.refused) == (48.0, False, False)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        (None, None),
        ("yesterday", None),
        ("Sat, 07 Mar 2026 10:00:00 +0100", datetime(2026, 3, 7, 9, tzinfo=UTC)),
        ("2026-06-23T10:32:17.560Z", datetime(2026, 6, 23, 10, 32, 17, 560_000, tzinfo=UTC)),
    ],
)
def test_the_time_a_feed_states(written, moment):
    assert parse_feed_time(written) == moment


_row = st.fixed_dictionaries(
    {"title": st.sampled_from(["x", "y"])}, optional={"price": st.sampled_from([1.0, 2.0])}
)
_feeds = st.dictionaries(st.sampled_from("ABCDE"), _row, max_size=5)


@settings(max_examples=60)
@given(_feeds, _feeds)
def test_a_comparison_accounts_for_every_item(before, after):
    one = snapshot(*({"item_id": name, **row} for name, row in before.items()))
    two = snapshot(*({"item_id": name, **row} for name, row in after.items()))
    diff = compare(one, two)
    assert set(before) | set(diff.items("added")) == set(after) | set(diff.items("removed"))
    assert set(diff.items("changed")) == {n for n in before if n in after and before[n] != after[n]}
    assert (one.snapshot_id == two.snapshot_id) == (before == after)
    assert compare(one, one).changes.num_rows == 0
