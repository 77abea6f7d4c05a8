"""Intervals by hand, the category's where an item has too few repeats, merged from parts."""

from __future__ import annotations

import pyarrow as pa
import pytest

from features import columns as c
from features.histories import Histories
from features.segments.replenishment import (
    ReplenishmentConfig,
    count_gaps,
    due_items,
    estimate_intervals,
    merge_gaps,
)
from features.tables import REVERSALS

ITEMS = pa.table({c.ITEM_ID: ["x", "y", "z"], c.CATEGORY: ["tea", "tea", "cups"]})


@pytest.fixture
def shop(make_histories):
    return make_histories(
        ("a", 0, "x", "t1", 1.0),
        ("a", 0, "x", "t2", 1.0),
        ("a", 10, "x", "t3", 1.0),
        ("a", 24, "x", "t4", 1.0),
        ("b", 0, "x", "t5", 1.0),
        ("b", 12, "x", "t6", 1.0),
        ("b", 20, "y", "t7", 1.0),
        ("c", 20, "z", "t8", 1.0),
    )


def intervals(histories, day, at, repeats):
    gaps = merge_gaps([count_gaps(histories, as_of=day(at))])
    table = estimate_intervals(gaps, ITEMS, ReplenishmentConfig(minimum_repeats=repeats))
    return [tuple(row.values()) for row in table.to_pylist()]


def test_the_interval_is_the_median_gap_and_lent_within_the_category(shop, day):
    # gaps of x: 10, 14, 12; the second purchase of day 0 is the same occasion
    assert intervals(shop, day, 30, 3) == [("x", 12.0, "item"), ("y", 12.0, "category")]


def test_too_few_repeats_give_no_interval(shop, day):
    assert intervals(shop, day, 30, 4) == []


def test_gaps_after_the_moment_are_not_seen(shop, day):
    assert intervals(shop, day, 24, 1) == [("x", 10.0, "item"), ("y", 10.0, "category")]


def test_a_purchase_taken_back_is_no_occasion(make_events, day):
    events = make_events(
        ("a", 0, "x", "t1", 1.0), ("a", 4, "x", "t2", 1.0), ("a", 10, "x", "t3", 1.0),
        ("a", 5, "x", "t2", 1.0, "refund"),
    )  # fmt: skip
    back = pa.Table.from_pylist(
        [{c.REFUND_EVENT_ID: "e003", c.EVENT_ID: "e001", c.QUANTITY: 1.0, c.VALUE: 1.0}],
        schema=REVERSALS.schema,
    )
    gaps = count_gaps(Histories.from_events(events, back), as_of=day(30))
    assert gaps.to_pylist() == [{c.ITEM_ID: "x", c.GAP_DAYS: 10, c.COUNT: 1}]


def test_parts_add_up_in_any_order(make_events, day):
    rows = [("a", d, "x", f"a{d}", 1.0) for d in (0, 7, 14)]
    rows += [("b", d, "x", f"b{d}", 1.0) for d in (0, 7)]
    rows += [("b", d, "y", f"c{d}", 1.0) for d in (0, 3)]
    parts = [
        count_gaps(
            Histories.from_events(make_events(*(r for r in rows if r[0] == p))), as_of=day(30)
        )
        for p in "ab"
    ]
    whole = merge_gaps([count_gaps(Histories.from_events(make_events(*rows)), as_of=day(30))])
    assert merge_gaps(parts).equals(whole)
    assert merge_gaps(parts[::-1]).equals(whole)
    assert whole[c.COUNT].to_pylist() == [3, 1]


@pytest.mark.parametrize(
    ("at", "lead", "overdue", "due"),
    [
        (32.9, 3, 0, []),
        (33, 3, 0, [("a", "x", 0)]),
        (36, 0, 0, [("a", "x", 0)]),
        (36.1, 0, 0, []),
        (36.1, 0, 1, [("a", "x", 0)]),
        (36, 0, 15, [("a", "x", 0), ("b", "x", 0), ("b", "y", 1)]),
    ],
)
def test_an_item_is_due_from_lead_to_overdue(shop, day, at, lead, overdue, due):
    table = estimate_intervals(
        merge_gaps([count_gaps(shop, as_of=day(30))]), ITEMS, ReplenishmentConfig(minimum_repeats=3)
    )
    found = due_items(shop.everyone(day(at)), table, lead_days=lead, overdue_days=overdue)
    rows = zip(
        shop.person_ids[found.row],
        shop.item_ids[found.item],
        found.by_category.tolist(),
        strict=True,
    )
    assert list(rows) == due
