"""Times that are believed: not missing, not to come, not too old, not too late."""

from datetime import UTC, datetime, timedelta

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.engines.local import LocalEngine
from features.ingest.timestamps import Bounds, TimestampConfig, latest_of
from features.tables import TIMESTAMP

AS_OF = datetime(2026, 3, 10, tzinfo=UTC)
CONFIG = TimestampConfig(clock_skew_minutes=5, late_days=2)
MARK = AS_OF - timedelta(days=1)
STEP = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def judge():
    engine = LocalEngine()

    def run(times, watermarks=(None,), files=None):
        """(bad, held out, late) of each time."""
        bounds = Bounds.of(CONFIG, as_of=AS_OF, watermarks=watermarks)
        table = pa.table(
            {
                "time": pa.array(times, TIMESTAMP),
                "file": pa.array(files or [0] * len(times), pa.int64()),
                "n": range(len(times)),
            }
        )
        rows = engine.table(table)
        found = rows.select(
            "n",
            bad=bounds.bad(rows),
            held_out=bounds.held_out(rows, rows.file),
            late=bounds.late(rows, rows.file),
        ).order_by("n")
        return [tuple(row.values())[1:] for row in engine.collect(found).to_pylist()]

    return run


@pytest.mark.parametrize(
    ("time", "bad"),
    [
        (None, True),
        (AS_OF + timedelta(minutes=5), False),
        (AS_OF + timedelta(minutes=5) + STEP, True),
        (datetime(2000, 1, 1, tzinfo=UTC), False),
        (datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), True),
        (AS_OF - timedelta(days=3), False),
    ],
)
def test_a_time_is_believed_or_not(judge, time, bad):
    assert judge([time]) == [(bad, False, False)]


def test_late_events_are_admitted_within_the_window_and_held_out_after_it(judge):
    times = [MARK - timedelta(days=2), MARK - timedelta(days=2) - STEP, MARK - STEP, MARK, AS_OF]
    assert judge(times, [MARK]) == [
        (False, False, True),
        (False, True, True),
        (False, False, True),
        (False, False, False),
        (False, False, False),
    ]


def test_however_late():
    patient = TimestampConfig(late_days=None)
    bounds = Bounds.of(patient, as_of=AS_OF, watermarks=[MARK])
    engine, first = LocalEngine(), ibis.literal(0, "int64")
    rows = engine.table(pa.table({"time": pa.array([MARK - timedelta(days=900)], TIMESTAMP)}))
    found = rows.select(held_out=bounds.held_out(rows, first), late=bounds.late(rows, first))
    assert engine.collect(found).to_pylist() == [{"held_out": False, "late": True}]


def test_each_file_has_its_own_watermark(judge):
    old = MARK - timedelta(days=3)
    found = judge([old] * 3, [MARK, None, old], files=[0, 1, 2])
    assert found == [(False, True, True), (False, False, False), (False, False, False)]


def test_the_latest_of_moments_that_are_known():
    assert latest_of() is latest_of(None) is None
    assert latest_of(None, MARK, AS_OF, MARK) == AS_OF


@settings(max_examples=50)
@given(
    st.lists(st.none() | st.datetimes(timezones=st.just(UTC)), max_size=8),
    st.lists(st.none() | st.datetimes(timezones=st.just(UTC)), min_size=2, max_size=2),
)
def test_conditions_are_those_of_plain_comparisons(judge, times, marks):
    times = [t and t.replace(year=2026, month=3) for t in times]
    marks = [t and t.replace(year=2026, month=3) for t in marks]
    files = [n % 2 for n in range(len(times))]
    expected = []
    for time, file in zip(times, files, strict=True):
        mark = marks[file]
        late = time is not None and mark is not None and time < mark
        held = late and time < mark - timedelta(days=2)
        expected.append((time is None or time > AS_OF + timedelta(minutes=5), held, late))
    assert judge(times, marks, files) == expected
