"""The series of feed errors: carried on, cut at the moment of the run, and never a zero where nobody looked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from features.catalog.error_history import KEPT_DAYS, NO_ITEM, carry_on
from features.catalog.readers.raw import RawFeed
from features.catalog.validation import FeedConfig, validate_feed
from features.feed_tables import FEED_HISTORY
from features.quality.feed import error_series
from features.tables import REJECTS

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCHEMA = pa.schema(
    [("line", pa.int64()), *((n, pa.string()) for n in ("id", "title", "link", "image_link"))]
)
NOTHING = FEED_HISTORY.schema.empty_table()


def judged(*titles, rejects=0):
    """A content feed of one row per title; a row without title is no item."""
    rows = [
        {"line": n, "id": f"i{n}", "title": title, "link": "https://e.com/1", "image_link": "https://e.com/1.png"}
        for n, title in enumerate(titles, start=2)
    ]  # fmt: skip
    refused = pa.Table.from_pylist(
        [{"reason_code": "bad", "source": "f", "line": 90 + n} for n in range(rejects)],
        schema=REJECTS.schema,
    )
    return validate_feed(
        RawFeed("feed", pa.Table.from_pylist(rows, schema=SCHEMA), refused),
        FeedConfig(vertical="content"),
        as_of=AT,
    )


def rows(history):
    return [tuple(row.values()) for row in history.to_pylist()]


def test_an_ingestion_adds_its_counts():
    history = carry_on(NOTHING, judged("A", None, "C", rejects=1), as_of=AT)
    assert rows(history) == [
        (AT, "bad", 1, 4),
        (AT, NO_ITEM, 1 + 1, 4),
        (AT, "title_missing", 1, 4),
    ]


def test_a_clean_feed_was_looked_at_too():
    assert rows(carry_on(NOTHING, judged("A"), as_of=AT)) == [(AT, NO_ITEM, 0, 1)]


def test_the_history_is_carried_on_and_the_same_moment_replaced():
    first = carry_on(NOTHING, judged(None), as_of=AT)
    second = carry_on(first, judged("A"), as_of=AT + timedelta(days=2))
    assert rows(second) == [*rows(first), (AT + timedelta(days=2), NO_ITEM, 0, 1)]
    again = carry_on(second, judged("A"), as_of=AT)
    assert rows(again) == [(AT, NO_ITEM, 0, 1)]


@pytest.mark.parametrize(("days", "kept"), [(KEPT_DAYS, 1), (KEPT_DAYS - 1, 2)])
def test_old_ingestions_leave_the_history(days, kept):
    first = carry_on(NOTHING, judged("A"), as_of=AT)
    assert carry_on(first, judged("A"), as_of=AT + timedelta(days=days)).num_rows == kept


def test_a_day_without_ingestion_is_a_gap_and_a_day_without_the_issue_a_zero():
    history = carry_on(NOTHING, judged("A", None), as_of=AT)
    history = carry_on(history, judged("A", "B"), as_of=AT + timedelta(days=2))
    assert [tuple(point) for point in error_series(history)] == [
        ("rows that are no items", "2026-03-01", 1 / 2),
        ("rows that are no items", "2026-03-02", None),
        ("rows that are no items", "2026-03-03", 0.0),
        ("title missing", "2026-03-01", 1 / 2),
        ("title missing", "2026-03-02", None),
        ("title missing", "2026-03-03", 0.0),
    ]


def test_the_last_ingestion_of_a_day_counts():
    history = carry_on(NOTHING, judged(None), as_of=AT)
    history = carry_on(history, judged("A"), as_of=AT + timedelta(hours=3))
    assert {point.value for point in error_series(history)} == {0.0}


def test_at_most_six_lines():
    history = carry_on(NOTHING, judged("A"), as_of=AT)
    more = [{**history.to_pylist()[0], "issue_code": f"code_{n}", "rows_with_issue": n} for n in range(9)]  # fmt: skip
    table = pa.concat_tables([history, pa.Table.from_pylist(more, schema=FEED_HISTORY.schema)])
    lines = dict.fromkeys(point.line for point in error_series(table))
    assert list(lines) == ["rows that are no items", "code 8", "code 7", "code 6", "code 5", "code 4"]  # fmt: skip


def test_a_feed_without_rows_has_no_share():
    empty = replace(judged("A"), rows=0)
    assert error_series(carry_on(NOTHING, empty, as_of=AT))[0].value == 0.0
