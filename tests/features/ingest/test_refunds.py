"""Refunds take back what was bought, no more, and only what was bought before."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.ingest.refunds import RefundConfig, reverse
from features.sources.raw_events import RAW_EVENTS

START = datetime(2026, 3, 1, tzinfo=UTC)


def event(name, item="A", *, quantity=1.0, value=10.0, transaction="T1", person="p1", hour=0):
    return {
        "event_name": name, "item_id": item, "quantity": quantity, "value": value, "transaction_id": transaction,
        "person_id": person, "time": START + timedelta(hours=hour),
    }  # fmt: skip


def run(*rows, match="transaction"):
    full = [
        {**dict.fromkeys(RAW_EVENTS.names), **row, "event_id": f"e{n}", "source": "f.csv", "line": n + 1}
        for n, row in enumerate(rows)
    ]  # fmt: skip
    return reverse(pa.Table.from_pylist(full, schema=RAW_EVENTS), RefundConfig(match=match))


def taken(result):
    return [tuple(row.values()) for row in result.reversals.to_pylist()]


def test_a_refund_takes_back_units_and_money_in_proportion():
    result = run(event("purchase", quantity=4.0, value=10.0), event("refund", quantity=1.0, hour=1))
    assert taken(result) == [("e1", "e0", 1.0, 10.0 * 1 / 4)]
    assert result.rejects.num_rows == 0


def test_a_cancellation_without_item_takes_back_the_whole_order():
    rows = [
        event("purchase", "A"),
        event("purchase", "B", quantity=2.0, value=8.0),
        event("cancel", None, quantity=None, hour=1),
    ]
    assert taken(run(*rows)) == [("e2", "e0", 1.0, 10.0), ("e2", "e1", 2.0, 8.0)]


@pytest.mark.parametrize(
    "refund",
    [
        event("refund", transaction="T2", hour=1),
        event("refund", transaction=None, hour=1),
        event("refund", "B", hour=1),
        event("refund", hour=-1),
    ],
    ids=["another transaction", "no transaction", "another item", "before the purchase"],
)
def test_a_refund_of_an_unknown_purchase_goes_to_the_reconciliation_list(refund):
    result = run(event("purchase"), refund)
    assert taken(result) == []
    assert result.rejects["reason_code"].to_pylist() == ["unknown_transaction"]
    assert result.rejects["line"].to_pylist() == [2]
    assert result.events["event_id"].to_pylist() == ["e0"]


def test_no_more_is_taken_back_than_was_bought():
    rows = [
        event("purchase", quantity=3.0, value=9.0),
        event("refund", quantity=2.0, hour=1),
        event("refund", quantity=2.0, hour=2),
    ]
    result = run(*rows)
    assert taken(result) == [("e1", "e0", 2.0, 6.0), ("e2", "e0", 1.0, 3.0)]
    assert result.unmatched_quantity == 2 + 2 - 3


def test_a_credit_note_with_its_own_number_finds_the_latest_purchases_of_the_item():
    rows = [
        event("purchase", quantity=2.0, transaction="1", hour=0),
        event("purchase", quantity=2.0, transaction="2", hour=1, value=None),
        event("purchase", quantity=2.0, transaction="3", hour=9),
        event("purchase", "B", transaction="4", hour=1),
        event("purchase", transaction="5", hour=1, person="p2"),
        event("refund", quantity=3.0, transaction="C9", hour=2),
        event("refund", None, transaction="C9", hour=2),
    ]
    result = run(*rows, match="person_item")
    assert taken(result) == [("e5", "e0", 1.0, 5.0), ("e5", "e1", 2.0, None)]
    assert result.rejects["line"].to_pylist() == [7]
    assert run(*rows).rejects.num_rows == 2


def test_a_purchase_without_quantity_is_one_unit():
    result = run(
        event("purchase", quantity=None),
        event("refund", quantity=None, hour=1),
        event("refund", hour=2),
    )
    assert taken(result) == [("e1", "e0", 1.0, 10.0)]
    assert result.unmatched_quantity == 1.0


_rows = st.lists(
    st.builds(
        event,
        st.sampled_from(["purchase", "refund", "cancel", "view"]),
        st.sampled_from(["A", "B", None]),
        quantity=st.sampled_from([None, 1.0, 3.0]),
        transaction=st.sampled_from(["T1", "T2", None]),
        person=st.sampled_from(["p1", "p2"]),
        hour=st.integers(0, 3),
    ),
    max_size=8,
)


@given(_rows, st.sampled_from(["transaction", "person_item"]))
def test_every_event_is_accounted_for_and_none_taken_back_twice(rows, match):
    result = run(*rows, match=match)
    assert result.events.num_rows + result.rejects.num_rows == len(rows)
    back = {}
    for row in result.reversals.to_pylist():
        back[row["event_id"]] = back.get(row["event_id"], 0.0) + row["quantity"]
    for name, quantity in back.items():
        assert quantity <= (rows[int(name[1:])]["quantity"] or 1.0) + 1e-9
