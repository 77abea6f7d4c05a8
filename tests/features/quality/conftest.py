"""A shop of named events: what a test does not name is empty."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from features.contracts import check
from features.engines.local import LocalEngine
from features.feed_tables import FEED_ITEMS
from features.quality.observed import observe
from features.tables import EVENTS

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday


def event(name="view", person="p1", *, day=0.0, **fields):
    """One event; `day` counts from Monday 2 March 2026."""
    return {
        "event_name": name,
        "person_id": person,
        "anonymous_id": f"a-{person}",
        "item_id": "1",
        "source": "web.csv",
        "time": START + timedelta(days=day),
        **fields,
    }


def table(rows):
    """Checked events with ids of their own."""
    full = [
        {**dict.fromkeys(EVENTS.schema.names), "event_id": f"e{n:05d}", "line": n + 1, **row}
        for n, row in enumerate(rows)
    ]
    return check(pa.Table.from_pylist(full, schema=EVENTS.schema), EVENTS, source="test")


@pytest.fixture(scope="session")
def make_event():
    return event


@pytest.fixture(scope="session")
def to_table():
    return table


@pytest.fixture(scope="session")
def engine():
    return LocalEngine()


@pytest.fixture(scope="session")
def after():
    """The moment `days` after the first Monday."""
    return lambda days: START + timedelta(days=days)


@pytest.fixture(scope="session")
def see(engine, after):
    """Rows as seen at a moment, 28 days after the first Monday unless said otherwise."""
    return lambda rows, days=28, recent=None: observe(
        table(rows), as_of=after(days), recent_days=recent, engine=engine
    )


@pytest.fixture(scope="session")
def feed():
    """Feed items from item ids and their groups."""

    def build(*ids, groups=None):
        full = {name: [None] * len(ids) for name in FEED_ITEMS.schema.names}
        full |= {"item_id": list(ids), "category": ["other"] * len(ids)}
        full["item_group_id"] = list(groups) if groups else [None] * len(ids)
        return pa.table(full, schema=FEED_ITEMS.schema)

    return build
