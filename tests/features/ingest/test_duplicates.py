"""Duplicates go, conflicts stay, and both source lines are kept."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.ingest.duplicates import DuplicateConfig, find_repeats
from features.sources.raw_events import RAW_EVENTS

START = datetime(2026, 3, 1, tzinfo=UTC)
BUY = {
    "event_id": "e1", "event_name": "purchase", "person_id": "p1", "item_id": "A", "quantity": 1.0, "value": 9.5,
    "transaction_id": "T1", "source": "web.csv",
}  # fmt: skip


def events(*rows):
    full = [
        {**dict.fromkeys(RAW_EVENTS.names), "line": n, "event_id": f"id{n}", **row, "time": START + timedelta(hours=row.get("time", 0))}
        for n, row in enumerate(rows, start=1)
    ]  # fmt: skip
    return pa.Table.from_pylist(full, schema=RAW_EVENTS)


@dataclass
class Deduplicated:
    """Events that are kept, under the ids they have now; lines that go; what was found."""

    events: pa.Table
    gone: list
    repeats: pa.Table

    def counts(self):
        return dict(sorted(Counter(self.repeats["reason_code"].to_pylist()).items()))


def deduplicate(table, config, *, age=None):
    found = find_repeats(table, config, age=age)
    place = table.schema.get_field_index("event_id")
    named = table.set_column(place, table.field("event_id"), found.event_ids)
    gone = table.filter(pa.array(found.dropped))["line"].to_pylist()
    return Deduplicated(named.filter(pa.array(~found.dropped)), gone, found.repeats)


def run(*rows, age=None, **options):
    return deduplicate(events(*rows), DuplicateConfig(**options), age=age)


def repeats(result):
    return [
        (row["reason_code"], row["source"], row["line"], row["kept_source"], row["kept_line"])
        for row in result.repeats.to_pylist()
    ]


def lines(result):
    return result.events["line"].to_pylist()


def test_events_that_share_nothing_pass():
    result = run(
        BUY,
        {**BUY, "event_id": "e2", "transaction_id": "T2"},
        {**BUY, "event_id": None, "transaction_id": None},
    )
    assert lines(result) == [1, 2, 3]
    assert result.counts() == {}


def test_a_browser_and_a_server_report_one_event():
    result = run({**BUY, "time": 1}, {**BUY, "source": "server.csv", "time": 0})
    assert lines(result) == [2]
    assert repeats(result) == [("duplicate_event", "web.csv", 1, "server.csv", 2)]


@pytest.mark.parametrize(("hours", "code"), [(48, "duplicate_event"), (48.01, "late_duplicate")])
def test_a_repeat_after_the_window_is_late(hours, code):
    result = run(BUY, {**BUY, "time": hours})
    assert lines(result) == [1]
    assert result.counts() == {code: 1}


def test_the_window_starts_at_the_kept_event():
    result = run(BUY, {**BUY, "time": 30}, {**BUY, "time": 60})
    assert result.counts() == {"duplicate_event": 1, "late_duplicate": 1}


def test_an_event_id_used_by_two_persons_is_not_merged():
    result = run(
        {**BUY, "transaction_id": None}, {**BUY, "transaction_id": None, "person_id": "p2"}
    )
    assert lines(result) == [1, 2]
    assert result.events["event_id"].to_pylist() == ["e1", "e1~2"]
    assert repeats(result) == [("event_id_shared", "web.csv", 2, "web.csv", 1)]


def test_an_event_id_used_for_two_things_is_not_merged():
    view = {**BUY, "event_name": "view", "transaction_id": None}
    result = run(view, {**view, "item_id": "B"}, {**view, "event_name": "cart_add"})
    assert lines(result) == [1, 2, 3]
    assert result.events["event_id"].to_pylist() == ["e1", "e1~2", "e1~3"]
    assert result.counts() == {"event_id_reused": 1}


def test_a_reloaded_confirmation_page_is_one_purchase():
    order = [{**BUY, "event_id": f"m{n}", "item_id": item} for n, item in enumerate("AB")]
    again = [{**row, "event_id": f"{row['event_id']}x", "time": 0.1} for row in reversed(order)]
    result = run(*order, *again)
    assert lines(result) == [1, 2]
    assert repeats(result) == [
        ("duplicate_transaction", "web.csv", 3, "web.csv", 1),
        ("duplicate_transaction", "web.csv", 4, "web.csv", 1),
    ]


def test_one_item_twice_in_one_order_is_two_lines():
    assert lines(run({**BUY, "event_id": "a"}, {**BUY, "event_id": "b"})) == [1, 2]


def test_one_transaction_with_another_value_is_a_conflict():
    result = run(
        {**BUY, "event_id": "a"},
        {**BUY, "event_id": "b", "value": 12.0, "time": 1},
        {**BUY, "event_id": "c", "time": 2},
    )
    assert lines(result) == [1, 2]
    assert repeats(result) == [
        ("transaction_conflict", "web.csv", 2, "web.csv", 1),
        ("duplicate_transaction", "web.csv", 3, "web.csv", 1),
    ]


def test_one_transaction_of_two_persons_is_not_merged():
    result = run({**BUY, "event_id": "a"}, {**BUY, "event_id": "b", "person_id": "p2", "time": 1})
    assert lines(result) == [1, 2]
    assert repeats(result) == [("transaction_shared", "web.csv", 2, "web.csv", 1)]


def test_a_refund_is_no_repeat_of_its_purchase():
    assert (
        run(
            {**BUY, "event_id": "a"}, {**BUY, "event_id": "b", "event_name": "refund", "time": 1}
        ).counts()
        == {}
    )


def test_a_day_delivered_twice_changes_nothing():
    day = [{**BUY, "event_id": f"e{n}", "item_id": item, "time": n} for n, item in enumerate("ABC")]
    once = run(*day)
    twice = run(
        *day,
        *({**row, "source": "web_resent.csv", "line": n} for n, row in enumerate(day, start=1)),
    )
    assert twice.events.equals(once.events)
    assert twice.gone == [1, 2, 3]


def test_what_was_known_before_stays():
    again = {**BUY, "source": "a.csv"}
    assert lines(run(BUY, again)) == [2]
    assert lines(run(BUY, again, age=np.array([0, 1]))) == [1]
    earlier = {**again, "time": -1}
    assert lines(run(BUY, earlier, age=np.array([0, 1]))) == [2]


def test_no_events():
    result = run()
    assert (result.events.num_rows, result.gone, result.repeats.num_rows) == (0, [], 0)


_rows = st.lists(
    st.fixed_dictionaries(
        {
            "event_id": st.sampled_from(["e1", "e2", "e3"]),
            "event_name": st.sampled_from(["view", "purchase"]),
            "person_id": st.sampled_from(["p1", "p2", None]),
            "item_id": st.sampled_from(["A", "B", None]),
            "transaction_id": st.sampled_from(["T1", None]),
            "value": st.sampled_from([1.0, None]),
            "time": st.sampled_from([0, 1, 60]),
            "source": st.sampled_from(["x.csv", "y.csv"]),
        }
    ),
    max_size=8,
)


@given(_rows)
def test_events_in_are_events_out_and_rejects_and_once_is_enough(rows):
    result = run(*rows)
    assert result.events.num_rows + len(result.gone) == len(rows)
    ids = result.events["event_id"].to_pylist()
    assert len(set(ids)) == len(ids)
    again = deduplicate(result.events, DuplicateConfig())
    assert again.events.equals(result.events)


@given(_rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows, random):
    table = events(*rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    one = deduplicate(table, DuplicateConfig())
    other = deduplicate(table.take(pa.array(order, pa.int64())), DuplicateConfig())
    assert sorted(map(str, one.events.to_pylist())) == sorted(map(str, other.events.to_pylist()))
    assert one.repeats.equals(other.repeats)
