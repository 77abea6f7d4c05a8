"""Who may be contacted, and with which items: every rule by name, in one declared order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, CodeArray, FloatArray, IntArray, TextArray
from features.histories.histories import MICROSECONDS_PER_DAY, AsOf, Histories
from serving.config import EligibilityConfig, FrequencyConfig
from serving.waterfall import Rule

HOURS_PER_DAY: Final = 24
ERASED: Final = "erased"


@dataclass(frozen=True, eq=False)
class ItemFacts:
    """What the catalog snapshot says of each item code of the histories.

    Attributes:
        known: shape (n_items,), the item is in the snapshot.
        in_stock: availability is `in_stock`; unknown availability is not.
        priced: a price above zero is known.
        category: catalog category, "" when unknown.
        title: "" when unknown.
        price: NaN when unknown.
    """

    known: BoolArray
    in_stock: BoolArray
    priced: BoolArray
    category: TextArray
    title: TextArray
    price: FloatArray


def item_facts(catalog: pa.Table, histories: Histories) -> ItemFacts:
    """The catalog, aligned to item codes."""
    row_of = pc.index_in(pa.array(histories.item_ids, pa.string()), value_set=catalog[c.ITEM_ID])
    rows = catalog.take(row_of)
    price = pc.fill_null(rows[c.PRICE], float("nan")).to_numpy()
    return ItemFacts(
        known=row_of.is_valid().to_numpy(zero_copy_only=False),
        in_stock=_equals(rows[c.AVAILABILITY], "in_stock"),
        priced=price > 0,
        category=_texts(rows[c.CATEGORY]),
        title=_texts(rows[c.TITLE]),
        price=price,
    )


def person_rules(
    persons: pa.Table,
    consented: BoolArray,
    history: AsOf,
    recency_days: FloatArray,
    recent_contacts: IntArray,
    eligibility: EligibilityConfig,
    frequency: FrequencyConfig,
) -> list[Rule]:
    """The person rules, in order.

    Args:
        persons: checked persons table, n rows.
        consented: consent to personalised advertising at the moment of decision, shape (n,).
        history: one row per person, n rows.
        recency_days: days since the last order, NaN = none, shape (n,).
        recent_contacts: contacts in the window of the frequency cap, shape (n,).
        eligibility: limits.
        frequency: cap.
    """
    hours = recency_days * HOURS_PER_DAY
    return [
        Rule(ERASED, persons[c.ERASED].to_numpy()),
        Rule("no_consent", ~consented),
        Rule("no_history", history.stop == history.start),
        Rule("recent_purchaser", hours <= eligibility.recent_purchase_hours),
        Rule("frequency_cap", recent_contacts >= frequency.max_contacts),
    ]


def item_rules(
    candidates: CodeArray, items: ItemFacts, history: AsOf, eligibility: EligibilityConfig
) -> list[Rule]:
    """The rules for each (person, candidate) pair, in order.

    Args:
        candidates: item codes, shape (n, k), -1 = no candidate, or an item the histories do not hold.
        items: catalog facts per code.
        history: one row per person, n rows.
        eligibility: limits.
    """
    blocked = np.isin(items.category, eligibility.blocked_categories)
    code = np.maximum(candidates, 0)
    return [
        Rule("not_in_catalog", (candidates < 0) | ~items.known[code]),
        Rule("blocked_category", blocked[code]),
        Rule("not_in_stock", ~items.in_stock[code]),
        Rule("no_price", ~items.priced[code]),
        Rule("just_bought", bought_since(candidates, history, days=eligibility.just_bought_days)),
    ]


def bought_since(candidates: CodeArray, history: AsOf, *, days: float) -> BoolArray:
    """Whether each row's person bought the candidate in the last `days`; shape of `candidates`."""
    columns = history.histories
    row, position = history.events()
    recent = columns.time[position] >= history.time[row] - days * MICROSECONDS_PER_DAY
    recent &= columns.item[position] >= 0
    bought = row[recent] * columns.n_items + columns.item[position[recent]]
    pairs = np.arange(len(candidates))[:, None] * columns.n_items + candidates
    return np.isin(pairs, bought) & (candidates >= 0)


def count_contacts(
    exposures: pa.Table, person_ids: pa.ChunkedArray, *, before: int, window_days: float
) -> IntArray:
    """Real contacts (no ghosts) of each person in the window before a moment in microseconds."""
    time = exposures[c.TIME].cast(pa.int64()).to_numpy()
    real = ~exposures[c.GHOST].to_numpy()
    recent = real & (time < before) & (time >= before - window_days * MICROSECONDS_PER_DAY)
    place = pc.index_in(exposures[c.PERSON_ID].filter(pa.array(recent)), value_set=person_ids)
    return np.bincount(place.drop_null().to_numpy(), minlength=len(person_ids))


def _equals(values: pa.ChunkedArray, wanted: str) -> BoolArray:
    matches: BoolArray = pc.fill_null(pc.equal(values, wanted), False).to_numpy()
    return matches


def _texts(values: pa.ChunkedArray) -> TextArray:
    texts: TextArray = pc.fill_null(values, "").to_numpy().astype(object)
    return texts
