"""The product feed for Google Merchant Center: tab-delimited text, or RSS 2.0 with Google's namespace.

Source: Google Merchant help 160567 (formats) and 7052112 (attributes). Every file is judged by the validation that judges
delivered feeds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import pyarrow.compute as pc

from features import columns as c
from features.catalog.limits import Severity
from features.catalog.parsed import ID, SALE_PERIOD
from features.catalog.profiles import Vertical
from features.catalog.readers.feed import FeedReaderConfig, read_feed
from features.catalog.readers.raw import RawFeed, to_table
from features.catalog.validation import FeedConfig, Validation, validate_feed
from features.config import BaseConfig
from features.errors import RetargetError
from features.run import write_text
from features.tables import REJECTS
from serving.exports.base import FaultError, Format, Outcome, Prepared, Row, Unavailable
from serving.exports.delimited import DelimitedFormat
from serving.exports.facts import ExportFacts
from serving.exports.item_texts import item_texts

COLUMNS: Final = (
    ID, c.TITLE, c.DESCRIPTION, c.LINK, c.IMAGE_LINK, c.ADDITIONAL_IMAGE_LINK, c.AVAILABILITY, c.AVAILABILITY_DATE,
    c.PRICE, c.SALE_PRICE, SALE_PERIOD, c.EXPIRATION_DATE, c.ITEM_GROUP_ID, c.GOOGLE_PRODUCT_CATEGORY, c.PRODUCT_TYPE,
    c.BRAND, c.GTIN, c.MPN, c.IDENTIFIER_EXISTS, c.CONDITION, c.COLOR, c.SIZE, c.MATERIAL, c.PATTERN, c.GENDER,
    c.AGE_GROUP, c.CUSTOM_LABEL_0, c.CUSTOM_LABEL_1, c.CUSTOM_LABEL_2, c.CUSTOM_LABEL_3, c.CUSTOM_LABEL_4,
    c.MIN_HANDLING_TIME, c.MAX_HANDLING_TIME, c.DISPLAY_ADS_ID, c.ADS_REDIRECT, c.INCLUDED_DESTINATION,
    c.EXCLUDED_DESTINATION, c.PAUSE,
)  # fmt: skip
"""Merchant attributes, in the order of the file. What an item costs the merchant is not among them."""

NAMESPACE: Final = "http://base.google.com/ns/1.0"


class MerchantFeedConfig(BaseConfig):
    """The items of the feed in force, with the labels derived for them."""

    kind: Literal["merchant_feed"]

    format: Literal["tsv", "xml"] = "tsv"
    """How the file is written."""


def prepare(name: str, _: MerchantFeedConfig, facts: ExportFacts) -> Outcome:
    """One row per item that Merchant Center would accept."""
    if facts.feed is None:
        return Unavailable(
            "Merchant Center wants a link, an image and a description of every item, and the project has no product feed: "
            "its items are known from sales alone"
        )
    if facts.feed.hide_prices:
        return Unavailable("the product feed is older than allowed, so its prices are not sent")
    items, drops = item_texts(
        facts.feed, as_of=facts.as_of, blocked_categories=facts.blocked_categories
    )
    rows = sorted(tuple(texts[attribute] for attribute in COLUMNS) for texts in items)
    kept, refused = _accepted(rows, name, facts)
    if not kept:
        return Unavailable(f"no item of the feed would be accepted ({_words(drops + refused)})")
    return [Prepared("", kept, 0, +(drops + refused))]


def file_format(config: MerchantFeedConfig, facts: ExportFacts) -> Format:
    """TSV or XML, judged as a feed of the project's vertical."""
    inner = _XmlFormat() if config.format == "xml" else DelimitedFormat(COLUMNS, "\t", unique=(0,))
    vertical = "retail" if facts.feed is None else facts.feed.vertical
    return MerchantFormat(inner, vertical, facts.as_of)


