"""What is due by hand: mean gap of the item, or of its category where there are too few repeats."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.builders.item_attributes import ItemAttributes
from features.builders.item_counts import ItemCounts
from features.builders.knowledge import Knowledge
from features.builders.replenishment import MIN_ITEM_GAPS
from features.histories.histories import Histories, microseconds
from features.segments.replenishment import due_items
from features.tables import REVERSALS

GAPS = (10, 14, 12, 11, 13)  # of x: mean 12, just enough


def shop_of(histories, at):
    items = pa.table(
        {
            c.ITEM_ID: ["x", "y", "z"],
            c.CATEGORY: ["tea", "tea", "cups"],
            c.PRICE: [1.0, 1.0, 1.0],
            c.AVAILABILITY: ["in_stock"] * 3,
        }
    )
    attributes = ItemAttributes.from_items(items, known_at=at)
    return Knowledge.of(counts=ItemCounts.of(histories.everyone(at)), attributes=attributes)


@pytest.fixture
def rows():
    days = np.concatenate([[0], np.cumsum(GAPS)]).tolist()
    return [
        *(("a", at, "x", f"t{at}", 1.0) for at in days),
        ("b", 55, "x", "b1", 1.0),
        ("b", 52, "y", "b2", 1.0),
        ("c", 55, "z", "c1", 1.0),
    ]


@pytest.mark.parametrize(
    ("at", "lead", "overdue", "due"),
    [
        (62, 1.9, 0, []),
        (62, 2, 0, [("b", "y", True)]),
        (64, 0, 0, [("b", "y", True)]),
        (64.1, 0, 0, []),
        (65, 2, 1, [("b", "y", True), ("b", "x", False)]),
        (72, 0, 0, [("a", "x", False)]),
    ],
)
def test_an_item_is_due_from_lead_to_overdue(make_histories, day, rows, at, lead, overdue, due):
    histories = make_histories(*rows)
    assert len(GAPS) == MIN_ITEM_GAPS
    found = due_items(
        histories.everyone(day(at)),
        shop_of(histories, day(61)),
        lead_days=lead,
        overdue_days=overdue,
    )
    lines = zip(
        histories.person_ids[found.row],
        histories.item_ids[found.item],
        found.by_category.tolist(),
        strict=True,
    )
    assert list(lines) == due


def test_due_counts_from_the_last_purchase_that_was_kept(make_events, day, rows):
    events = make_events(*rows, ("b", 58, "x", "b3", 1.0), ("b", 59, "x", "b3", 1.0, "refund"))
    names = [f"e{len(rows) + n:03d}" for n in (1, 0)]
    back = pa.Table.from_pylist(
        [{c.REFUND_EVENT_ID: names[0], c.EVENT_ID: names[1], c.QUANTITY: 1.0, c.VALUE: 1.0}],
        schema=REVERSALS.schema,
    )
    histories = Histories.from_events(events, back)
    view = histories.everyone(day(67))
    found = due_items(view, shop_of(histories, day(61)), lead_days=0.5, overdue_days=0.5)
    assert histories.person_ids[found.row].tolist() == ["b"]
    assert found.bought.tolist() == [microseconds(day(55))]
    assert found.due.tolist() == [microseconds(day(55 + np.mean(GAPS)))]


def test_without_intervals_nothing_is_due(make_histories, day, rows):
    histories = make_histories(*rows)
    found = due_items(histories.everyone(day(64)), Knowledge.of(), lead_days=99, overdue_days=99)
    assert len(found.row) == 0
