"""The sale price holds from its start up to its end; else the price."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from features.catalog.offer_price import offer_price
from features.feed_tables import FEED_ITEMS
from features.histories.histories import microseconds

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)


def items(*rows):
    full = [{"item_id": str(n), "category": "k", **row} for n, row in enumerate(rows)]
    return pa.Table.from_pylist(full, schema=FEED_ITEMS.schema)


SALE = {"price": 10.0, "sale_price": 8.0}
PERIOD = {**SALE, "sale_starts": START, "sale_ends": END}


@pytest.mark.parametrize(
    ("row", "at", "expected"),
    [
        (SALE, START, 8.0),
        (PERIOD, START, 8.0),
        (PERIOD, datetime(2026, 2, 28, 23, 59, tzinfo=UTC), 10.0),
        (PERIOD, END, 10.0),
        ({"price": 10.0}, START, 10.0),
        ({}, START, np.nan),
    ],
)
def test_the_price_in_force(row, at, expected):
    assert offer_price(items(row), at=at) == pytest.approx([expected], nan_ok=True)


def test_every_item_has_its_own_moment():
    at = np.array([microseconds(START), microseconds(END)])
    assert offer_price(items(PERIOD, PERIOD), at=at).tolist() == [8.0, 10.0]
