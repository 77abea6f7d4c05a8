"""Which item of the feed a page is: articles, courses and features are read, not clicked, so their views carry an address only."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.distinct import map_distinct
from features.tables import EVENTS

_PAGE_VIEW: Final = "page_view"


class ContentViews(NamedTuple):
    """Events whose page views name the content read.

    Attributes:
        events: the events, in their order.
        matched: page views whose address is the landing page of an item.
        unmatched: page views of an address that is none, or of none.
    """

    events: pa.Table
    matched: int
    unmatched: int


def name_content(events: pa.Table, items: pa.Table) -> ContentViews:
    """Give page views without item id the item whose landing page they are of.

    Two addresses are the same without scheme, `www.`, query, fragment, trailing slash and the case of the host. An address
    without host is that of an item when only one item has its path. An address that two items share names neither.

    Args:
        events: the events table; `page` is an address or a path.
        items: the feed-items table, with `link`.
    """
    known = _landing_pages(items)
    viewed = pc.and_(pc.equal(events[c.EVENT_NAME], _PAGE_VIEW), pc.is_null(events[c.ITEM_ID]))
    content = map_distinct(events[c.PAGE], lambda page: known.get(_key(page)), pa.string())
    place = events.schema.get_field_index(c.ITEM_ID)
    named = pc.if_else(viewed, content, events[c.ITEM_ID])
    matched = int(pc.sum(pc.and_(viewed, pc.is_valid(content))).as_py() or 0)
    return ContentViews(
        events.set_column(place, EVENTS.schema.field(c.ITEM_ID), named),
        matched,
        int(pc.sum(viewed).as_py() or 0) - matched,
    )


def _landing_pages(items: pa.Table) -> dict[str, str]:
    """Item id by address, and by path alone where there is one such item."""
    linked = [
        (_key(link), item)
        for link, item in zip(items[c.LINK].to_pylist(), items[c.ITEM_ID].to_pylist(), strict=True)
        if link
    ]
    paths = [(key[key.find("/") :], item) for key, item in linked]
    counts = Counter(key for key, _ in (*linked, *paths))
    return {key: item for key, item in (*linked, *paths) if counts[key] == 1}


def _key(address: str) -> str:
    """Host and path, or the path alone; text that is no address is itself."""
    try:
        parts = urlsplit(address.strip())
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return address
    return f"{host}/{parts.path.strip('/')}"