@dataclass(frozen=True)
class MerchantFormat:
    """A file format whose files are validated as product feeds."""

    inner: Format
    vertical: Vertical
    as_of: datetime

    @property
    def suffix(self) -> str:
        return self.inner.suffix

    def write(self, path: Path, rows: Sequence[Row]) -> None:
        self.inner.write(path, rows)

    def read(self, path: Path) -> list[Row]:
        return self.inner.read(path)

    def faults(self, path: Path) -> Iterator[str]:
        found = list(self.inner.faults(path))
        yield from found
        if found:
            return
        kind: Literal["xml", "delimited"] = "xml" if self.suffix == ".xml" else "delimited"
        try:
            feed = read_feed(path, FeedReaderConfig(format=kind))
        except RetargetError as error:
            yield str(error)
            return
        judged = _judge(feed, self.vertical, self.as_of)
        for issue in _errors(judged):
            yield f"line {issue[c.LINE]}: {issue[c.ISSUE_CODE]} of {issue[c.ITEM_ID]}"
        for reject in judged.rejects.to_pylist():
            yield f"line {reject[c.LINE]}: {reject[c.REASON_CODE]}"


class _XmlFormat:
    """RSS 2.0; an attribute that an item lacks is left out."""

    suffix = ".xml"

    def write(self, path: Path, rows: Sequence[Row]) -> None:
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<rss version="2.0" xmlns:g="{NAMESPACE}">',
            "<channel>",
            "<title>Products</title>",
        ]
        for row in rows:
            lines.append("<item>")
            lines += [
                f"<g:{name}>{escape(text)}</g:{name}>"
                for name, text in zip(COLUMNS, row, strict=True)
                if text
            ]
            lines.append("</item>")
        write_text(path, "\n".join([*lines, "</channel>", "</rss>", ""]))

    def read(self, path: Path) -> list[Row]:
        try:
            root = ET.parse(path).getroot()  # noqa: S314 - the file was just written here
        except ET.ParseError as error:
            raise FaultError(f"is no XML ({error})") from None
        items = root.findall("channel/item")
        return [
            tuple(item.findtext(f"{{{NAMESPACE}}}{name}") or "" for name in COLUMNS)
            for item in items
        ]

    def faults(self, path: Path) -> Iterator[str]:
        try:
            rows = self.read(path)
        except FaultError as fault:
            yield str(fault)
            return
        repeated = [name for name, count in Counter(row[0] for row in rows).items() if count > 1]
        if repeated:
            yield f"{len(repeated)} ids occur twice"


def _accepted(
    rows: list[Row], name: str, facts: ExportFacts
) -> tuple[tuple[Row, ...], Counter[str]]:
    """Rows without an error of the validation, and the first error of each other row."""
    texts = (
        (line, {attribute: text for attribute, text in zip(COLUMNS, row, strict=True) if text})
        for line, row in enumerate(rows, start=1)
    )
    feed = RawFeed(name, to_table(texts), REJECTS.schema.empty_table())
    vertical = "retail" if facts.feed is None else facts.feed.vertical
    problem: dict[int, str] = {}
    for issue in _errors(_judge(feed, vertical, facts.as_of)):
        if issue[c.LINE] is not None:
            problem.setdefault(issue[c.LINE], issue[c.ISSUE_CODE])
    kept = tuple(row for line, row in enumerate(rows, start=1) if line not in problem)
    return kept, Counter(problem.values())


def _judge(feed: RawFeed, vertical: Vertical, as_of: datetime) -> Validation:
    return validate_feed(feed, FeedConfig(vertical=vertical), as_of=as_of)


def _errors(judged: Validation) -> list[dict[str, Any]]:
    issues = judged.issues
    found: list[dict[str, Any]] = issues.filter(
        pc.equal(issues[c.SEVERITY], Severity.ERROR.value)
    ).to_pylist()
    return found


def _words(drops: Counter[str]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(drops.items()))
