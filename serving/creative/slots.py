"""What can stand in a slot: the attributes of an item as texts, its price as of the decision among them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.catalog.offer_price import offer_price
from serving.exports.inert import clean_text
from serving.exports.money_text import price_text

REGULAR_PRICE: Final = "regular_price"
DISCOUNT: Final = "discount"
_SALE: Final = (c.SALE_PRICE, c.SALE_STARTS, c.SALE_ENDS)


@dataclass(frozen=True, eq=False)
class ItemFacts:
    """One item as a creative may show it.

    Attributes:
        texts: text of each slot; a slot of which nothing is known is not there.
        inventory: units left; None = unknown.
        link, image_link: as the feed has them; None = it says none.
        has_feed: whether there is a feed that could say them.
    """

    texts: dict[str, str]
    inventory: int | None
    link: str | None
    image_link: str | None
    has_feed: bool


NO_ITEM: Final = ItemFacts({}, None, None, None, has_feed=False)


def item_facts(
    items: pa.Table, item_ids: pa.Array, *, as_of: datetime, currency: str, hide_prices: bool
) -> dict[str, ItemFacts]:
    """The facts of some items, by id.

    Args:
        items: everything known about the items, one column per attribute.
        item_ids: whose.
        as_of: moment whose price is shown: the sale price within its period, else the price.
        currency: of prices without one.
        hide_prices: the feed is too old for its prices to be shown.
    """
    chosen = items.filter(pc.is_in(items[c.ITEM_ID], value_set=item_ids))
    has_feed = c.LINK in items.column_names
    now = offer_price(_with_sale(chosen), at=as_of).tolist()
    found = {}
    for row, price in zip(chosen.to_pylist(), now, strict=True):
        shown = {name: _text(value) for name, value in row.items() if name not in _SALE}
        del shown[c.PRICE]
        if not hide_prices:
            shown |= _prices(row, price, currency)
        texts = {name: text for name, text in shown.items() if text}
        found[row[c.ITEM_ID]] = ItemFacts(
            texts, row.get(c.INVENTORY), row.get(c.LINK), row.get(c.IMAGE_LINK), has_feed
        )
    return found


def _with_sale(items: pa.Table) -> pa.Table:
    """The columns that a price in force is made of; without a feed there is no sale."""
    types = (pa.float64(), pa.timestamp("us", tz="UTC"), pa.timestamp("us", tz="UTC"))
    for name, type_ in zip(_SALE, types, strict=True):
        if name not in items.column_names:
            items = items.append_column(name, pa.nulls(items.num_rows, type_))
    return items


def _prices(row: dict[str, Any], price: float, currency: str) -> dict[str, str]:
    money = row.get(c.CURRENCY) or currency
    shown = {c.PRICE: price_text(None if price != price else price, money)}  # noqa: PLR0124 - NaN
    regular = row[c.PRICE]
    if regular is not None and price < regular:
        shown[REGULAR_PRICE] = price_text(regular, money)
        shown[DISCOUNT] = f"{100 * (1 - price / regular):.0f}"
    return shown


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%d %B %Y}".lstrip("0")
    if isinstance(value, float):
        return f"{value:g}"
    return clean_text(str(value))
