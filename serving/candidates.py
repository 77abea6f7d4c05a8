"""Which items each person could be shown: the champion's list, item rules, and a fallback where too few are left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.arrays import BoolArray, CodeArray
from features.histories.histories import NO_CODE, AsOf
from serving.config import EligibilityConfig
from serving.eligibility import ItemFacts, bought_since, item_rules
from serving.waterfall import Verdict, apply_rules
from training.recommenders.base import RankedItems, Recommender

BUY_AGAIN: Final = "buy_again"
DISCOVER: Final = "discover"
STATIC: Final = "static"


@dataclass(frozen=True, eq=False)
class ChosenItems:
    """The items of n persons, best first.

    Attributes:
        items: shape (n, items_per_person), item codes of the histories, -1 = none; eligible ones only.
        scores: shape (n, items_per_person), comparable within a row only; NaN = none.
        fallback: true where the item came from the second, filtered list.
        repeat: true where the person had bought the item before.
        verdict: the item waterfall over the first list, shape (n, candidates).
    """

    items: CodeArray
    scores: npt.NDArray[np.float32]
    fallback: BoolArray
    repeat: BoolArray
    verdict: Verdict

    @property
    def has_items(self) -> BoolArray:
        present: BoolArray = self.items[:, 0] != NO_CODE
        return present


def choose_items(
    model: Recommender[Any],
    history: AsOf,
    facts: ItemFacts,
    eligibility: EligibilityConfig,
    *,
    candidates: int,
    items_per_person: int,
    run_id: str,
) -> ChosenItems:
    """Rank, filter, and fill up.

    Args:
        model: fitted recommender.
        history: one row per person who may be contacted, n rows.
        facts: catalog facts per item code.
        eligibility: limits of the item rules.
        candidates: length of the first list.
        items_per_person: items kept per person.
        run_id: for the waterfall.

    Invariants: every chosen item passes every item rule; a row's items are distinct.
    """
    ranked = model.recommend(history, k=candidates)
    codes = ranked.codes_in(history.histories)
    rules = item_rules(codes, facts, history, eligibility)
    verdict = apply_rules(rules, level="item", run_id=run_id, among=ranked.items != NO_CODE)
    items, scores = _leftmost(codes, ranked.scores, verdict.kept, items_per_person)
    fallback = np.zeros(items.shape, np.bool_)
    short = np.flatnonzero(items[:, -1] == NO_CODE)
    if len(short):
        filled = _fill(
            model,
            history.take(short),
            facts,
            eligibility,
            items[short],
            scores[short],
            candidates=candidates,
        )
        fallback[short] = items[short] != filled[0]
        items[short], scores[short] = filled
    everything = bought_since(items, history, days=np.inf)
    return ChosenItems(items, scores, fallback, everything, verdict)


def _leftmost(
    codes: CodeArray, scores: npt.NDArray[np.float32], kept: BoolArray, width: int
) -> tuple[CodeArray, npt.NDArray[np.float32]]:
    """The first `width` kept entries of each row, in order; -1 and NaN where there are fewer."""
    order = np.argsort(~kept, axis=1, kind="stable")[:, :width]
    present = np.take_along_axis(kept, order, axis=1)
    items = np.where(present, np.take_along_axis(codes, order, axis=1), NO_CODE)
    chosen = np.where(present, np.take_along_axis(scores, order, axis=1), np.nan)
    missing = width - items.shape[1]
    padding = ((0, 0), (0, max(missing, 0)))
    return (
        np.pad(items, padding, constant_values=NO_CODE).astype(np.int32),
        np.pad(chosen, padding, constant_values=np.nan).astype(np.float32),
    )


def _fill(
    model: Recommender[Any],
    history: AsOf,
    facts: ItemFacts,
    eligibility: EligibilityConfig,
    items: CodeArray,
    scores: npt.NDArray[np.float32],
    *,
    candidates: int,
) -> tuple[CodeArray, npt.NDArray[np.float32]]:
    """Continue short rows with the same model over eligible items only."""
    width = items.shape[1]
    allowed = _allowed(model, facts, history, eligibility)
    bought = eligibility.just_bought_days
    ranked: RankedItems = model.recommend(history, k=max(candidates, 2 * width), allowed=allowed)
    codes = ranked.codes_in(history.histories)
    fresh = (ranked.items != NO_CODE) & ~bought_since(codes, history, days=bought)
    fresh &= ~(codes[:, :, None] == items[:, None, :]).any(axis=2)
    joined = np.concatenate([items, codes], axis=1)
    kept = np.concatenate([items != NO_CODE, fresh], axis=1)
    return _leftmost(joined, np.concatenate([scores, ranked.scores], axis=1), kept, width)


def _allowed(
    model: Recommender[Any], facts: ItemFacts, history: AsOf, eligibility: EligibilityConfig
) -> BoolArray:
    """Items of the model that pass every rule that does not look at the person."""
    sellable = facts.known & facts.in_stock & facts.priced
    sellable &= ~np.isin(facts.category, eligibility.blocked_categories)
    ids = history.histories.item_ids[sellable].tolist()
    return np.isin(model.item_ids.astype(str), np.array(ids, dtype=str))
