"""Contracts name the column, the rule and the first bad rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from features.contracts import Column, TableContract, check
from features.errors import SchemaError

CONTRACT = TableContract(
    "prices",
    (
        Column("item_id", pa.string()),
        Column("price", pa.float64(), nullable=True, low=0, high=100),
        Column("state", pa.string(), nullable=True, values=("new", "used")),
    ),
    key=("item_id",),
)


def table(**columns):
    rows = {"item_id": ["a", "b", "c"], "price": [1.0, None, 3.0], "state": ["new", None, "used"]}
    return pa.table({**rows, **columns})


def test_a_good_table_comes_back_in_contract_order():
    shuffled = table().select(["state", "price", "item_id"])
    assert check(shuffled, CONTRACT, source="x").column_names == ["item_id", "price", "state"]


def test_integers_are_cast_without_loss():
    checked = check(table(price=pa.array([1, 2, 3])), CONTRACT, source="x")
    assert checked["price"].to_pylist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            table().drop_columns(["price"]),
            "file.csv: column 'price' is missing (found: 'item_id', 'state'); required by the prices table. Rename it",
        ),
        (table(extra=[1, 2, 3]), "column 'extra' is not in the prices table"),
        (table(item_id=["a", None, "c"]), "column 'item_id' has 1 bad rows (row 1: None)"),
        (table(price=[1.0, -2.0, -3.0]), "'price' has 2 bad rows (row 1: -2.0, row 2: -3.0)"),
        (table(price=[1.0, 101.0, 3.0]), "in the prices table it must be <= 100"),
        (table(price=[1.0, float("nan"), 3.0]), "must be finite"),
        (table(state=["new", "old", None]), "must be one of 'new', 'used'"),
        (table(price=["1", "x", "3"]), "the prices table wants double"),
        (table(item_id=["a", "b", "a"]), "1 rows repeat a key (first: ('a',))"),
    ],
)
def test_a_bad_table_is_refused_in_words(bad, message):
    with pytest.raises(SchemaError) as caught:
        check(bad, CONTRACT, source="file.csv")
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_table_without_rows_or_chunks_is_checked_too():
    empty = pa.table({"item_id": pa.chunked_array([], pa.string()), "price": [], "state": []})
    assert check(empty.cast(CONTRACT.schema), CONTRACT, source="x").num_rows == 0


@pytest.mark.parametrize("blank", ["", " \t"])
def test_a_filled_text_holds_more_than_space(blank):
    contract = TableContract("reasons", (Column("why", pa.string(), filled=True),))
    check(pa.table({"why": ["x"]}), contract, source="x")
    with pytest.raises(
        SchemaError,
        match=r"column 'why' has 1 bad rows \(row 1: .*\); in the reasons table it must not be blank",
    ):
        check(pa.table({"why": ["x", blank]}), contract, source="x")
