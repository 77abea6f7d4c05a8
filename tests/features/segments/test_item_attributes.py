"""Attributes side by side: of the catalog, of the enrichment, custom ones; the catalog's own names win."""

from __future__ import annotations

import pyarrow as pa

from features import columns as c
from features.segments.item_attributes import item_attribute_table


def test_attributes_side_by_side():
    catalog = pa.table({c.SNAPSHOT_ID: ["s", "s"], c.ITEM_ID: ["x", "y"], c.BRAND: ["Acme", None]})
    enrichment = pa.table({c.ITEM_ID: ["y"], c.MARGIN_TIER: ["high"], c.BRAND: ["other"]})
    custom = pa.table(
        {
            c.ITEM_ID: ["x", "y", "y"],
            c.ATTRIBUTE: ["season", "season", "brand"],
            c.ATTRIBUTE_VALUE: ["summer", "winter", "other"],
        }
    )
    found = item_attribute_table(
        catalog, enrichment=enrichment, custom=[custom, custom.slice(0, 0)]
    )
    assert found.to_pylist() == [
        {c.ITEM_ID: "x", c.BRAND: "Acme", c.MARGIN_TIER: None, "season": "summer"},
        {c.ITEM_ID: "y", c.BRAND: None, c.MARGIN_TIER: "high", "season": "winter"},
    ]
