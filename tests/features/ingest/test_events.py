"""Every raw row ends in events or in rejects, for the first rule it breaks, with identities masked."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import columns as c
from features.contracts import check
from features.engines.local import LocalEngine
from features.errors import GateError
from features.ingest.events import clean_events
from features.tables import EVENTS, REJECTS

NAIVE = pa.timestamp("us")
SCHEMA = pa.schema(
    [pa.field(f.name, NAIVE if pa.types.is_timestamp(f.type) else f.type) for f in EVENTS.schema]
)


@pytest.fixture(scope="module")
def engine():
    return LocalEngine()


def raw(*rows):
    """Raw purchases; each row is a dict of what differs from a good one."""
    table = [
        {
            **dict.fromkeys(SCHEMA.names),
            c.EVENT_ID: f"e{line}",
            c.EVENT_NAME: "purchase",
            c.TIME: datetime(2017, 1, 1, 12),  # noqa: DTZ001 - sources without a zone are UTC
            c.USER_ID: "u1",
            c.PERSON_ID: "u1",
            c.ITEM_ID: "i1",
            c.QUANTITY: 1.0,
            c.VALUE: 2.0,
            c.SOURCE: "shop",
            c.LINE: line,
            **row,
        }
        for line, row in enumerate(rows, start=1)
    ]
    return pa.Table.from_pylist(table, schema=SCHEMA)


def clean(engine, *rows, max_reject_rate=1.0):
    return clean_events(engine.table(raw(*rows)), engine, max_reject_rate=max_reject_rate)


@pytest.mark.parametrize(
    ("row", "reason", "shown"),
    [
        ({c.EVENT_NAME: "buy"}, "unknown_event", "event_name=buy"),
        ({c.TIME: None}, "bad_timestamp", "time=null"),
        ({c.USER_ID: None}, "no_identity", "(masked)"),
        ({c.ITEM_ID: None}, "missing_item_id", "item_id=null"),
        ({c.QUANTITY: 0.0}, "bad_quantity", "quantity=0.0"),
        ({c.VALUE: -1.0}, "bad_value", "value=-1.0"),
        ({c.EVENT_ID: "e1"}, "duplicate_event", "event_id=e1"),
        ({c.EVENT_NAME: "buy", c.QUANTITY: 0.0}, "unknown_event", "event_name=buy"),
    ],
)
def test_each_rule_rejects_with_its_code(engine, row, reason, shown):
    result = clean(engine, {}, row)
    assert result.events[c.LINE].to_pylist() == [1]
    assert result.rejects.to_pylist() == [
        {c.REASON_CODE: reason, c.SOURCE: "shop", c.LINE: 2, c.RAW_VALUE: shown}
    ]
    assert result.counts == {reason: 1}


def test_a_page_view_needs_no_item(engine):
    assert clean(engine, {c.EVENT_NAME: "page_view", c.ITEM_ID: None}).rejects.num_rows == 0


def test_an_anonymous_id_is_an_identity(engine):
    assert clean(engine, {c.USER_ID: None, c.ANONYMOUS_ID: "cookie"}).rejects.num_rows == 0


def test_a_value_of_nothing_is_a_value(engine):
    assert clean(engine, {c.VALUE: 0.0}).rejects.num_rows == 0


def test_times_become_utc_and_events_are_sorted(engine):
    early, late = datetime(2017, 1, 1), datetime(2017, 1, 2)  # noqa: DTZ001 - as above
    events = clean(engine, {c.TIME: late}, {c.TIME: early}, {c.TIME: early}).events
    assert check(events, EVENTS, source="x")[c.EVENT_ID].to_pylist() == ["e2", "e3", "e1"]
    assert events[c.TIME].to_pylist() == [when.replace(tzinfo=UTC) for when in (early, early, late)]


def test_too_many_rejects_stop_the_run(engine):
    with pytest.raises(GateError) as caught:
        clean(engine, {}, {c.QUANTITY: 0.0}, {c.QUANTITY: 0.0}, max_reject_rate=0.5)
    assert "66.7% of 3 rows were refused, most for 'bad_quantity' (2)" in str(caught.value)
    assert caught.value.exit_code == 1


wrong = st.sampled_from(
    [
        {},
        {c.EVENT_NAME: "buy"},
        {c.TIME: None},
        {c.USER_ID: None},
        {c.EVENT_ID: "same"},
        {c.QUANTITY: -1.0},
        {c.ITEM_ID: None, c.VALUE: -3.0},
    ]
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(rows=st.lists(wrong, min_size=1, max_size=12))
def test_rows_in_are_rows_out_plus_rejects(engine, rows):
    result = clean(engine, *rows)
    lines = sorted(result.events[c.LINE].to_pylist() + result.rejects[c.LINE].to_pylist())
    assert lines == list(range(1, len(rows) + 1))
    check(result.rejects, REJECTS, source="x")
