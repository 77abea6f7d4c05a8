"""Small histories, written as (person, item, days before the cut-off)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.histories.histories import Histories
from features.tables import TIMESTAMP

CUTOFF = datetime(2025, 6, 30, tzinfo=UTC)


def build_histories(events):
    """Histories of rows (person, item, days before the cut-off[, event name]); a purchase where no name is given.

    Events of one person at one moment keep their order.
    """
    names = [row[3] if len(row) > 3 else "purchase" for row in events]
    rows = [row[:3] for row in events]
    text = pa.string()
    return Histories.from_events(
        pa.table(
            {
                c.PERSON_ID: pa.chunked_array([[p for p, _, _ in rows]], text),
                c.ITEM_ID: pa.chunked_array([[i for _, i, _ in rows]], text),
                c.CATEGORY: pa.chunked_array([[None] * len(rows)], text),
                c.TRANSACTION_ID: pa.chunked_array([[None] * len(rows)], text),
                c.EVENT_ID: pa.chunked_array([[f"{n:06d}" for n in range(len(rows))]], text),
                c.EVENT_NAME: pa.chunked_array([names], text),
                c.TIME: pa.chunked_array(
                    [[CUTOFF - timedelta(days=d) for *_, d in rows]], TIMESTAMP
                ),
                c.QUANTITY: pa.chunked_array([[1.0] * len(rows)], pa.float64()),
                c.VALUE: pa.chunked_array([[None] * len(rows)], pa.float64()),
            }
        )
    )


def checkerboard_purchases():
    """Rectangular and asymmetric: 14 persons of two tastes, 22 items, item 'b00' the most popular."""
    rng = np.random.default_rng(5)
    for person in range(14):
        taste = "a" if person < 9 else "b"
        for item in rng.permutation(11)[: 6 + person % 3]:
            for repeat in range(1 + int(item) % 2):
                yield f"p{person:02d}", f"{taste}{item:02d}", 1.0 + (int(item) * 7 + repeat) % 40
        yield f"p{person:02d}", "b00", 3.0 + person


@pytest.fixture
def cutoff():
    return CUTOFF


@pytest.fixture
def make_histories():
    return build_histories


@pytest.fixture
def purchases():
    return list(checkerboard_purchases())


@pytest.fixture
def histories(purchases):
    return build_histories(purchases)
