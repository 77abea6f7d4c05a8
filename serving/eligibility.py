"""Who may be contacted, and with which items: every rule by name, in one declared order."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.arrays import BoolArray, CodeArray, FloatArray
from features.histories.histories import AsOf
from features.tables import EVENT_NAMES
from serving.config import HOURS_PER_DAY, EligibilityConfig
from serving.lists.near import Near
from serving.lists.past import Pairs, Past
from serving.lists.shelf import Shelf
from serving.waterfall import Rule

ERASED: Final = "erased"

NOT_IN_CATALOG: Final = "not_in_catalog"
SUPPRESSED: Final = "suppressed"
BLOCKED_CATEGORY: Final = "blocked_category"
NOT_IN_STOCK: Final = "not_in_stock"
NO_PRICE: Final = "no_price"
OUT_OF_REACH: Final = "out_of_reach"
JUST_BOUGHT: Final = "just_bought"
SEEN: Final = "seen"
RESTING: Final = "resting"

UNAVAILABLE: Final = (SUPPRESSED, NOT_IN_STOCK)
"""Rules that say the item itself would be shown, were it there: another may stand in for it."""


def person_rules(
    persons: pa.Table,
    consented: BoolArray,
    history: AsOf,
    recency_days: FloatArray,
    eligibility: EligibilityConfig,
) -> list[Rule]:
    """The person rules that look at consent and own events, in order; `frequency_rules` follow them.

    Args:
        persons: checked persons table, n rows.
        consented: consent to personalised advertising at the moment of decision, shape (n,).
        history: one row per person, n rows.
        recency_days: days since the last order, NaN = none, shape (n,).
        eligibility: limits.
    """
    hours = recency_days * HOURS_PER_DAY
    return [
        Rule(ERASED, persons[c.ERASED].to_numpy()),
        Rule("no_consent", ~consented),
        Rule("no_history", history.stop == history.start),
        Rule("recent_purchaser", hours <= eligibility.recent_purchase_hours),
        *_quiet_rules(history, eligibility),
    ]


def _quiet_rules(history: AsOf, eligibility: EligibilityConfig) -> list[Rule]:
    """One rule for each event after which a person is left alone for some days."""
    if not eligibility.quiet_days:
        return []
    row, position = history.events()
    event, age = history.histories.event[position], history.age_days(row, position)
    rules = []
    for name, days in eligibility.quiet_days.items():
        removes = np.zeros(len(history), np.bool_)
        removes[row[(event == EVENT_NAMES.index(name)) & (age <= days)]] = True
        rules.append(Rule(f"recent_{name}", removes))
    return rules


def item_rule_names(
    eligibility: EligibilityConfig, *, limited: bool, resting: bool
) -> tuple[str, ...]:
    """Names of the item rules in force, in order.

    Args:
        eligibility: limits.
        limited: whether items have to be near.
        resting: whether items shown too often rest.
    """
    placed = (OUT_OF_REACH,) if limited else ()
    fresh = (SEEN,) if eligibility.exclude_seen else ()
    rested = (RESTING,) if resting else ()
    return (*_shelf_rule_names(eligibility), *placed, JUST_BOUGHT, *fresh, *rested)


def item_rules(
    candidates: CodeArray, past: Past, eligibility: EligibilityConfig, near: Near
) -> list[Rule]:
    """The rules for each (person, candidate) pair, in order.

    Args:
        candidates: codes of the shelf, shape (n, k), -1 = no candidate, or an item that the shelf does not hold.
        past: n rows over the shelf.
        eligibility: limits.
        near: where the n persons are, and what is near.
    """
    removed = _removed_from_shelf(past.shelf, eligibility)
    masks = {name: np.append(removes, True)[candidates] for name, removes in removed.items()}
    at_hand = np.append(near.reach, np.zeros((len(near.reach), 1), np.bool_), axis=1)
    masks[OUT_OF_REACH] = ~at_hand[near.place[:, None], candidates]
    masks[JUST_BOUGHT] = past.bought(days=eligibility.just_bought_days).hold(candidates)
    masks[SEEN] = past.touched()[0].hold(candidates)
    if past.resting is not None:
        masks[RESTING] = past.resting.hold(candidates)
    names = item_rule_names(eligibility, limited=near.limited, resting=past.resting is not None)
    return [Rule(name, masks[name]) for name in names]


def barred_items(past: Past, eligibility: EligibilityConfig) -> Pairs:
    """Items that the rules about a person's past keep from them."""
    if eligibility.exclude_seen:
        barred = past.touched()[0]  # what was bought is among them
    else:
        barred = past.bought(days=eligibility.just_bought_days)
    return barred if past.resting is None else barred.joined(past.resting)


def sellable(shelf: Shelf, eligibility: EligibilityConfig) -> BoolArray:
    """Items that pass every rule that does not look at the person, shape (n_items,)."""
    removed = _removed_from_shelf(shelf, eligibility)
    passed = np.ones(len(shelf), np.bool_)
    for name in _shelf_rule_names(eligibility):
        passed &= ~removed[name]
    return passed


def _shelf_rule_names(eligibility: EligibilityConfig) -> tuple[str, ...]:
    priced = (NO_PRICE,) if eligibility.require_price else ()
    return (NOT_IN_CATALOG, SUPPRESSED, BLOCKED_CATEGORY, NOT_IN_STOCK, *priced)


def _removed_from_shelf(shelf: Shelf, eligibility: EligibilityConfig) -> dict[str, BoolArray]:
    """What each rule removes of the shelf, shape (n_items,)."""
    return {
        NOT_IN_CATALOG: np.zeros(len(shelf), np.bool_),
        SUPPRESSED: shelf.suppressed,
        BLOCKED_CATEGORY: np.isin(shelf.category, eligibility.blocked_categories),
        NOT_IN_STOCK: ~shelf.in_stock & (eligibility.require_availability | ~shelf.stock_unknown),
        NO_PRICE: ~(shelf.price > 0),
    }
