"""Every attribute an item has, side by side, for segments by feed attribute."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c

_NOT_ATTRIBUTES: Final = (c.SNAPSHOT_ID, c.GENERATED_AT)


def item_attribute_table(
    catalog: pa.Table,
    *,
    enrichment: pa.Table | None = None,
    feed: pa.Table | None = None,
    custom: Iterable[pa.Table] = (),
) -> pa.Table:
    """One row per item of the catalog, one column per attribute.

    Args:
        catalog: checked catalog of one snapshot.
        enrichment: margin tier, best seller, seasonality; None = not known.
        feed: items of the feed with all that it says of them; None = there is no feed.
        custom: tables of (item_id, attribute, attribute_value): custom attributes of the feed, derived labels. An attribute
            of the catalog is not replaced by one of the same name.
    """
    table = catalog.drop_columns([n for n in _NOT_ATTRIBUTES if n in catalog.column_names])
    items = table[c.ITEM_ID]
    for wide in (enrichment, feed):
        if wide is None:
            continue
        place = pc.index_in(items, value_set=wide[c.ITEM_ID])
        for name in wide.column_names:
            if name not in table.column_names:
                table = table.append_column(name, wide[name].take(place))
    for rows in custom:
        for name in sorted(pc.unique(rows[c.ATTRIBUTE]).to_pylist()):
            if name not in table.column_names:
                of_name = rows.filter(pc.equal(rows[c.ATTRIBUTE], name))
                place = pc.index_in(items, value_set=of_name[c.ITEM_ID])
                table = table.append_column(name, of_name[c.ATTRIBUTE_VALUE].take(place))
    return table
