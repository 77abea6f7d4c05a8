"""Google Ads dynamic remarketing: the business-data feed of type custom, as CSV.

Source: Google's own template sheet; Google Ads help 6053288.
"""

from __future__ import annotations

from typing import Final, Literal

from features import columns as c
from features.catalog.limits import read_limits
from features.catalog.money import parse_money
from features.catalog.parsed import ID
from features.config import BaseConfig
from serving.exports.base import Format, Outcome, Prepared, Row, Unavailable, distinct_rows
from serving.exports.delimited import DelimitedFormat
from serving.exports.facts import ExportFacts
from serving.exports.inert import id_problem
from serving.exports.item_texts import SALE_NOW, Texts, catalog_texts, is_link, item_texts

COLUMNS: Final = (
    "ID", "ID2", "Item title", "Final URL", "Image URL", "Item subtitle", "Item description", "Item category", "Price",
    "Sale price", "Contextual keywords", "Item address", "Tracking template", "Custom parameter", "Destination URL",
)  # fmt: skip
"""Spelled and ordered exactly as the template has them."""

_TITLE, _URL, _IMAGE, _PRICE, _SALE = 2, 3, 4, 8, 9


class GoogleAdsFeedConfig(BaseConfig):
    """The items in stock for dynamic remarketing."""

    kind: Literal["google_ads_feed"]


def prepare(_: str, __: GoogleAdsFeedConfig, facts: ExportFacts) -> Outcome:
    """One row per item in stock; the format has no place for availability."""
    if facts.feed is not None and facts.feed.hide_prices:
        return Unavailable("the product feed is older than allowed, so its prices are not sent")
    if facts.feed is None:
        items, drops = catalog_texts(
            facts.catalog,
            blocked_categories=facts.blocked_categories,
            held_items=facts.held_items,
        )
    else:
        items, drops = item_texts(
            facts.feed, as_of=facts.as_of, blocked_categories=facts.blocked_categories
        )
    sold = ("in_stock",) if facts.feed is None else ("in_stock", "")  # some verticals have no stock
    in_stock = [texts for texts in items if texts[c.AVAILABILITY] in sold]
    drops["not_in_stock"] += len(items) - len(in_stock)
    rows, refused = distinct_rows((_row(texts) for texts in in_stock), row_problem)
    if not rows:
        return Unavailable("no item has a title and is in stock")
    return [Prepared("", rows, 0, +(drops + refused), _warnings(rows))]


def file_format(_: GoogleAdsFeedConfig, __: ExportFacts) -> Format:
    """CSV, comma, UTF-8; (ID, ID2) occurs once."""
    return DelimitedFormat(COLUMNS, row_problem=row_problem, unique=(0, 1))


def row_problem(row: Row) -> str | None:
    """Why Google would refuse a row."""
    if not row[_TITLE]:
        return "title_missing"
    if any(row[place] and not is_link(row[place]) for place in (_URL, _IMAGE)):
        return "link_not_absolute"
    if any(row[place] and "problem" in parse_money(row[place]) for place in (_PRICE, _SALE)):
        return "price_invalid"
    return id_problem(row[0])


def _row(texts: Texts) -> Row:
    return (
        texts[ID], "", texts[c.TITLE], texts[c.LINK], texts[c.IMAGE_LINK], texts[c.BRAND], texts[c.DESCRIPTION],
        texts[c.CATEGORY], texts[c.PRICE], texts[SALE_NOW], "", "", "", "", "",
    )  # fmt: skip


def _warnings(rows: tuple[Row, ...]) -> tuple[str, ...]:
    most = read_limits()["google_ads.item.title.characters"].limit
    long = sum(len(row[_TITLE]) > most for row in rows)
    no_url = sum(not row[_URL] for row in rows)
    found = []
    if no_url:
        found.append(
            f"{no_url:,} of {len(rows):,} items have no Final URL: the project has no product feed that names their pages; "
            "Google accepts the rows, an ad needs the address"
        )
    if long:
        found.append(f"{long:,} titles are longer than the {most} characters Google recommends")
    return tuple(found)
