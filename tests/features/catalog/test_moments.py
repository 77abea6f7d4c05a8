"""Dates as text."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalog.moments import parse_moment, parse_period


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T10:30", datetime(2026, 3, 1, 10, 30, tzinfo=UTC)),
        ("2026-03-01T10:30Z", datetime(2026, 3, 1, 10, 30, tzinfo=UTC)),
        ("2026-03-01T10:30-0800", datetime(2026, 3, 1, 18, 30, tzinfo=UTC)),
        ("2026-03-01T10:30:15.5+01:00", datetime(2026, 3, 1, 9, 30, 15, 500_000, tzinfo=UTC)),
    ],
)
def test_moments(written, moment):
    assert parse_moment(written) == moment


@pytest.mark.parametrize(
    "written", ["", "soon", "2026-02-30", "20260301", "2026-W10-1", "2026-03-01 10:30", "01/03/2026", "0001-01-01T00:00+1400", "2026-03-01T25:00"]
)  # fmt: skip
def test_no_moments(written):
    assert parse_moment(written) is None


def test_a_period_runs_from_start_to_end():
    assert parse_period("2026-03-01/2026-03-02T12:00Z") == {
        "starts": datetime(2026, 3, 1, tzinfo=UTC),
        "ends": datetime(2026, 3, 2, 12, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    "written", ["2026-03-01", "2026-03-01/", "2026-03-02/2026-03-01", "/", "a/b"]
)
def test_no_period(written):
    assert parse_period(written) == {}


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read(moment):
    assert parse_moment(moment.isoformat()) == moment


@given(st.text(max_size=30))
def test_any_text_is_a_moment_or_none(text):
    moment = parse_moment(text)
    assert moment is None or moment.tzinfo is UTC
