"""Times that are believed: not missing, not to come, not too old, not too late."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.ingest.timestamps import TimestampConfig, admit
from features.sources.raw_events import RAW_EVENTS

AS_OF = datetime(2026, 3, 10, tzinfo=UTC)
CONFIG = TimestampConfig(clock_skew_minutes=5, late_days=2)


def events(*times):
    rows = [
        {**dict.fromkeys(RAW_EVENTS.names), "time": time, "source": "f.csv", "line": n}
        for n, time in enumerate(times, start=1)
    ]
    return pa.Table.from_pylist(rows, schema=RAW_EVENTS)


@pytest.mark.parametrize(
    ("time", "code"),
    [
        (None, "bad_timestamp"),
        (AS_OF + timedelta(minutes=5), None),
        (AS_OF + timedelta(minutes=5, microseconds=1), "bad_timestamp"),
        (datetime(2000, 1, 1, tzinfo=UTC), None),
        (datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), "bad_timestamp"),
        (AS_OF - timedelta(days=3), None),
    ],
)
def test_a_time_is_believed_or_not(time, code):
    result = admit(events(time), CONFIG, as_of=AS_OF)
    assert result.rejects["reason_code"].to_pylist() == ([code] if code else [])
    assert result.events.num_rows == (0 if code else 1)
    assert result.watermark == (None if code else time)


def test_late_events_are_admitted_within_the_window_and_held_out_after_it():
    watermark = AS_OF - timedelta(days=1)
    times = [
        watermark - timedelta(days=2),
        watermark - timedelta(days=2, microseconds=1),
        watermark,
        AS_OF,
    ]
    result = admit(events(*times), CONFIG, as_of=AS_OF, watermark=watermark)
    assert result.rejects.to_pylist() == [
        {
            "reason_code": "late_event",
            "source": "f.csv",
            "line": 2,
            "raw_value": "2026-03-06 23:59:59.999999Z",
        }
    ]
    assert result.late == 1
    assert result.watermark == AS_OF


def test_the_watermark_never_falls():
    assert admit(events(), CONFIG, as_of=AS_OF, watermark=AS_OF).watermark == AS_OF
    old = admit(events(AS_OF - timedelta(days=1)), CONFIG, as_of=AS_OF, watermark=AS_OF)
    assert old.watermark == AS_OF
    assert old.late == 1


@given(
    st.lists(st.none() | st.datetimes(timezones=st.just(UTC)), max_size=8),
    st.none() | st.just(AS_OF),
)
def test_events_in_are_events_out_and_rejects(times, watermark):
    result = admit(events(*times), CONFIG, as_of=AS_OF, watermark=watermark)
    assert result.events.num_rows + result.rejects.num_rows == len(times)
