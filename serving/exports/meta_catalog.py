"""The product catalog for Meta: CSV, with availability in Meta's own words.

Source: Meta, catalog reference; limits from the dated table of limits, where sources conflict the stricter one as a
warning.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, Literal

from features import columns as c
from features.catalog.limits import Severity, read_limits
from features.catalog.money import parse_money
from features.catalog.parsed import ID, SALE_PERIOD
from features.config import BaseConfig
from serving.exports.base import Format, Outcome, Prepared, Row, Unavailable, distinct_rows
from serving.exports.delimited import DelimitedFormat
from serving.exports.facts import ExportFacts
from serving.exports.inert import id_problem
from serving.exports.item_texts import Texts, is_link, item_texts

COLUMNS: Final = (
    ID, c.TITLE, c.DESCRIPTION, c.AVAILABILITY, c.CONDITION, c.PRICE, c.LINK, c.IMAGE_LINK, c.BRAND, c.GTIN, c.MPN,
    c.ADDITIONAL_IMAGE_LINK, c.SALE_PRICE, SALE_PERIOD, c.ITEM_GROUP_ID, c.GOOGLE_PRODUCT_CATEGORY, c.PRODUCT_TYPE,
    c.CUSTOM_LABEL_0, c.CUSTOM_LABEL_1, c.CUSTOM_LABEL_2, c.CUSTOM_LABEL_3, c.CUSTOM_LABEL_4,
)  # fmt: skip

_REQUIRED: Final = (c.TITLE, c.DESCRIPTION, c.AVAILABILITY, c.CONDITION, c.PRICE, c.LINK, c.IMAGE_LINK)  # fmt: skip
_IDENTIFIERS: Final = (c.BRAND, c.GTIN, c.MPN)
_AVAILABILITY: Final = {
    "in_stock": "in stock",
    "out_of_stock": "out of stock",
    "preorder": "preorder",
    "backorder": "available for order",
}
"""Ours, with underscores, and Meta's, with blanks."""

_CONDITIONS: Final = ("new", "refurbished", "used")


class MetaCatalogConfig(BaseConfig):
    """The items of the feed in force for Meta."""

    kind: Literal["meta_catalog"]

    default_condition: Literal["new", "refurbished", "used"] | None = None
    """Condition of items whose feed says none; left out = such items are left out."""


def prepare(_: str, config: MetaCatalogConfig, facts: ExportFacts) -> Outcome:
    """One row per item with everything Meta requires."""
    if facts.feed is None:
        return Unavailable(
            "Meta wants a link, an image and a description of every item, and the project has no product feed: its items "
            "are known from sales alone"
        )
    if facts.feed.hide_prices:
        return Unavailable("the product feed is older than allowed, so its prices are not sent")
    items, drops = item_texts(
        facts.feed, as_of=facts.as_of, blocked_categories=facts.blocked_categories
    )
    rows, refused = distinct_rows((_row(texts, config) for texts in items), row_problem)
    if not rows:
        return Unavailable("no item of the feed has everything that Meta requires")
    return [Prepared("", rows, 0, +(drops + refused), _warnings(rows))]


def file_format(_: MetaCatalogConfig, __: ExportFacts) -> Format:
    """CSV, comma, UTF-8; an id occurs once."""
    return DelimitedFormat(COLUMNS, row_problem=row_problem, unique=(0,))


def row_problem(row: Row) -> str | None:
    """Why Meta would refuse a row."""
    text = dict(zip(COLUMNS, row, strict=True))
    missing = next((name for name in _REQUIRED if not text[name]), None)
    if missing is not None:
        return f"{missing}_missing"
    if not any(text[name] for name in _IDENTIFIERS):
        return "identifiers_missing"
    if text[c.AVAILABILITY] not in _AVAILABILITY.values():
        return "availability_invalid"
    if text[c.CONDITION] not in _CONDITIONS:
        return "condition_invalid"
    return _flaw(text)


def _flaw(text: Texts) -> str | None:
    if not (is_link(text[c.LINK]) and is_link(text[c.IMAGE_LINK])):
        return "link_not_absolute"
    prices = (text[c.PRICE], text[c.SALE_PRICE] or text[c.PRICE])
    if any("problem" in parse_money(price) for price in prices):
        return "price_invalid"
    too_long = _too_long(text, Severity.ERROR)
    return f"{too_long[0]}_too_long" if too_long else id_problem(text[ID])


def _row(texts: Texts, config: MetaCatalogConfig) -> Row:
    own = {
        **texts,
        c.AVAILABILITY: _AVAILABILITY.get(texts[c.AVAILABILITY], ""),
        c.CONDITION: texts[c.CONDITION] or config.default_condition or "",
    }
    return tuple(own[name] for name in COLUMNS)


def _too_long(text: Texts, severity: Severity) -> list[str]:
    """Attributes longer than a limit that is as certain as this severity."""
    limits = read_limits().under("meta.item", unit="characters")
    return [
        name
        for name, limit in limits.items()
        if limit.severity is severity and len(text[name]) > limit.limit
    ]


def _warnings(rows: tuple[Row, ...]) -> tuple[str, ...]:
    limits = read_limits().under("meta.item", unit="characters")
    found: Counter[str] = Counter()
    for row in rows:
        found.update(_too_long(dict(zip(COLUMNS, row, strict=True)), Severity.WARNING))
    return tuple(
        f"{count:,} items have a {name} longer than {limits[name].limit} characters, Meta's stricter limit"
        for name, count in sorted(found.items())
    )
