"""What persons are shown: true to the decisions, every slot filled, every price that of the feed at the moment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import FloatArray
from features.tables import TIMESTAMP
from serving.audit.check import Check, Found, bad_rows
from serving.audit.evidence import Evidence
from serving.audit.facts import Facts
from serving.audit.people import among, mask_of

_UNFILLED: Final = re.compile(r"\{[a-z_0-9]*\}").pattern
_SLOT: Final = re.compile(r"\{\{.*?\}\}")
_DEFAULT: Final = "default"
"""Name of a text that is the message of the stage: no template."""

_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_HALF_A_CENT: Final = 0.005


def _creative(evidence: Evidence) -> Found:
    """Whoever is contacted, or would be but for a lot, is shown the items decided, and nobody else is shown anything."""
    rows = evidence.creatives
    if rows is None:
        return Found()
    decisions = evidence.decisions
    shown = decisions.filter(pc.or_(decisions[c.CONTACT], decisions[c.GHOST]))
    odd = ~among(_place(rows), _place(shown))
    for name in (c.HEADLINE, c.BODY):
        odd |= mask_of(pc.match_substring_regex(rows[name], _UNFILLED))
    found = bad_rows(rows, odd)
    missing = ~among(shown[c.PERSON_ID], rows[c.PERSON_ID])
    return found + bad_rows(evidence.scored.named, among(evidence.scored.named[c.PERSON_ID], shown[c.PERSON_ID].filter(pa.array(missing))))  # fmt: skip


def _price(evidence: Evidence) -> Found:
    """A price shown is the sale price within its period, else the price."""
    rows = evidence.creatives
    if rows is None:
        return Found()
    told = rows.filter(pc.is_valid(rows[c.PRICE_TEXT]))
    stated = np.array([_amount(text) for text in told[c.PRICE_TEXT].to_pylist()], np.float64)
    true = _prices_now(evidence.scored.facts, told[c.ITEM_ID])
    return bad_rows(told, ~(np.abs(stated - true) <= _HALF_A_CENT + 1e-9))


def _claims(evidence: Evidence) -> Found:
    """Texts of templates keep within the lengths, make no banned claim, and press only where the feed says that few are left."""
    config, rows = evidence.limits.get("creative", {}), evidence.creatives
    if rows is None or not config.get("templates"):
        return Found()
    rows = rows.filter(pc.not_equal(rows[c.TEMPLATE], _DEFAULT))
    text = pc.binary_join_element_wise(rows[c.HEADLINE], rows[c.BODY], " ")
    odd = mask_of(pc.greater(pc.utf8_length(rows[c.HEADLINE]), config["headline_limit"]))
    odd |= mask_of(pc.greater(pc.utf8_length(rows[c.BODY]), config["body_limit"]))
    for claim in config["banned_claims"]:
        odd |= mask_of(pc.match_substring(text, claim, ignore_case=True))
    pressing = pa.array(
        [one["name"] for one in config["templates"] if _presses(one, config)], pa.string()
    )
    few = np.zeros(rows.num_rows, np.bool_)
    feed = evidence.scored.facts.feed
    if feed is not None and c.INVENTORY in feed.column_names:
        left = _of(feed, rows[c.ITEM_ID], c.INVENTORY)
        few = (left > 0) & (left < config["urgency_below"])
    return bad_rows(rows, odd | (mask_of(pc.is_in(rows[c.TEMPLATE], value_set=pressing)) & ~few))


def _presses(template: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Whether a template presses, by its step or in its own words."""
    texts = (template["headline"], template["body"], *template["fallbacks"].values())
    words = _SLOT.sub(" ", " ".join(texts)).casefold()
    claims = any(claim.casefold() in words for claim in config["urgency_claims"])
    return template["step"] in config["urgency_steps"] or claims


def _place(rows: pa.Table) -> pa.ChunkedArray:
    """Person, rank, item and whether it is a ghost, as one text."""
    cells = [rows[c.PERSON_ID], *(rows[name].cast(pa.string()) for name in (c.RANK, c.GHOST))]
    return pc.binary_join_element_wise(*cells, pc.fill_null(rows[c.ITEM_ID], ""), "\x1f")


def _amount(text: str) -> float:
    found = _NUMBER.search(text)
    return float(found.group()) if found else float("nan")


def _prices_now(facts: Facts, items: pa.ChunkedArray) -> FloatArray:
    """What each item costs at the moment; NaN = nobody knows."""
    price = _of(facts.catalog, items, c.PRICE)
    if facts.feed is None:
        return price
    moment = pa.scalar(facts.as_of, TIMESTAMP)
    begun = pc.less_equal(facts.feed[c.SALE_STARTS], moment)
    ended = pc.less_equal(facts.feed[c.SALE_ENDS], moment)
    runs = pc.and_(pc.fill_null(begun, True), pc.invert(pc.fill_null(ended, False)))
    now = pc.coalesce(pc.if_else(runs, facts.feed[c.SALE_PRICE], None), facts.feed[c.PRICE])
    of_feed = _of(facts.feed.append_column("now", now), items, "now")
    return np.where(np.isnan(of_feed), price, of_feed)


def _of(table: pa.Table, items: pa.ChunkedArray, name: str) -> FloatArray:
    at = pc.index_in(items, value_set=table[c.ITEM_ID].combine_chunks())
    found: FloatArray = pc.fill_null(table[name].take(at).cast(pa.float64()), float("nan")).to_numpy()  # fmt: skip
    return found


CHECKS: Final = (
    Check(
        "creative",
        "whoever is contacted is shown the items decided, in texts with every slot filled, and nobody else",
        "Run 'retarget score' again; if this stays, report it as a defect.",
        _creative,
    ),
    Check(
        "creative_price",
        "every price shown is that of the feed at the moment of decision",
        "Do not use these texts; run 'retarget score' again on the feed in force.",
        _price,
    ),
    Check(
        "claims",
        "texts keep within their lengths, make no banned claim, and press only where few are left",
        "Do not use these texts; run 'retarget score' again on the feed in force.",
        _claims,
    ),
)
