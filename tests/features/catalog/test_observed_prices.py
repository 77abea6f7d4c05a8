"""Price is the median unit price paid in the window before the snapshot; nothing later counts."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest

from features import columns as c
from features.catalog.observed_prices import observed_catalog
from features.contracts import check
from features.engines.local import LocalEngine
from features.tables import CATALOG

ITEMS = ["never", "old", "sold"]


@pytest.fixture(scope="module")
def engine():
    return LocalEngine()


def snapshot(engine, events, as_of):
    items = pa.table(
        {
            c.ITEM_ID: ITEMS,
            c.TITLE: ITEMS,
            c.CATEGORY: ["k"] * 3,
            c.PRODUCT_TYPE: ["d"] * 3,
            c.BRAND: ["b"] * 3,
        }
    )
    table = observed_catalog(
        engine.table(items), events, engine, as_of=as_of, window_days=10, currency="USD"
    )
    return check(table, CATALOG, source="x")


ROWS = (
    ("a", 20, "sold", "t1", 2.0),
    ("a", 21, "sold", "t2", 3.0),
    ("a", 22, "sold", "t3", 10.0),
    ("a", 5, "sold", "t4", 99.0),
    ("a", 5, "old", "t5", 7.0),
)


def test_price_and_availability_are_what_recent_sales_show(engine, make_events, day):
    rows = snapshot(engine, make_events(*ROWS), day(25)).to_pylist()
    found = [(r[c.ITEM_ID], r[c.PRICE], r[c.AVAILABILITY], r[c.LAST_SOLD]) for r in rows]
    assert found == [
        ("never", None, None, None),
        ("old", None, None, day(5)),
        ("sold", 3.0, "in_stock", day(22)),
    ]


def test_the_window_starts_with_its_first_moment(engine, make_events, day):
    events = make_events(("a", 15, "sold", "t1", 4.0), ("a", 14.99, "old", "t2", 4.0))
    prices = snapshot(engine, events, day(25))[c.PRICE].to_pylist()
    assert prices == [None, None, 4.0]


def test_a_price_is_per_unit_in_cents_and_of_purchases_only(engine, make_events, day):
    events = make_events(("a", 20, "sold", "t1", 10.0), ("a", 21, "sold", None, 99.0, "view"))
    place = events.schema.get_field_index(c.QUANTITY)
    events = events.set_column(place, events.schema.field(place), pa.array([3.0, 1.0]))
    row = snapshot(engine, events, day(25)).to_pylist()[2]
    assert (row[c.PRICE], row[c.LAST_SOLD]) == (round(10 / 3, 2), day(20))


def test_later_sales_change_nothing(engine, make_events, day):
    before = snapshot(engine, make_events(*ROWS), day(25))
    later = (("a", 25, "old", "t6", 1.0), ("a", 26, "sold", "t7", 500.0))
    assert snapshot(engine, make_events(*ROWS, *later), day(25)).equals(before)


def test_the_snapshot_id_names_the_content(engine, make_events, day):
    first = snapshot(engine, make_events(*ROWS), day(25))
    other = snapshot(engine, make_events(*ROWS, ("a", 24, "old", "t6", 1.0)), day(25))
    later = snapshot(engine, make_events(*ROWS), day(25) + timedelta(seconds=1))
    ids = [table[c.SNAPSHOT_ID][0].as_py() for table in (first, other, later)]
    assert len(set(ids)) == 3
