"""Spellings: one name, one value, whoever wrote the feed."""

import pyarrow as pa
import pytest

from features.catalog.spellings import attribute_name, availability, condition, respell, truth


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("g:id", "id"),
        ("Google Product Category", "google_product_category"),
        ("image-link", "image_link"),
        ("customLabel0", "custom_label0"),
        ("custom label 0", "custom_label_0"),
        ("productTypes", "product_type"),
        ("quantity_to_sell_on_facebook", "inventory"),
    ],
)
def test_attribute_names(written, name):
    assert attribute_name(written) == name


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("in stock", "in_stock"),
        ("IN STOCK", "in_stock"),
        ("in_stock", "in_stock"),
        ("out of stock", "out_of_stock"),
        ("pre-order", "preorder"),
        ("http://schema.org/BackOrder", "backorder"),
        ("available for order", "available_for_order"),
    ],
)
def test_availability(written, value):
    assert availability(written) == value


def test_flags_and_conditions():
    assert [truth(text) for text in ("TRUE", "no", "maybe")] == ["yes", "no", "maybe"]
    assert condition("https://schema.org/NewCondition") == "new"


def test_blank_is_null_and_a_clients_own_spelling_wins():
    items = pa.table(
        {
            "line": [2, 3, 4],
            "availability": ["  ", "Limited Availability", "in stock"],
            "title": ["a ", None, ""],
        }
    )
    own = {"availability": {"limited availability": "in_stock"}, "title": {"A": "B"}}
    assert respell(items, own).to_pydict() == {
        "line": [2, 3, 4],
        "availability": [None, "in_stock", "in_stock"],
        "title": ["B", None, None],
    }


def test_a_clients_spelling_may_name_the_value_as_reports_show_it():
    items = pa.table({"availability": ["limited availability"]})
    own = {"availability": {"limited_availability": "in_stock"}}
    assert respell(items, own)["availability"].to_pylist() == ["in_stock"]


def test_a_feed_without_rows_keeps_its_columns():
    items = pa.table({"availability": pa.array([], pa.string())})
    assert respell(items, {}).num_rows == 0
