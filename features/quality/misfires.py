"""Does a tag fire where it should? The item of the page against the item of the event, and orders off their page."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, Field

from features import columns as c
from features.arrays import BoolArray
from features.catalog.rules.rule import MARKETING_OPERATIONS
from features.config import BaseConfig
from features.distinct import map_distinct
from features.files.rejects import shown
from features.ingest.item_ids import ItemIdConfig, feed_ids
from features.interactions import EventName
from features.quality.check import Detail, Owner, QualityCheck, not_available
from features.quality.observed import Observed

PAGE_ITEM: Final = "page_item_mismatch"
OFF_PAGE: Final = "purchases_off_confirmation_page"
WORST: Final = 10

_ITEM_GROUP: Final = "item"
_NOT_SHOWN: Final = (r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#]*@)?", r"(?s)[?#].*$")
"""Parts of an address that are not shown: scheme and user, query and fragment."""


def _readable(pattern: str) -> str:
    """A pattern of RE2, whose time is linear in the address whatever the address is."""
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        raise ValueError(
            f"not a pattern of RE2 ({str(error).removeprefix('Invalid regular expression: ')})"
        ) from None
    return pattern


def _with_item(pattern: str) -> str:
    try:
        fields = pc.extract_regex(pa.array([""]), _readable(pattern)).type
        names = [fields.field(n).name for n in range(fields.num_fields)]
    except pa.ArrowInvalid:
        names = []
    if names != [_ITEM_GROUP]:
        raise ValueError("must have one group, named item: /product/(?P<item>[^/?#]+)")
    return pattern


class MisfireConfig(BaseConfig):
    """What the addresses of the site look like."""

    owner: Owner = MARKETING_OPERATIONS
    """Who acts."""

    item_pattern: Annotated[str, AfterValidator(_with_item)] | None = None
    """Address of an item's page, with the item id as the group `item`: `/product/(?P<item>[^/?#]+)`. Left out = not checked."""

    item_events: tuple[EventName, ...] = ("view", "cart_add")
    """Events that are compared with their page."""

    max_mismatch: float = Field(default=0.05, ge=0, le=1)
    """Share of compared events whose page is of another item; above it the gate fails."""

    confirmation_pattern: Annotated[str, AfterValidator(_readable)] | None = None
    """Address of the page after an order: `/checkout/thank-you`. Left out = not checked."""

    max_off_page: float = Field(default=0.05, ge=0, le=1)
    """Share of orders on another page; above it the gate fails."""


def check_misfires(
    observed: Observed, items: pa.Table | None, config: MisfireConfig, *, item_ids: ItemIdConfig
) -> tuple[QualityCheck, QualityCheck]:
    """`page_item_mismatch` and `purchases_off_confirmation_page`, both gates.

    A page is of the event's item when both are the same text, the same item of the feed, or the page is of the item's
    group. Events without address, and those whose address is of no item page, are counted as not checked.

    Args:
        observed: events.
        items: feed items, with `item_id` and `item_group_id`; None = ids are compared as they are.
        config: patterns and limits.
        item_ids: how ids of events become those of the feed.

    Invariants: unchanged by the order of events.
    """
    return _check_items(observed, items, config, item_ids), _check_orders(observed, config)


def _check_items(
    observed: Observed, items: pa.Table | None, config: MisfireConfig, item_ids: ItemIdConfig
) -> QualityCheck:
    if config.item_pattern is None:
        return not_available(
            PAGE_ITEM,
            config.owner,
            "the address of item pages is not declared",
            "Set quality.misfires.item_pattern in the config, such as '/product/(?P<item>[^/?#]+)'.",
        )
    kinds = pa.array(config.item_events, pa.string())
    chosen = observed.events.filter(
        pc.and_(
            pc.is_in(observed.events[c.EVENT_NAME], value_set=kinds),
            pc.is_valid(observed.events[c.ITEM_ID]),
        )
    )
    page_item = _page_items(chosen[c.PAGE], config.item_pattern)
    without = chosen[c.PAGE].null_count
    compared = chosen.filter(pc.is_valid(page_item))
    page_item = page_item.drop_null()
    elsewhere = chosen.num_rows - without - compared.num_rows
    unchecked = f"not checked: {without:,} without address, {elsewhere:,} on other pages"
    if not compared.num_rows:
        return not_available(
            PAGE_ITEM,
            config.owner,
            f"no event to compare; {unchecked}",
            "Send the address of the page with every event, and check misfires.item_pattern.",
        )
    wrong = ~_same_item(compared[c.ITEM_ID], page_item, items, item_ids)
    return _gate(
        PAGE_ITEM,
        wrong,
        compared[c.PAGE],
        limit=config.max_mismatch,
        owner=config.owner,
        said=f"of {compared.num_rows:,} compared events carry another item than their page",
        unchecked=unchecked,
        advice="Correct the tag on the pages listed: it sends the item of another page.",
    )


