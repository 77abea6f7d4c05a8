"""Derived labels: only where the merchant left the slot free, and in a file that is safe to open and to send."""

import csv
import io

import pyarrow as pa
import pytest

from features.catalog.labels import derived_labels, supplement, with_labels
from features.catalog.readers.feed import read_feed
from features.feed_tables import FEED_ITEMS, FEED_LABELS


def items(*rows):
    full = [{"category": "other", **row} for row in rows]
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in FEED_ITEMS.schema.names} for row in full],
        schema=FEED_ITEMS.schema,
    )


BEFORE = items({"item_id": "b", "custom_label_0": "own"}, {"item_id": "a"})
AFTER = items(
    {"item_id": "b", "custom_label_0": "own", "custom_label_2": "low"},
    {"item_id": "a", "custom_label_2": "high", "custom_label_3": "best_seller"},
)


def test_the_derived_labels_are_those_the_merchant_did_not_write():
    assert [tuple(row.values()) for row in derived_labels(BEFORE, AFTER).to_pylist()] == [
        ("b", "custom_label_2", "low"),
        ("a", "custom_label_2", "high"),
        ("a", "custom_label_3", "best_seller"),
    ]
    assert with_labels(BEFORE, derived_labels(BEFORE, AFTER)).equals(AFTER)
    assert with_labels(BEFORE, FEED_LABELS.schema.empty_table()).equals(BEFORE)


def test_a_label_of_the_merchant_is_never_replaced():
    other = pa.table([["b"], ["custom_label_0"], ["ours"]], schema=FEED_LABELS.schema)
    assert with_labels(BEFORE, other)["custom_label_0"].to_pylist() == ["own", None]


def test_the_supplement_is_a_feed_of_ids_and_labels(tmp_path):
    labels = derived_labels(BEFORE, AFTER)
    found = supplement(BEFORE, labels, ["custom_label_2", "custom_label_3"])
    assert found.text == (
        "id\tcustom_label_2\tcustom_label_3\na\thigh\tbest_seller\nb\tlow\t\n"
    )  # fmt: skip
    assert found.left_out == 0
    path = tmp_path / "feed.tsv"
    path.write_text(found.text)
    read_back = read_feed(path).items.drop_columns(["line"]).to_pylist()
    assert read_back[0] == {"id": "a", "custom_label_2": "high", "custom_label_3": "best_seller"}


@pytest.mark.parametrize("unsafe", ["=1+1", "+1", "-1", "@a", "a\tb", "a\nb", 'a"b'])
def test_an_id_that_a_spreadsheet_would_run_is_left_out_and_counted(unsafe):
    before = items({"item_id": unsafe}, {"item_id": "safe-1"})
    after = items(
        {"item_id": unsafe, "custom_label_2": "low"}, {"item_id": "safe-1", "custom_label_2": "low"}
    )
    found = supplement(before, derived_labels(before, after), ["custom_label_2"])
    assert found.left_out == 1
    rows = list(csv.reader(io.StringIO(found.text), delimiter="\t"))
    assert rows == [["id", "custom_label_2"], ["safe-1", "low"]]


def test_without_a_free_slot_there_is_no_file():
    assert supplement(BEFORE, FEED_LABELS.schema.empty_table(), []).text == ""
