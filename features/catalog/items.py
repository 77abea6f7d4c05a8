"""Validated rows as typed items: what passed, in the feed-items contract."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray
from features.catalog.parsed import ID, OTHER, ParsedFeed, mask
from features.catalog.rules.identity import usual_brand
from features.catalog.rules.offers import sale_in_other_currency, sale_not_below_price
from features.contracts import check
from features.feed_tables import FEED_ATTRIBUTES, FEED_ITEMS, LISTINGS

_TEXTS: Final = (
    c.TITLE, c.DESCRIPTION, c.LINK, c.IMAGE_LINK, c.ADDITIONAL_IMAGE_LINK, c.PRODUCT_TYPE, c.GTIN, c.MPN, c.CONDITION,
    c.AVAILABILITY, c.ITEM_GROUP_ID, c.COLOR, c.SIZE, c.MATERIAL, c.PATTERN, c.GENDER, c.AGE_GROUP, c.CUSTOM_LABEL_0,
    c.CUSTOM_LABEL_1, c.CUSTOM_LABEL_2, c.CUSTOM_LABEL_3, c.CUSTOM_LABEL_4, c.DISPLAY_ADS_ID, c.ADS_REDIRECT,
    c.INCLUDED_DESTINATION, c.EXCLUDED_DESTINATION, c.PAUSE,
)  # fmt: skip


def feed_items(feed: ParsedFeed, accepted: BoolArray, *, source: str) -> pa.Table:
    """The accepted rows as the feed-items table, sorted by item id.

    An optional attribute that cannot be read, or a sale price that is not below the price, is left out; what was wrong
    is in the issues. A missing category is `other`, so is one that is in no taxonomy.

    Args:
        feed: all rows.
        accepted: rows without error, shape (n,).
        source: name of the feed, for messages.
    """
    price, cost = feed.money(c.PRICE), feed.money(c.COST_OF_GOODS_SOLD)
    same_currency = pc.equal(cost.field("currency"), price.field("currency"))
    columns = {
        c.ITEM_ID: feed.text(ID),
        **{name: feed.text(name) for name in _TEXTS},
        c.BRAND: usual_brand(feed.text(c.BRAND)),
        c.CATEGORY: pc.coalesce(feed.category, OTHER),
        c.GOOGLE_PRODUCT_CATEGORY: feed.known_category,
        c.IDENTIFIER_EXISTS: _flag(feed.text(c.IDENTIFIER_EXISTS)),
        c.PRICE: price.field("amount"),
        c.CURRENCY: price.field("currency"),
        c.COST_OF_GOODS_SOLD: pc.if_else(same_currency, cost.field("amount"), None),
        **_sale(feed),
        c.AVAILABILITY_DATE: feed.moment(c.AVAILABILITY_DATE),
        c.EXPIRATION_DATE: feed.moment(c.EXPIRATION_DATE),
        **{n: feed.whole(n) for n in (c.INVENTORY, c.MIN_HANDLING_TIME, c.MAX_HANDLING_TIME)},
    }
    if not accepted.any():
        return FEED_ITEMS.schema.empty_table()
    table = pa.table({name: columns[name] for name in FEED_ITEMS.schema.names})
    return check(table.filter(pa.array(accepted)), FEED_ITEMS, source=source).sort_by(c.ITEM_ID)


def custom_attributes(
    feed: ParsedFeed, accepted: BoolArray, names: Collection[str], *, source: str
) -> pa.Table:
    """Declared custom attributes of the accepted rows as the feed-attributes table."""
    parts = []
    for name in sorted(names):
        keep = pa.array(accepted & feed.present(name))
        ids = feed.text(ID).filter(keep)
        attribute = pa.chunked_array([pa.array([name] * len(ids), pa.string())])
        columns = (ids, attribute, feed.text(name).filter(keep))
        parts.append(pa.table(columns, schema=FEED_ATTRIBUTES.schema))
    found = pa.concat_tables(parts) if parts else FEED_ATTRIBUTES.schema.empty_table()
    if not found.num_rows:
        return FEED_ATTRIBUTES.schema.empty_table()
    return check(found, FEED_ATTRIBUTES, source=source)


def listings(feed: ParsedFeed, accepted: BoolArray, *, source: str) -> pa.Table:
    """The accepted rows that say when they end or begin, or where they are, as the listings table, by item id."""
    columns = {
        c.START_DATE: feed.moment(c.START_DATE),
        c.EXPIRATION_DATE: feed.moment(c.EXPIRATION_DATE),
        c.LATITUDE: feed.degrees(c.LATITUDE),
        c.LONGITUDE: feed.degrees(c.LONGITUDE),
    }
    told = np.zeros(len(feed), np.bool_)
    for values in columns.values():
        told |= mask(pc.is_valid(values))
    if not (accepted & told).any():
        return LISTINGS.schema.empty_table()
    table = pa.table({c.ITEM_ID: feed.text(ID), **columns}).filter(pa.array(accepted & told))
    return check(table, LISTINGS, source=source).sort_by(c.ITEM_ID)


def _sale(feed: ParsedFeed) -> dict[str, pa.Array]:
    sale, period = feed.money(c.SALE_PRICE), feed.sale_period
    unread_period = feed.present("sale_price_effective_date") & mask(
        pc.is_null(period.field("starts"))
    )
    wrong = sale_not_below_price(feed) | sale_in_other_currency(feed) | unread_period
    price = pc.if_else(pa.array(wrong), None, sale.field("amount"))
    has_price = pc.is_valid(price)
    return {
        c.SALE_PRICE: price,
        c.SALE_STARTS: pc.if_else(has_price, period.field("starts"), None),
        c.SALE_ENDS: pc.if_else(has_price, period.field("ends"), None),
    }


def _flag(values: pa.ChunkedArray) -> pa.ChunkedArray:
    known = pc.is_in(values, value_set=pa.array(["yes", "no"]))
    return pc.if_else(known, pc.equal(values, "yes"), None)
