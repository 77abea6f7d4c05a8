"""The contract of every table about items: the feed, what is wrong with it, what changed, what was derived."""

from __future__ import annotations

import pyarrow as pa

from features import columns as c
from features.contracts import Column, TableContract
from features.tables import AVAILABILITIES, REJECTS, TIMESTAMP

_text, _number, _flag = pa.string(), pa.float64(), pa.bool_()

FEED_ITEMS = TableContract(
    "feed_items",
    (
        Column(c.ITEM_ID, _text),
        Column(c.TITLE, _text, nullable=True),
        Column(c.DESCRIPTION, _text, nullable=True),
        Column(c.LINK, _text, nullable=True),
        Column(c.IMAGE_LINK, _text, nullable=True),
        Column(c.ADDITIONAL_IMAGE_LINK, _text, nullable=True),
        Column(c.CATEGORY, _text),
        Column(c.GOOGLE_PRODUCT_CATEGORY, _text, nullable=True),
        Column(c.PRODUCT_TYPE, _text, nullable=True),
        Column(c.BRAND, _text, nullable=True),
        Column(c.GTIN, _text, nullable=True),
        Column(c.MPN, _text, nullable=True),
        Column(c.IDENTIFIER_EXISTS, _flag, nullable=True),
        Column(c.CONDITION, _text, nullable=True, values=("new", "refurbished", "used")),
        Column(c.PRICE, _number, nullable=True, low=0),
        Column(c.SALE_PRICE, _number, nullable=True, low=0),
        Column(c.SALE_STARTS, TIMESTAMP, nullable=True),
        Column(c.SALE_ENDS, TIMESTAMP, nullable=True),
        Column(c.COST_OF_GOODS_SOLD, _number, nullable=True, low=0),
        Column(c.CURRENCY, _text, nullable=True),
        Column(c.AVAILABILITY, _text, nullable=True, values=AVAILABILITIES),
        Column(c.AVAILABILITY_DATE, TIMESTAMP, nullable=True),
        Column(c.EXPIRATION_DATE, TIMESTAMP, nullable=True),
        Column(c.ITEM_GROUP_ID, _text, nullable=True),
        Column(c.COLOR, _text, nullable=True),
        Column(c.SIZE, _text, nullable=True),
        Column(c.MATERIAL, _text, nullable=True),
        Column(c.PATTERN, _text, nullable=True),
        Column(c.GENDER, _text, nullable=True),
        Column(c.AGE_GROUP, _text, nullable=True),
        Column(c.CUSTOM_LABEL_0, _text, nullable=True),
        Column(c.CUSTOM_LABEL_1, _text, nullable=True),
        Column(c.CUSTOM_LABEL_2, _text, nullable=True),
        Column(c.CUSTOM_LABEL_3, _text, nullable=True),
        Column(c.CUSTOM_LABEL_4, _text, nullable=True),
        Column(c.INVENTORY, pa.int64(), nullable=True, low=0),
        Column(c.MIN_HANDLING_TIME, pa.int64(), nullable=True, low=0),
        Column(c.MAX_HANDLING_TIME, pa.int64(), nullable=True, low=0),
        Column(c.DISPLAY_ADS_ID, _text, nullable=True),
        Column(c.ADS_REDIRECT, _text, nullable=True),
        Column(c.INCLUDED_DESTINATION, _text, nullable=True),
        Column(c.EXCLUDED_DESTINATION, _text, nullable=True),
        Column(c.PAUSE, _text, nullable=True),
    ),
    key=(c.ITEM_ID,),
)
"""The items of one feed that passed validation; wider than the catalog, with every attribute an export can carry."""

FEED_ATTRIBUTES = TableContract(
    "feed_attributes",
    (
        Column(c.ITEM_ID, _text),
        Column(c.ATTRIBUTE, _text),
        Column(c.ATTRIBUTE_VALUE, _text),
    ),
    key=(c.ITEM_ID, c.ATTRIBUTE),
)
"""Custom attributes a client declared, one row per item and attribute."""

FEED_ISSUES = TableContract(
    "feed_issues",
    (
        Column(c.SOURCE, _text),
        Column(c.LINE, pa.int64(), nullable=True, low=1),
        Column(c.ITEM_ID, _text, nullable=True),
        Column(c.ISSUE_CODE, _text),
        Column(c.SEVERITY, _text, values=("error", "warning", "advice")),
        Column(c.ATTRIBUTE, _text),
        Column(c.OWNER, _text),
        Column(c.RAW_VALUE, _text, nullable=True),
        Column(c.LIMIT, _text, nullable=True),
    ),
)
"""What is wrong with a feed; a row without line concerns the feed as a whole. `limit`: the platform limit it breaks, if any."""

