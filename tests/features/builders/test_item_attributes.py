"""Attributes come from a snapshot by item id; what is not known is NaN."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features import columns as c
from features.builders.item_attributes import ItemAttributes, no_attributes
from features.feed_tables import ITEM_ENRICHMENT
from features.histories.histories import microseconds
from features.tables import CATALOG


def test_a_snapshot(attributes, day):
    assert attributes.item_ids.tolist() == ["w", "x", "y", "z"]
    assert attributes.category_ids.tolist() == ["p", "q"]
    assert attributes.category.tolist() == [1, 0, 0, 1]
    np.testing.assert_array_equal(attributes.price, [np.nan, 10, 30, 7])
    np.testing.assert_array_equal(attributes.availability, [np.nan, 0, 1, 2])
    assert np.isnan(attributes.margin_tier).all()
    assert np.isnan(attributes.best_seller).all()
    assert attributes.known_at == microseconds(day(0))


def test_facts_know_margin_and_best_sellers(day):
    items = pa.Table.from_pylist(
        [{c.ITEM_ID: item, c.CATEGORY: "p"} for item in "xyz"], schema=CATALOG.schema
    )
    facts = pa.Table.from_pylist(
        [
            {c.ITEM_ID: "z", c.MARGIN_TIER: "unknown", c.BEST_SELLER: False},
            {c.ITEM_ID: "x", c.MARGIN_TIER: "high", c.BEST_SELLER: True},
        ],
        schema=ITEM_ENRICHMENT.schema,
    )
    found = ItemAttributes.from_items(items, known_at=day(1), facts=facts)
    np.testing.assert_array_equal(found.margin_tier, [2, np.nan, np.nan])
    np.testing.assert_array_equal(found.best_seller, [1, np.nan, 0])


def test_alignment_keeps_what_is_known(attributes):
    found = attributes.aligned(np.array(["u", "y"], dtype=object))
    assert found.category.tolist() == [-1, 0]
    np.testing.assert_array_equal(found.price, [np.nan, 30])
    nothing = no_attributes().aligned(np.array(["u"], dtype=object))
    assert nothing.category.tolist() == [-1]


def test_categories_hold_at_all_times(attributes):
    found = attributes.categories_only()
    assert found.category.tolist() == attributes.category.tolist()
    assert np.isnan(found.price).all()
    assert np.isnan(found.availability).all()
    assert found.known_at < -(10**18)