def _check_orders(observed: Observed, config: MisfireConfig) -> QualityCheck:
    if config.confirmation_pattern is None:
        return not_available(
            OFF_PAGE,
            config.owner,
            "the address of the confirmation page is not declared",
            "Set quality.misfires.confirmation_pattern in the config, such as '/checkout/thank-you'.",
        )
    purchases = observed.events.filter(pc.equal(observed.events[c.EVENT_NAME], "purchase"))
    orders = _orders(purchases)
    placed = orders.filter(pc.is_valid(orders[c.PAGE]))
    unchecked = f"not checked: {orders.num_rows - placed.num_rows:,} without address"
    if not placed.num_rows:
        return not_available(
            OFF_PAGE,
            config.owner,
            f"no order to check; {unchecked}",
            "Send the address of the page with every purchase.",
        )
    right = pc.match_substring_regex(placed[c.PAGE], config.confirmation_pattern)
    return _gate(
        OFF_PAGE,
        ~right.to_numpy(),
        placed[c.PAGE],
        limit=config.max_off_page,
        owner=config.owner,
        said=f"of {placed.num_rows:,} orders were sent from another page than the confirmation",
        unchecked=unchecked,
        advice="Fire the purchase tag on the confirmation page only.",
    )


def _gate(
    name: str,
    wrong: BoolArray,
    pages: pa.ChunkedArray,
    *,
    limit: float,
    owner: str,
    said: str,
    unchecked: str,
    advice: str,
) -> QualityCheck:
    share = float(wrong.mean())
    worst = _worst(pages, wrong)
    failed = share > limit
    named = ", ".join(f"{row[c.PAGE]} ({row['wrong']:,} of {row[c.EVENTS]:,})" for row in worst[:3])
    return QualityCheck(
        name,
        owner,
        "fail" if failed else "pass",
        f"{int(wrong.sum()):,} {said} ({share:.1%})"
        + (f"; worst: {named}" if worst else "")
        + f"; {unchecked}",
        advice if failed else "",
        figure=share,
        threshold=limit,
        details=(Detail("Worst pages", tuple(worst)),),
    )


def _page_items(pages: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    """The item id in each address, shape (n,); null where there is none."""
    encoded = pages.combine_chunks().dictionary_encode()
    found = pc.struct_field(pc.extract_regex(encoded.dictionary, pattern), [0])
    found = pa.chunked_array([found.take(encoded.indices)])
    return map_distinct(found, lambda text: unquote(text) or None, pa.string())


def _same_item(
    sent: pa.ChunkedArray, paged: pa.ChunkedArray, items: pa.Table | None, config: ItemIdConfig
) -> BoolArray:
    same = pc.equal(sent, paged)
    if items is not None:
        item, page_item = (feed_ids(ids, items, config) for ids in (sent, paged))
        at = pc.index_in(item, value_set=items[c.ITEM_ID].combine_chunks())
        group = items[c.ITEM_GROUP_ID].combine_chunks().take(at.combine_chunks())
        for alike in (pc.equal(item, page_item), pc.equal(group, paged.combine_chunks())):
            same = pc.or_(same, pc.fill_null(alike, False))
    found: BoolArray = np.asarray(same.to_numpy(), np.bool_)
    return found


def _orders(purchases: pa.Table) -> pa.Table:
    """One row per order: of a report with several lines the first address, in order of the alphabet."""
    order = pc.coalesce(purchases[c.TRANSACTION_ID], purchases[c.EVENT_ID])
    named = pa.table({"order": order, **{n: purchases[n] for n in (c.PERSON_ID, c.TIME, c.PAGE)}})
    keys = [c.PERSON_ID, "order", c.TIME]
    grouped = named.group_by(keys, use_threads=False).aggregate([(c.PAGE, "min")])
    return grouped.rename_columns([*keys, c.PAGE])


def _worst(pages: pa.ChunkedArray, wrong: BoolArray) -> list[dict[str, Any]]:
    """Addresses with most wrong events, without query: it may hold personal data."""
    bare = pages.combine_chunks().dictionary_encode()
    texts = bare.dictionary
    for pattern in _NOT_SHOWN:
        texts = pc.replace_substring_regex(texts, pattern, "")
    bare = texts.take(bare.indices)
    grouped = pa.table({c.PAGE: bare, "wrong": pa.array(wrong).cast(pa.int64())}).group_by(
        c.PAGE, use_threads=False
    )
    counted = grouped.aggregate([("wrong", "sum"), ([], "count_all")])
    counted = counted.rename_columns([c.PAGE, "wrong", c.EVENTS])
    order = [("wrong", "descending"), (c.PAGE, "ascending")]
    rows = counted.filter(pc.greater(counted["wrong"], 0)).sort_by(order).slice(0, WORST)
    return [{**row, c.PAGE: shown(row[c.PAGE])} for row in rows.to_pylist()]