FEED_CHANGES = TableContract(
    "feed_changes",
    (
        Column(c.ITEM_ID, _text),
        Column(c.CHANGE, _text, values=("added", "removed", "changed")),
        Column(c.ATTRIBUTE, _text, nullable=True),
        Column(c.BEFORE, _text, nullable=True),
        Column(c.AFTER, _text, nullable=True),
    ),
    key=(c.ITEM_ID, c.ATTRIBUTE),
)
"""What one feed snapshot changed against the one before; the attribute is null for a whole item."""

TOMBSTONES = TableContract(
    "tombstones",
    (
        Column(c.ITEM_ID, _text),
        Column(c.SNAPSHOT_ID, _text),
        Column(c.REMOVED_AT, TIMESTAMP),
    ),
    key=(c.ITEM_ID,),
)
"""Items that once were in the feed and are no more: the first snapshot without them, and its time."""

ITEM_ENRICHMENT = TableContract(
    "item_enrichment",
    (
        Column(c.ITEM_ID, _text),
        Column(c.MARGIN_SHARE, _number, nullable=True, high=1),
        Column(c.MARGIN_TIER, _text),
        Column(c.UNITS_SOLD, _number, low=0),
        Column(c.BEST_SELLER, _flag),
        Column(c.SEASON_SHARE, _number, nullable=True, low=0, high=1),
        Column(c.SEASON_INDEX, _number, nullable=True, low=0),
        Column(c.SEASONALITY, _text, values=("in_season", "off_season", "all_year", "unknown")),
    ),
    key=(c.ITEM_ID,),
)
"""What cost, sales and calendar say about each item of a feed."""

PAGE_OBSERVATIONS = TableContract(
    "page_observations",
    (
        Column(c.ITEM_ID, _text),
        Column(c.OBSERVED_AT, TIMESTAMP),
        Column(c.PRICE, _number, nullable=True, low=0),
        Column(c.CURRENCY, _text, nullable=True),
        Column(c.AVAILABILITY, _text, nullable=True, values=AVAILABILITIES),
        Column(c.STATUS_CODE, pa.int64(), nullable=True, low=100, high=599),
        Column(c.LOAD_SECONDS, _number, nullable=True, low=0),
        Column(c.FINAL_URL, _text, nullable=True),
    ),
    key=(c.ITEM_ID, c.OBSERVED_AT),
)
"""What a visit to an item's landing page found; null = not looked at, or not readable."""

ITEM_SUPPRESSIONS = TableContract(
    "item_suppressions",
    (
        Column(c.ITEM_ID, _text),
        Column(c.REASON_CODE, _text),
        Column(c.OWNER, _text),
    ),
    key=(c.ITEM_ID, c.REASON_CODE),
)
"""Items held back, one row per reason, and who mends it."""

LISTINGS = TableContract(
    "listings",
    (
        Column(c.ITEM_ID, _text),
        Column(c.START_DATE, TIMESTAMP, nullable=True),
        Column(c.EXPIRATION_DATE, TIMESTAMP, nullable=True),
        Column(c.LATITUDE, _number, nullable=True, low=-90, high=90),
        Column(c.LONGITUDE, _number, nullable=True, low=-180, high=180),
    ),
    key=(c.ITEM_ID,),
)
"""When an item's listing ends, when the thing listed begins, and where it is; null = no such limit."""

FEED_REJECTS = TableContract("feed_rejects", REJECTS.columns, key=REJECTS.key)
"""Rows of the feed, and of the visits to its pages, that could not be read; the rejects table is about events."""

FEED_HISTORY = TableContract(
    "feed_history",
    (
        Column(c.AS_OF, TIMESTAMP),
        Column(c.ISSUE_CODE, _text),
        Column(c.ROWS_WITH_ISSUE, pa.int64(), low=0),
        Column(c.ROWS_OF_FEED, pa.int64(), low=0),
    ),
    key=(c.AS_OF, c.ISSUE_CODE),
)
"""How many rows of a feed had which issue, for this ingestion and those it continues."""

FEED_LABELS = TableContract(
    "feed_labels",
    (
        Column(c.ITEM_ID, _text),
        Column(c.ATTRIBUTE, _text),
        Column(c.ATTRIBUTE_VALUE, _text),
    ),
    key=(c.ITEM_ID, c.ATTRIBUTE),
)
"""Custom labels derived here, for slots the merchant leaves free; the feed-items table stays as it was delivered."""
