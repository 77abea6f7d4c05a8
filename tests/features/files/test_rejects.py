"""The log of refused rows: every row keeps its own entry, nothing private is shown."""

import pytest

from features.files.rejects import RejectLog, masked, shown


def test_each_refused_row_keeps_an_entry_even_when_all_share_one_line():
    log = RejectLog("feed.json")
    for value in ("a", "b", "c"):
        log.add("bad", line=1, value=value)
    log.add("worse", line=1, value=None)
    assert log.table().to_pylist() == [
        {"reason_code": "bad", "source": "feed.json", "line": 1, "raw_value": "a"},
        {"reason_code": "bad", "source": "feed.json#2", "line": 1, "raw_value": "b"},
        {"reason_code": "bad", "source": "feed.json#3", "line": 1, "raw_value": "c"},
        {"reason_code": "worse", "source": "feed.json", "line": 1, "raw_value": None},
    ]
    assert log.counts == {"bad": 3, "worse": 1}


def test_an_empty_log_is_an_empty_table():
    assert RejectLog("feed.json").table().num_rows == 0


def test_an_identity_is_masked():
    log = RejectLog("events.csv")
    log.add("no", line=2, value="alice@example.com", identity=True)
    assert log.table()["raw_value"].to_pylist() == ["a***(17)"]
    assert masked("1234567") == "***(7)"


@pytest.mark.parametrize("value", ["", "\x00", "\ud800abcdefgh", "é" * 200])
def test_what_is_shown_can_always_be_written(value):
    assert shown(value).encode("utf-8").isascii() or "é" in value
    masked(value).encode("utf-8")


def test_a_long_value_says_how_long_it_is():
    assert shown("x" * 81) == "x" * 80 + "... (81 characters)"
