"""The items of the feed in force as texts under Merchant attribute names, every one of them inert."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.catalog.parsed import ID, SALE_PERIOD
from serving.exports.facts import FeedNow
from serving.exports.inert import cell, id_problem
from serving.exports.money_text import price_text

SALE_NOW: Final = "sale price of now"
"""The sale price where the sale has begun, for formats that cannot say when it does."""

Texts = dict[str, str]
"""Text by Merchant attribute name; "" = the item has none."""

_PLAIN: Final = (
    c.TITLE, c.DESCRIPTION, c.AVAILABILITY, c.GOOGLE_PRODUCT_CATEGORY, c.PRODUCT_TYPE, c.BRAND, c.GTIN, c.MPN,
    c.CONDITION, c.ITEM_GROUP_ID, c.COLOR, c.SIZE, c.MATERIAL, c.PATTERN, c.GENDER, c.AGE_GROUP, c.CUSTOM_LABEL_0,
    c.CUSTOM_LABEL_1, c.CUSTOM_LABEL_2, c.CUSTOM_LABEL_3, c.CUSTOM_LABEL_4, c.MIN_HANDLING_TIME, c.MAX_HANDLING_TIME,
    c.DISPLAY_ADS_ID, c.INCLUDED_DESTINATION, c.EXCLUDED_DESTINATION, c.PAUSE,
)  # fmt: skip
_LINKS: Final = (c.LINK, c.IMAGE_LINK, c.ADS_REDIRECT)
_URL: Final = re.compile(r"https?://[^\s<>\"\\^`{|}\x00-\x20]+", re.IGNORECASE)
_MOMENT: Final = "%Y-%m-%dT%H:%MZ"


def is_link(text: str) -> bool:
    """Whether a text is an absolute web address; scripts and other schemes are none.

    Example:
        >>> is_link("https://shop.example/a?b=1"), is_link("javascript:alert(1)")
        (True, False)
    """
    return _URL.fullmatch(text) is not None


def item_texts(
    feed: FeedNow, *, as_of: datetime, blocked_categories: Iterable[str]
) -> tuple[list[Texts], Counter[str]]:
    """The items that may be advertised, by id, and how many are left out, by reason.

    Args:
        feed: the feed in force.
        as_of: a sale that is over by then is left out.
        blocked_categories: categories never advertised.
    """
    drops: Counter[str] = Counter(held_back=feed.held_back)
    blocked = frozenset(blocked_categories)
    found = []
    for item in feed.items.to_pylist():
        problem = "blocked_category" if item[c.CATEGORY] in blocked else id_problem(item[c.ITEM_ID])
        if problem is None:
            found.append(_texts(item, as_of))
        else:
            drops[problem] += 1
    return found, +drops


def catalog_texts(
    catalog: pa.Table, *, blocked_categories: Iterable[str], held_items: pa.Array
) -> tuple[list[Texts], Counter[str]]:
    """The items of a catalog without feed: what sales show of them, without those held back."""
    held = pc.is_in(catalog[c.ITEM_ID], value_set=held_items)
    drops: Counter[str] = Counter(held_back=pc.sum(held).as_py() or 0)
    blocked = frozenset(blocked_categories)
    found = []
    names = (c.ITEM_ID, c.TITLE, c.CATEGORY, c.PRODUCT_TYPE, c.BRAND, c.PRICE, c.CURRENCY, c.AVAILABILITY)  # fmt: skip
    for item in catalog.filter(pc.invert(held)).select(list(names)).to_pylist():
        problem = "blocked_category" if item[c.CATEGORY] in blocked else id_problem(item[c.ITEM_ID])
        if problem is None:
            texts = {name: _cell(item.get(name)) for name in (*_PLAIN, *_LINKS)}
            category = _cell(item[c.CATEGORY])
            price = price_text(item[c.PRICE], item[c.CURRENCY])
            found.append({**texts, ID: item[c.ITEM_ID], c.CATEGORY: category, c.PRICE: price, SALE_NOW: ""})  # fmt: skip
        else:
            drops[problem] += 1
    return found, +drops


def _texts(item: dict[str, Any], as_of: datetime) -> Texts:
    texts = {name: _cell(item[name]) for name in (*_PLAIN, c.CATEGORY)}
    links = {name: _link(item[name]) for name in _LINKS}
    more = [_link(part) for part in (item[c.ADDITIONAL_IMAGE_LINK] or "").split(",")]
    exists = item[c.IDENTIFIER_EXISTS]
    return {
        **texts,
        **links,
        ID: item[c.ITEM_ID],
        c.ADDITIONAL_IMAGE_LINK: ",".join(link for link in more if link),
        c.IDENTIFIER_EXISTS: "" if exists is None else "yes" if exists else "no",
        c.PRICE: price_text(item[c.PRICE], item[c.CURRENCY]),
        c.AVAILABILITY_DATE: _moment(item[c.AVAILABILITY_DATE]),
        c.EXPIRATION_DATE: _moment(item[c.EXPIRATION_DATE]),
        **_sale(item, as_of),
    }


def _sale(item: dict[str, Any], as_of: datetime) -> Texts:
    starts, ends = item[c.SALE_STARTS], item[c.SALE_ENDS]
    over = ends is not None and ends <= as_of
    price = "" if over else price_text(item[c.SALE_PRICE], item[c.CURRENCY])
    period = f"{_moment(starts)}/{_moment(ends)}" if price and starts and ends else ""
    begun = starts is None or starts <= as_of
    return {c.SALE_PRICE: price, SALE_PERIOD: period, SALE_NOW: price if begun else ""}


def _cell(value: Any) -> str:
    return "" if value is None else cell(str(value))


def _link(written: str | None) -> str:
    text = (written or "").strip()
    return text if is_link(text) else ""


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime(_MOMENT)
