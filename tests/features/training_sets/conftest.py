"""A small shop of views, carts, purchases and refunds, and what its catalog says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.builders.item_attributes import ItemAttributes
from features.histories.histories import Histories
from features.tables import REVERSALS

ITEMS = [f"i{n}" for n in range(8)]


@pytest.fixture(scope="session")
def attributes(day):
    table = pa.table(
        {
            c.ITEM_ID: ITEMS,
            c.CATEGORY: [f"c{n % 3}" for n in range(len(ITEMS))],
            c.PRICE: np.arange(1.0, len(ITEMS) + 1),
            c.AVAILABILITY: ["in_stock"] * len(ITEMS),
        }
    )
    return ItemAttributes.from_items(table, known_at=day(60)).categories_only()


@pytest.fixture(scope="session")
def shop_rows():
    """(person, day, item, transaction, value, event) of 30 persons in 60 days."""
    rng = np.random.default_rng(3)
    rows = []
    for person in range(30):
        for _ in range(rng.integers(5, 25)):
            item = ITEMS[int(rng.choice(8, p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05]))]
            name = ("view", "cart_add", "purchase")[int(rng.integers(3))]
            at = float(np.round(rng.uniform(0, 60), 3))
            rows.append(
                (f"p{person:02d}", at, item, f"t{len(rows)}", float(rng.integers(1, 9)), name)
            )
    return rows


@pytest.fixture(scope="session")
def shop_events(make_events, shop_rows):
    """The events, with two refunds, and the table of what they take back."""
    bought = [n for n, row in enumerate(shop_rows) if row[-1] == "purchase"][:2]
    refunds = [
        (row[0], 59.0, row[2], row[3], row[4], "refund") for row in (shop_rows[n] for n in bought)
    ]
    back = [
        {
            c.REFUND_EVENT_ID: f"e{len(shop_rows) + n:03d}",
            c.EVENT_ID: f"e{place:03d}",
            c.QUANTITY: 1.0,
            c.VALUE: shop_rows[place][4],
        }
        for n, place in enumerate(bought)
    ]
    events = make_events(*shop_rows, *refunds)
    return events, pa.Table.from_pylist(back, schema=REVERSALS.schema)


@pytest.fixture(scope="session")
def shop(shop_events):
    return Histories.from_events(*shop_events)
