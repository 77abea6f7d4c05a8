"""A shop for engines, and each engine in turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.contracts import check
from features.tables import EVENTS

STARTS = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(params=["local", "spark"])
def engine(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def shop_events():
    """Checked events of 40 persons, ids and texts of every kind, some persons with one event, one with hundreds."""
    rng = np.random.default_rng(11)
    people = [f"p {number}é" for number in range(40)]
    rows = []
    for number in range(900):
        person = people[0] if number % 3 == 0 else people[int(rng.integers(40))]
        bought = rng.random() < 0.6
        rows.append(
            {
                **dict.fromkeys(EVENTS.schema.names),
                c.EVENT_ID: f"e{number:04d}",
                c.EVENT_NAME: "purchase" if bought else "view",
                c.TIME: STARTS + timedelta(microseconds=int(rng.integers(90 * 86_400 * 10**6))),
                c.USER_ID: person,
                c.PERSON_ID: person,
                c.ITEM_ID: str(rng.integers(12)),
                c.QUANTITY: float(rng.integers(1, 4)) if bought else None,
                c.VALUE: round(float(rng.uniform(0, 30)), 2) if bought else None,
                c.CURRENCY: "USD" if bought else None,
                c.TRANSACTION_ID: f"t{rng.integers(200)}" if bought else None,
                c.SOURCE: "test",
                c.LINE: number + 1,
            }
        )
    table = pa.Table.from_pylist(rows, schema=EVENTS.schema)
    return check(table, EVENTS, source="test")


@pytest.fixture(scope="session")
def shop_closes():
    """A moment by which most of the shop's events have happened."""
    return STARTS + timedelta(days=70)
