"""A small shop whose rhythm is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.histories.histories import Histories
from features.tables import TIMESTAMP

SHOP_CLOSES = datetime(2025, 6, 30, tzinfo=UTC)


def shop_purchases():
    """60 persons buy three of their own five staples every week for 20 weeks, and one item at random."""
    rng = np.random.default_rng(11)
    for person in range(60):
        staples = rng.permutation(40)[:5]
        for week in range(1, 21):
            items = {*rng.permutation(staples)[:3], rng.integers(40)}
            for item in sorted(items):
                yield f"p{person:02d}", f"i{item:02d}", SHOP_CLOSES - timedelta(days=7 * week - 2)


def shop_histories(purchases):
    text = pa.string()
    persons, items, times = zip(*purchases, strict=True)
    rows = len(persons)
    return Histories.from_events(
        pa.table(
            {
                c.PERSON_ID: pa.chunked_array([persons], text),
                c.ITEM_ID: pa.chunked_array([items], text),
                c.CATEGORY: pa.chunked_array([[None] * rows], text),
                c.TRANSACTION_ID: pa.chunked_array([[None] * rows], text),
                c.EVENT_ID: pa.chunked_array([[f"{row:06d}" for row in range(rows)]], text),
                c.EVENT_NAME: pa.chunked_array([["purchase"] * rows], text),
                c.TIME: pa.chunked_array([times], TIMESTAMP),
                c.QUANTITY: pa.chunked_array([[1.0] * rows], pa.float64()),
                c.VALUE: pa.chunked_array([[None] * rows], pa.float64()),
            }
        )
    )


@pytest.fixture(scope="session")
def shop():
    """(purchases, function that makes histories of purchases, moment the data end)."""
    return list(shop_purchases()), shop_histories, SHOP_CLOSES
