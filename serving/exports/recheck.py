"""Eligibility once more, at the moment of export: what scoring decided, against the facts of now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray
from features.assignment import HOLDOUT, POLICY_HOLDOUT, uniform
from features.catalog.parsed import mask
from features.consent import contactable
from features.errors import GateError
from features.tables import TIMESTAMP
from serving.waterfall import Rule, Verdict, apply_rules

NOT_KNOWN: Final = "not_known_now"
SUPPRESSED: Final = "suppressed"
RECENT_PURCHASER: Final = "recent_purchaser"
NO_CONSENT: Final = "no_consent"
ERASED: Final = "erased"


@dataclass(frozen=True, eq=False)
class Now:
    """What is known at the moment of export.

    Attributes:
        as_of: that moment.
        persons: the persons table of the ingestion in force.
        catalog: its catalog table.
        held_items: ids of items held back.
        purchases: `person_id`, `item_id`, `time` of purchases before `as_of`, as far back as the rules look.
        suppressed: persons on a suppression list.
        recent_purchase_hours, just_bought_days, blocked_categories, require_price: limits of the campaign that scored.
    """

    as_of: datetime
    persons: pa.Table
    catalog: pa.Table
    held_items: pa.Array
    purchases: pa.Table
    suppressed: frozenset[str]
    recent_purchase_hours: float
    just_bought_days: float
    blocked_categories: tuple[str, ...]
    require_price: bool


@dataclass(frozen=True, eq=False)
class Eligible:
    """Who and what may leave.

    Attributes:
        people: first decision row of each person to contact, by person.
        lists: their item rows, by person and rank; price and title are those of now, ranks count from 1 without gaps.
        persons: outcome of the person rules over everybody decided to be contacted.
        items: outcome of the item rules over the items of who is left.
        prices_changed: item rows whose price is another than at scoring.
    """

    people: pa.Table
    lists: pa.Table
    persons: Verdict
    items: Verdict
    prices_changed: int


def require_no_control(decisions: pa.Table, holdout: dict[str, Any] | None) -> None:
    """Stop if anybody to be contacted is held out, by the recorded arm or by the hash itself.

    Args:
        decisions: rows to be exported.
        holdout: share and salt that the scoring run recorded; None = it recorded none.

    Raises:
        GateError: a control person would be exported.
    """
    held = mask(pc.is_in(decisions[c.ARM], value_set=pa.array([HOLDOUT, POLICY_HOLDOUT])))
    if holdout is not None:
        draws = uniform(decisions[c.PERSON_ID].to_pylist(), salt=holdout["salt"])
        held |= draws < holdout["share"]
    if held.any():
        raise GateError(
            "export",
            f"{int(held.sum())} decision rows would contact persons of the holdout",
            rule="a control person never appears in a targeting export, or no lift can be measured",
            next_step="Run 'retarget score' again; if this stays, report it as a defect.",
        )


def recheck(decisions: pa.Table, now: Now, *, run_id: str) -> Eligible:
    """Ask again what may have changed since scoring.

    Args:
        decisions: the decisions table; only rows to be contacted are looked at.
        now: the facts.
        run_id: for the waterfall.

    Invariants: whoever is left was to be contacted by the decisions; facts that are as they were at scoring drop nobody.
    """
    chosen = decisions.filter(decisions[c.CONTACT])
    chosen = chosen.sort_by([(c.PERSON_ID, "ascending"), (c.RANK, "ascending")])
    first = chosen.filter(pc.equal(chosen[c.RANK], 1))
    persons = _persons(first, now, run_id)
    people = first.filter(pa.array(persons.kept))
    left = pc.is_in(chosen[c.PERSON_ID], value_set=people[c.PERSON_ID].combine_chunks())
    rows = chosen.filter(pc.and_(left, pc.is_valid(chosen[c.ITEM_ID])))
    items = _items(rows, now, run_id)
    lists, changed = _as_of_now(rows.filter(pa.array(items.kept)), now.catalog)
    return Eligible(people, lists, persons, items, changed)


def person_rules(ids: pa.ChunkedArray, now: Now) -> list[Rule]:
    """The rules for persons, suppression lists last.

    Args:
        ids: person ids, n.
        now: the facts.
    """
    at = pc.index_in(ids, value_set=now.persons[c.PERSON_ID].combine_chunks())
    since = now.as_of - timedelta(hours=now.recent_purchase_hours)
    recent = now.purchases.filter(
        pc.greater_equal(now.purchases[c.TIME], pa.scalar(since, TIMESTAMP))
    )
    return [
        Rule(NOT_KNOWN, mask(pc.is_null(at))),
        Rule(ERASED, mask(now.persons[c.ERASED].take(at))),
        Rule(NO_CONSENT, ~mask(pa.array(contactable(now.persons, now.as_of)).take(at))),
        Rule(RECENT_PURCHASER, _among(ids, recent[c.PERSON_ID])),
        Rule(SUPPRESSED, _among(ids, pa.array(sorted(now.suppressed), pa.string()))),
    ]


def _persons(first: pa.Table, now: Now, run_id: str) -> Verdict:
    everyone = np.ones(first.num_rows, np.bool_)
    rules = person_rules(first[c.PERSON_ID], now)
    return apply_rules(rules, level="person", run_id=run_id, among=everyone)


def _items(rows: pa.Table, now: Now, run_id: str) -> Verdict:
    ids = rows[c.ITEM_ID]
    at = pc.index_in(ids, value_set=now.catalog[c.ITEM_ID].combine_chunks())
    facts = now.catalog.take(at)
    since = now.as_of - timedelta(days=now.just_bought_days)
    bought = now.purchases.filter(
        pc.greater_equal(now.purchases[c.TIME], pa.scalar(since, TIMESTAMP))
    )
    rules = [
        Rule("not_in_catalog", mask(pc.is_null(at))),
        Rule("blocked_category", _among(facts[c.CATEGORY], pa.array(now.blocked_categories, pa.string()))),
        Rule("not_in_stock", ~mask(pc.equal(facts[c.AVAILABILITY], "in_stock"))),
        Rule("no_price", ~mask(pc.greater(facts[c.PRICE], 0)) & now.require_price),
        Rule("held_back", _among(ids, now.held_items)),
        Rule("just_bought", _bought(rows, bought)),
    ]  # fmt: skip
    everything = np.ones(rows.num_rows, np.bool_)
    return apply_rules(rules, level="item", run_id=run_id, among=everything)


def _bought(rows: pa.Table, purchases: pa.Table) -> BoolArray:
    """Whether each row's person bought the row's item."""
    pairs = set(
        zip(purchases[c.PERSON_ID].to_pylist(), purchases[c.ITEM_ID].to_pylist(), strict=True)
    )
    asked = zip(rows[c.PERSON_ID].to_pylist(), rows[c.ITEM_ID].to_pylist(), strict=True)
    return np.array([pair in pairs for pair in asked], np.bool_)


def _as_of_now(rows: pa.Table, catalog: pa.Table) -> tuple[pa.Table, int]:
    """Item rows with price, currency, title and snapshot of now, ranked without gaps, and how many prices moved."""
    at = pc.index_in(rows[c.ITEM_ID], value_set=catalog[c.ITEM_ID].combine_chunks())
    facts = catalog.take(at)
    moved = int(pc.sum(pc.not_equal(rows[c.PRICE], facts[c.PRICE])).as_py() or 0)
    current = {name: facts[name] for name in (c.TITLE, c.PRICE, c.CURRENCY, c.SNAPSHOT_ID)}
    current[c.RANK] = pa.chunked_array([_ranks(rows[c.PERSON_ID])])
    for name, values in current.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, values)
    return rows, moved


def _ranks(persons: pa.ChunkedArray) -> pa.Array:
    """1, 2, 3 … within each run of equal ids."""
    ids = persons.to_numpy().astype(object)
    place = np.arange(len(ids))
    starts = np.ones(len(ids), np.bool_)
    starts[1:] = ids[1:] != ids[:-1]
    begin = np.maximum.accumulate(np.where(starts, place, 0)) if len(ids) else place
    return pa.array(place - begin + 1, pa.int64())


def _among(values: pa.ChunkedArray, wanted: pa.Array | pa.ChunkedArray) -> BoolArray:
    value_set = wanted.combine_chunks() if isinstance(wanted, pa.ChunkedArray) else wanted
    return mask(pc.is_in(values, value_set=value_set))
