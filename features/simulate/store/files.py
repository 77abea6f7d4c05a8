"""The files a made-up store delivers: events day by day, and a product feed."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import BoolArray, IntArray
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE, microseconds
from features.simulate.store.actions import Actions
from features.simulate.store.config import StoreConfig
from features.simulate.store.dirt import Dirt
from features.simulate.store.people import People
from features.simulate.store.shelf import Shelf
from features.tables import EVENT_NAMES

EVENT_FILE: Final = pa.schema(
    [
        ("id", pa.string()),
        ("time", pa.int64()),
        ("event", pa.string()),
        ("visitor", pa.string()),
        ("account", pa.string()),
        ("item", pa.string()),
        ("quantity", pa.string()),
        ("price", pa.float64()),
        ("order", pa.string()),
        ("consent", pa.bool_()),
    ]
)
"""Columns of an event file; times are microseconds since 1970 UTC."""

FEED_COLUMNS: Final = (
    "id", "title", "description", "link", "image_link", "price", "availability", "brand",
    "product_type", "condition", "identifier_exists", "cost_of_goods_sold",
)  # fmt: skip

LISTING_COLUMNS: Final = ("expiration_date", "latitude", "longitude")

_BAD_QUANTITY: Final = "one"
_SHOP: Final = "https://shop.example"


def item_ids(items: int) -> pa.Array:
    """Ids of the items, in the order of their code."""
    return _numbered("item-", np.arange(items))


def event_rows(
    actions: Actions, dirt: Dirt, people: People | None, shelf: Shelf, config: StoreConfig
) -> pa.Table:
    """Actions as they are sent, one row each, the columns of `EVENT_FILE`; duplicates are not repeated here.

    Args:
        actions: of one block, by person.
        dirt: what is wrong with them.
        people: of the block; None = they are programs.
        shelf: of the store.
        config: of the store.
    """
    n, named = len(actions.time), actions.item != NO_CODE
    person = _integers(actions.person)
    first_of_person = np.searchsorted(actions.person, actions.person)
    bought = actions.order >= 0
    quantity = _integers(actions.quantity, missing=actions.quantity == 0)
    visitor = pc.binary_join_element_wise(person, _integers(actions.device), "-")
    items = pa.DictionaryArray.from_arrays(
        pa.array(actions.item, mask=~named), item_ids(len(shelf.price))
    ).cast(pa.string())
    drifted = pc.binary_join_element_wise(config.dirt.id_prefix, items, "")
    columns = {
        "id": pc.binary_join_element_wise(person, _integers(np.arange(n) - first_of_person), "."),
        "time": pa.array(microseconds(config.first) + actions.time),
        "event": pa.DictionaryArray.from_arrays(actions.name, pa.array(EVENT_NAMES)).cast(
            pa.string()
        ),
        "visitor": pc.binary_join_element_wise("bot" if people is None else "v", visitor, "-"),
        "account": pc.if_else(
            pa.array(actions.logged_in), pc.binary_join_element_wise("a", person, "-"), None
        ),
        "item": pc.if_else(pa.array(dirt.drifted), drifted, items),
        "quantity": pc.if_else(pa.array(dirt.malformed), _BAD_QUANTITY, quantity),
        "price": pa.array(
            shelf.price[np.where(named, actions.item, 0)], mask=~(named & (actions.quantity > 0))
        ),
        "order": pc.if_else(
            pa.array(bought),
            pc.binary_join_element_wise("o", person, _integers(actions.order), "-"),
            None,
        ),
        "consent": pa.array(_consent(actions, people)),
    }
    return pa.table(columns, schema=EVENT_FILE)


def rows_by_day(dirt: Dirt, time: IntArray, *, days: int) -> list[IntArray]:
    """Rows of each day's file in the order of time, a duplicate right after its first."""
    rows = np.repeat(np.arange(len(time)), 1 + dirt.duplicate)
    order = np.lexsort((time[rows], dirt.delivered[rows]))
    rows = rows[order]
    edges = np.searchsorted(dirt.delivered[rows], np.arange(days + 1))
    return [rows[begin:end] for begin, end in pairwise(edges.tolist())]


def feed_lines(shelf: Shelf, config: StoreConfig, *, faulty: BoolArray) -> str:
    """The feed after the last day, tab-separated; items that have not appeared by then, or are over for long, are not in it."""
    listings = config.shelf.listings
    lines = ["\t".join(FEED_COLUMNS if listings is None else FEED_COLUMNS + LISTING_COLUMNS)]
    stocked = shelf.in_stock(config.days)
    for code in np.flatnonzero(in_feed(shelf, config)).tolist():
        name = f"item-{code}"
        price = "" if faulty[code] else f"{shelf.price[code]:.2f} {config.currency}"
        cells = [
            name,
            f"Article {code} of range {shelf.category[code]}",
            f"Article {code}, made by brand {shelf.brand[code]}.",
            f"{_SHOP}/{name}",
            f"{_SHOP}/{name}.jpg",
            price,
            "in_stock" if stocked[code] else "out_of_stock",
            f"Brand {shelf.brand[code]}",
            f"Range {shelf.category[code]}",
            "new",
            "no",
            f"{shelf.cost[code]:.2f} {config.currency}",
        ]
        if listings is not None:
            ends = config.first + timedelta(days=int(shelf.ends[code]))
            at = listings.places[int(shelf.category[code]) % len(listings.places)]
            cells += [ends.isoformat(), str(at.latitude), str(at.longitude)]
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def in_feed(shelf: Shelf, config: StoreConfig) -> BoolArray:
    """Which items the feed after the last day holds, shape (n_items,)."""
    appeared: BoolArray = shelf.launch <= config.days
    if config.shelf.listings is None:
        return appeared
    over: BoolArray = (
        np.minimum(shelf.ends, shelf.out_from) < config.days - config.shelf.listings.kept_days
    )
    return appeared & ~over


def _consent(actions: Actions, people: People | None) -> BoolArray:
    """What the person had said when the action took place."""
    if people is None:
        return np.zeros(len(actions.time), np.bool_)
    row = actions.person - people.first
    changed = actions.time // MICROSECONDS_PER_DAY >= people.changes[row]
    said: BoolArray = people.consent[row] ^ changed
    return said


def _integers(values: npt.NDArray[np.integer], *, missing: BoolArray | None = None) -> pa.Array:
    return pa.array(values, mask=missing).cast(pa.string())


def _numbered(prefix: str, values: IntArray) -> pa.Array:
    return pc.binary_join_element_wise(prefix, _integers(values), "")
