"""Which items nobody may be shown, and what may be said of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import FloatArray, IntArray
from serving.audit.check import Check, Found, bad_rows
from serving.audit.evidence import PRICE_OF, Evidence, Side
from serving.audit.people import among

_IN_STOCK: Final = "in_stock"
_HALF_A_CENT: Final = 0.005


def _snapshot(evidence: Evidence) -> Found:
    """Every item is one of the snapshot that its row names."""
    rows, facts = evidence.decisions, evidence.scored.facts
    named = rows.filter(pc.is_valid(rows[c.ITEM_ID]))[c.SNAPSHOT_ID]
    found = bad_rows(evidence.scored.offers, ~among(named, facts.catalog[c.SNAPSHOT_ID]))
    for side in evidence.sides:
        found += bad_rows(side.offers, _place(side) < 0)
    return found


def _stock(evidence: Evidence) -> Found:
    unknown_will_do = not evidence.limits["eligibility"].get("require_availability", True)
    found = Found()
    for side in evidence.sides:
        place = _place(side)
        known = side.facts.catalog[c.AVAILABILITY].take(pa.array(place, mask=place < 0))
        there = pc.fill_null(pc.equal(known, _IN_STOCK), unknown_will_do).to_numpy()
        said = side.offers[c.AVAILABILITY]
        shown = pc.or_(pc.is_null(said), pc.equal(_plain(said), _IN_STOCK))
        offered = pc.fill_null(shown, True).to_numpy()
        found += bad_rows(side.offers, offered & ~there & (place >= 0))
    return found


def _price(evidence: Evidence) -> Found:
    """A stated price is that of the snapshot: to the bit where it is a number, to the cent where it is a text."""
    found = Found()
    for side in evidence.sides:
        stated = _numbers(side.offers[c.PRICE])
        expected = _expected(side)
        differs = ~(np.abs(stated - expected) < _HALF_A_CENT)
        found += bad_rows(side.offers, ~np.isnan(stated) & differs & (_place(side) >= 0))
    return found


def _category(evidence: Evidence) -> Found:
    blocked = pa.chunked_array([evidence.limits["eligibility"]["blocked_categories"]], pa.string())
    found = Found()
    for side in evidence.sides:
        catalog = side.facts.catalog
        items = catalog.filter(pa.array(among(catalog[c.CATEGORY], blocked)))[c.ITEM_ID]
        found += bad_rows(side.offers, among(side.offers[c.ITEM_ID], items))
    return found


def _held_back(evidence: Evidence) -> Found:
    found = Found()
    for side in evidence.sides:
        found += bad_rows(side.offers, among(side.offers[c.ITEM_ID], side.facts.held_items))
    return found


def _just_bought(evidence: Evidence) -> Found:
    window = timedelta(days=evidence.limits["eligibility"]["just_bought_days"])
    found = Found()
    for side in evidence.sides:
        bought = side.facts.since(window)
        found += bad_rows(side.offers, among(_pairs(side.offers), _pairs(bought)))
    return found


def _place(side: Side) -> IntArray:
    """Row of the catalog of each offer, -1 where it has none."""
    ids = side.facts.catalog[c.ITEM_ID].combine_chunks()
    found: IntArray = pc.fill_null(pc.index_in(side.offers[c.ITEM_ID], value_set=ids), -1).to_numpy()  # fmt: skip
    return found


def _expected(side: Side) -> FloatArray:
    """The price that each offer should state; NaN = there is none to state."""
    place = _place(side)
    price = np.append(_numbers(side.facts.catalog[c.PRICE]), np.nan)[place]
    if side.facts.feed is None:
        return price
    which = side.offers[PRICE_OF].to_numpy()
    feed = _of_feed(side.facts.feed, side.offers[c.ITEM_ID])
    return np.select([which == "list", which == "sale"], feed, default=price)


def _of_feed(feed: pa.Table, items: pa.ChunkedArray) -> list[FloatArray]:
    """Price and sale price that the feed gives each item."""
    at = pc.fill_null(pc.index_in(items, value_set=feed[c.ITEM_ID].combine_chunks()), -1).to_numpy()
    return [np.append(_numbers(feed[name]), np.nan)[at] for name in (c.PRICE, c.SALE_PRICE)]


def _numbers(column: pa.ChunkedArray) -> FloatArray:
    numbers: FloatArray = pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()
    return numbers


def _plain(said: pa.ChunkedArray) -> pa.ChunkedArray:
    """Availability as the catalog spells it: Meta writes blanks."""
    return pc.replace_substring(said, " ", "_")


def _pairs(rows: pa.Table) -> pa.ChunkedArray:
    """Person and item of each row as one text; null where one of them is missing."""
    return pc.binary_join_element_wise(rows[c.PERSON_ID], rows[c.ITEM_ID], "\x1f")


CHECKS: Final = (
    Check(
        "snapshot",
        "every item is in the feed snapshot it was chosen from",
        "Run 'retarget score' and 'retarget export' again on the feed in force.",
        _snapshot,
    ),
    Check(
        "stock",
        "every item offered is in stock in that snapshot",
        "Run 'retarget score' and 'retarget export' again on the feed in force.",
        _stock,
    ),
    Check(
        "price",
        "every price stated is that of the feed",
        "Do not upload; run 'retarget export' again on the feed in force.",
        _price,
    ),
    Check(
        "blocked_category",
        "no item of a blocked category is offered",
        "Do not upload; run 'retarget score' and 'retarget export' again.",
        _category,
    ),
    Check(
        "held_back",
        "no item that is held back (wrong price on its page, broken page, over) is offered",
        "Run 'retarget score' and 'retarget export' again on the feed in force.",
        _held_back,
    ),
    Check(
        "just_bought",
        "nobody is offered an item that they just bought",
        "Run 'retarget score' and 'retarget export' again.",
        _just_bought,
    ),
)
