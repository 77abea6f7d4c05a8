"""From texts to unchecked events: every reason of refusal, times in any dress, ids that outlive the file."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.config import validate
from features.errors import ConfigError
from features.files.rejects import RejectLog
from features.sources.event_names import EventNames, EventNamesConfig
from features.sources.raw_events import (
    RAW_EVENTS,
    RawEventsConfig,
    TimeConfig,
    parse_times,
    to_events,
)

GOOD = {
    "event_name": "purchase",
    "time": "2026-03-01T10:00:00Z",
    "user_id": "u1",
    "item_id": "A1",
    "quantity": "2",
    "value": "9.50",
    "transaction_id": "T1",
}


def events(*rows, source="day1.csv", lines=None, **options):
    config = validate(RawEventsConfig, {"currency": "EUR", **options}, subject="test")
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
    line = pa.array(lines or list(range(2, 2 + len(rows))), pa.int64())
    log = RejectLog(source, private=True)
    return to_events(
        pa.table({"line": line, **columns}),
        names=EventNames(EventNamesConfig(ignored=("scroll",))), config=config, log=log, rows=len(set(line.to_pylist())),
    )  # fmt: skip


def test_a_good_row_becomes_an_event():
    result = events(GOOD)
    assert result.events.schema == RAW_EVENTS
    row = result.events.to_pylist()[0]
    assert row["time"] == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert (row["quantity"], row["value"], row["currency"]) == (2.0, 9.5, "EUR")
    assert (row["source"], row["line"], row["person_id"]) == ("day1.csv", 2, None)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"event_name": "mystery"}, "unknown_event", id="unknown name"),
        pytest.param({"event_name": None}, "unknown_event", id="no name"),
        pytest.param({"event_name": "scroll"}, "ignored_event", id="ignored name"),
        pytest.param({"time": "yesterday"}, "bad_timestamp", id="no time"),
        pytest.param({"time": "2026-02-30T10:00:00Z"}, "bad_timestamp", id="no such day"),
        pytest.param({"time": "20260301"}, "bad_timestamp", id="no separators"),
        pytest.param({"quantity": "two"}, "bad_quantity", id="quantity"),
        pytest.param({"quantity": "inf"}, "bad_quantity", id="infinite quantity"),
        pytest.param({"value": "9,50"}, "bad_value", id="decimal comma"),
        pytest.param({"value": "1e999"}, "bad_value", id="overflow"),
        pytest.param({"transaction_id": ""}, "empty_transaction_id", id="empty transaction"),
        pytest.param({"transaction_id": "  "}, "empty_transaction_id", id="blank transaction"),
        pytest.param({"time": "x", "value": "y", "event_name": "z"}, "unknown_event", id="the first reason counts"),
    ],
)  # fmt: skip
def test_each_reason_of_refusal(change, code):
    result = events({**GOOD, **change}, GOOD)
    assert result.rejects["reason_code"].to_pylist() == [code]
    assert result.rejects["line"].to_pylist() == [2]
    assert result.events.num_rows == 1
    assert result.rows == 2


def test_what_is_missing_is_left_to_the_cleaning():
    row = events(
        {"event_name": "view", "item_id": "NaN", "user_id": "(not set)", "transaction_id": ""}
    ).events
    found = row.to_pylist()[0]
    assert [
        found[name]
        for name in ("time", "item_id", "user_id", "transaction_id", "value", "currency")
    ] == [None] * 6


def test_ids_are_texts_and_whole_floats_are_whole():
    row = events(
        {**GOOD, "user_id": " 17850.0 ", "item_id": "007", "anonymous_id": "12.50"}
    ).events.to_pylist()[0]
    assert (row["user_id"], row["item_id"], row["anonymous_id"]) == ("17850", "007", "12.50")


@pytest.mark.parametrize(
    ("written", "consent"), [("granted", True), ("TRUE", True), ("denied", False), ("0", False), ("maybe", None), (None, None)]
)  # fmt: skip
def test_consent_that_is_not_said_is_unknown(written, consent):
    row = events({**GOOD, "consent_personalisation": written}).events.to_pylist()[0]
    assert row["consent_personalisation"] is consent


def test_if_one_item_of_an_order_is_refused_the_order_is_refused_once():
    result = events(
        GOOD, {**GOOD, "value": "x"}, {**GOOD, "quantity": "y"}, GOOD, lines=[2, 2, 2, 3]
    )
    assert result.rejects["reason_code"].to_pylist() == ["bad_quantity"]
    assert result.events["line"].to_pylist() == [3]


@pytest.mark.parametrize(
    ("unit", "zone", "written", "moment"),
    [
        ("iso", "UTC", "2026-03-01 10:00:00 UTC", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        (
            "iso",
            "UTC",
            "2026-03-01T10:00:00.250+01:00",
            datetime(2026, 3, 1, 9, 0, 0, 250_000, tzinfo=UTC),
        ),
        ("iso", "UTC", "2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("iso", "Europe/London", "2026-07-01 10:00:00", datetime(2026, 7, 1, 9, tzinfo=UTC)),
        ("iso", "Europe/London", "2026-07-01T10:00:00Z", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("iso", "Europe/London", "2026-10-25 01:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("iso", "Europe/London", "2026-03-29 01:30:00", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("iso", "UTC", "9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("seconds", "UTC", "1511544070", datetime(2017, 11, 24, 17, 21, 10, tzinfo=UTC)),
        ("seconds", "UTC", "1511544070.0", datetime(2017, 11, 24, 17, 21, 10, tzinfo=UTC)),
        (
            "milliseconds",
            "UTC",
            "1511544070123",
            datetime(2017, 11, 24, 17, 21, 10, 123_000, tzinfo=UTC),
        ),
        ("seconds", "UTC", "-1", None),
        ("seconds", "UTC", "9" * 18, None),
        ("iso", "UTC", "1511544070", None),
        ("iso", "UTC", "2026-03-01T25:00:00Z", None),
    ],
)
def test_times(unit, zone, written, moment):
    texts = pa.chunked_array([pa.array(["2026-01-01T00:00:00Z", None, written])])
    assert parse_times(texts, TimeConfig(unit=unit, zone=zone)).to_pylist()[1:] == [None, moment]


def test_an_unknown_zone_is_refused():
    with pytest.raises(ConfigError, match="no such time zone; write it like Europe/London"):
        events(GOOD, time={"zone": "Londn"})


def test_an_event_delivered_twice_keeps_its_id():
    first, again = (
        events(GOOD, source="day1.csv"),
        events({"event_name": "view"}, GOOD, source="resent.csv"),
    )
    assert first.events["event_id"].to_pylist()[0] == again.events["event_id"].to_pylist()[1]


def test_equal_rows_of_one_file_are_two_events():
    ids = events(GOOD, GOOD, {**GOOD, "item_id": "B"}).events["event_id"].to_pylist()
    assert len(set(ids)) == 3
    assert ids[1] == f"{ids[0]}-1"


def test_a_given_event_id_stays():
    assert events({**GOOD, "event_id": "e1"}).events["event_id"].to_pylist() == ["e1"]


def test_private_lines_stay_private():
    log = RejectLog("x", private=True)
    log.add("wrong_column_count", line=1, value="alice@example.com,view")
    log.add("unknown_event", line=2, value="mystery", identity=False)
    assert log.table()["raw_value"].to_pylist() == ["a***(22)", "mystery"]


_values = st.one_of(
    st.none(),
    st.text(max_size=6),
    st.sampled_from([*GOOD.values(), "NaN", "=1", "-3", "2026-13-01"]),
)
_row = st.dictionaries(
    st.sampled_from([*GOOD, "anonymous_id", "page", "consent_measurement", "price"]), _values
)


@given(st.lists(_row, max_size=6), st.randoms(use_true_random=False))
def test_rows_in_are_rows_out_and_their_order_changes_nothing(rows, random):
    result = events(*rows)
    assert result.events.num_rows + result.rejects.num_rows == len(rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = events(*(rows[n] for n in order))
    assert sorted(shuffled.events["event_id"].to_pylist()) == sorted(
        result.events["event_id"].to_pylist()
    )
    assert shuffled.counts == result.counts
