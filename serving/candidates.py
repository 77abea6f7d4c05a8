"""Which items each person could be shown: the champion's list under the item rules, merchandised, varied, never short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.arrays import BoolArray, CodeArray, FloatArray, IntArray
from features.histories.histories import NO_CODE, AsOf
from serving.config import EligibilityConfig
from serving.eligibility import UNAVAILABLE, barred_items, item_rules, sellable
from serving.lists.chain import EXACT, FOR_BUYERS, build_chain
from serving.lists.config import ListsConfig
from serving.lists.kinds import DISCOVER, KindArray, Relations, cross_sells, places_first, upsells
from serving.lists.merchandising import (
    Merchandising,
    boosted_order,
    merchandise,
    no_wishes,
    relevance_cost,
)
from serving.lists.near import Near
from serving.lists.past import Pairs, Past
from serving.lists.select import Candidates, LevelArray, Selection, Wishes, select
from serving.lists.shelf import Shelf
from serving.waterfall import Verdict, apply_rules
from training.recommenders.base import RankedItems, Recommender

_LOST_ORIGINS: Final = 5
"""Unavailable candidates, the best first, whose stand-ins fill a short list before those of own items."""


@dataclass(frozen=True, eq=False)
class Counter:
    """What every part of the persons shares: the shelf, and what the shop wants of lists.

    Attributes:
        shelf: the items.
        lists: what may happen to a list.
        eligibility: limits of the item rules.
        candidates: length of the first list.
        items_per_person: items kept per person.
    """

    shelf: Shelf
    lists: ListsConfig
    eligibility: EligibilityConfig
    candidates: int
    items_per_person: int


@dataclass(frozen=True, eq=False)
class ChosenItems:
    """The lists of n persons, best first, w places each.

    Attributes:
        past: the n rows' events with items of the shelf.
        items: shape (n, w), codes of the shelf, -1 = none, only at the end; eligible ones only.
        score: shape (n, w), the model's score, comparable within a row only; NaN = the item is not from its list.
        score_after: shape (n, w), the same after boosts; NaN also where a pin stands.
        level: shape (n, w), code of `features.tables.LIST_LEVELS`.
        kind: shape (n, w), code of `features.tables.RECO_KINDS`.
        origin: shape (n, w), the item it stands in for, -1 = none.
        relaxed: shape (n,), caps that gave way, counted from the last of `merchandising.caps`.
        relevance_lost: shape (n,), sum of model scores lost to merchandising, places and diversity.
        gain_lost: shape (n,), the same as a share of discounted cumulative gain.
        merchandising: the shop's wishes.
        near: where the persons are.
        verdict: the item waterfall over the first list, shape (n, candidates).
    """

    past: Past
    items: CodeArray
    score: FloatArray
    score_after: FloatArray
    level: LevelArray
    kind: KindArray
    origin: CodeArray
    relaxed: IntArray
    relevance_lost: FloatArray
    gain_lost: FloatArray
    merchandising: Merchandising
    near: Near
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class _Pool:
    """What n rows could be shown from the model, before order and caps; shapes (n, p)."""

    items: CodeArray
    score: FloatArray
    lost: BoolArray


def choose_items(
    model: Recommender[Any],
    history: AsOf,
    counter: Counter,
    *,
    near: Near,
    run_id: str,
    resting: Pairs | None = None,
) -> ChosenItems:
    """Rank, filter, merchandise, vary, and fill up.

    Args:
        model: fitted recommender.
        history: one row per person who may be contacted, n rows.
        counter: shelf and wishes.
        near: where the n persons are.
        run_id: for the waterfall.
        resting: items that rest for a row's person; None = items do not rest.

    Invariants: every chosen item passes every item rule; a row's items are distinct; a row without item has nothing
        eligible left; a row depends on no other.
    """
    shelf, lists = counter.shelf, counter.lists
    past = Past.of(history, shelf, resting=resting)
    barred = barred_items(past, counter.eligibility)
    allowed = sellable(shelf, counter.eligibility)[None] & near.reach
    chain = build_chain(shelf, allowed, lists.fallback)
    pool, verdict = _pool(model, past, counter, near, allowed, barred, run_id)
    relations = Relations.of(past, lists.post_purchase, lists.fallback)
    origins = _origins(pool, past, relations, counter, allowed[near.place], barred)
    shop = merchandise(lists, shelf)

    def filled(pool: _Pool, order: IntArray, level: LevelArray, wishes: Wishes) -> Selection:
        indptr, items = barred.rows(len(history))
        rows = Candidates(
            items=np.take_along_axis(pool.items, order, axis=1),
            level=np.take_along_axis(level, order, axis=1),
            lost=np.take_along_axis(pool.lost, order, axis=1),
            origins=origins,
            place=near.place,
            barred_indptr=indptr,
            barred=items,
        )
        return select(rows, chain, wishes, width=counter.items_per_person)

    model_order = boosted_order(pool.score)
    plain = filled(pool, model_order, np.zeros(pool.items.shape, np.int8), no_wishes(shelf))
    buyers = lists.post_purchase
    extra = upsells(relations, chain, barred, buyers, n_rows=len(history))
    beside = cross_sells(relations, chain, barred, near.place, count=buyers.cross_sell)
    extra = np.concatenate([extra, beside], axis=1)
    wider, level, order = _wished_order(pool, extra, relations, shop, lists)
    shown = filled(wider, order, level, shop.wishes)
    score = _scores(shown, wider, order)
    lost, share = relevance_cost(
        np.nan_to_num(_scores(plain, pool, model_order)), np.nan_to_num(score)
    )
    return ChosenItems(
        past=past,
        items=shown.items,
        score=score,
        score_after=np.where(shown.column >= 0, score * shop.factor[shown.items], np.nan),
        level=shown.level,
        kind=relations.kinds(shown.items),
        origin=shown.origin,
        relaxed=shown.relaxed,
        relevance_lost=lost,
        gain_lost=share,
        merchandising=shop,
        near=near,
        verdict=verdict,
    )


def _pool(
    model: Recommender[Any],
    past: Past,
    counter: Counter,
    near: Near,
    allowed: BoolArray,
    barred: Pairs,
    run_id: str,
) -> tuple[_Pool, Verdict]:
    """The model's own items that may be shown, or replaced; short rows are ranked again among eligible items only."""
    ranked = model.recommend(past.history, k=counter.candidates)
    codes = _codes(ranked, past.shelf)
    rules = item_rules(codes, past, counter.eligibility, near)
    verdict = apply_rules(rules, level="item", run_id=run_id, among=ranked.items != NO_CODE)
    own = (codes != NO_CODE) & (ranked.scores > 0)
    lost = own & np.isin(verdict.rule, UNAVAILABLE) & ~barred.hold(codes)
    kept = own & verdict.kept
    pool = _Pool(
        np.where(kept | lost, codes, NO_CODE),
        np.where(kept | lost, ranked.scores, np.nan).astype(np.float64),
        lost,
    )
    short = np.flatnonzero(kept.sum(axis=1) < counter.items_per_person)
    if len(short) == 0:
        return pool, verdict
    more = _deeper(model, past, counter, allowed, near.place[short], short, barred)
    repeated = (more.items[:, :, None] == pool.items[short][:, None, :]).any(axis=2)
    shape = (len(codes), more.items.shape[1])
    items, score = np.full(shape, NO_CODE, np.int32), np.full(shape, np.nan)
    items[short] = np.where(repeated, NO_CODE, more.items)
    score[short] = np.where(repeated, np.nan, more.score)
    return _joined(pool, _Pool(items, score, np.zeros(shape, np.bool_))), verdict


def _deeper(
    model: Recommender[Any],
    past: Past,
    counter: Counter,
    allowed: BoolArray,
    place: IntArray,
    rows: IntArray,
    barred: Pairs,
) -> _Pool:
    """What the model ranks among eligible items for some rows."""
    ids = past.shelf.item_ids[np.asarray(allowed.any(axis=0))].astype(str)
    ranked = model.recommend(
        past.history.take(rows),
        k=counter.candidates,
        allowed=np.isin(model.item_ids.astype(str), ids),
    )
    codes = _codes(ranked, past.shelf)
    good = (codes != NO_CODE) & (ranked.scores > 0) & allowed[place[:, None], codes]
    good &= ~np.isin(rows[:, None] * len(past.shelf) + codes, barred.key)
    score = np.where(good, ranked.scores, np.nan).astype(np.float64)
    return _Pool(np.where(good, codes, NO_CODE), score, np.zeros(codes.shape, np.bool_))


def _origins(
    pool: _Pool,
    past: Past,
    relations: Relations,
    counter: Counter,
    allowed: BoolArray,
    barred: Pairs,
) -> CodeArray:
    """Items whose stand-ins fill a short list: those lost from the model's list, then own ones, the newest first."""
    first = np.argsort(~pool.lost, axis=1, kind="stable")[:, :_LOST_ORIGINS]
    lost = np.where(
        np.take_along_axis(pool.lost, first, axis=1),
        np.take_along_axis(pool.items, first, axis=1),
        NO_CODE,
    )
    own = past.newest(count=counter.lists.fallback.own_items)
    unwanted = barred.hold(own)
    if not counter.lists.fallback.substitutes_of_cart_items:
        unwanted |= relations.cart.hold(own) & np.take_along_axis(allowed, own, axis=1)
    own = np.where(unwanted, NO_CODE, own)
    return np.concatenate([lost, own], axis=1).astype(np.int32)


def _wished_order(
    pool: _Pool,
    extra: CodeArray,
    relations: Relations,
    shop: Merchandising,
    lists: ListsConfig,
) -> tuple[_Pool, LevelArray, IntArray]:
    """The pool with what is meant for buyers, the level of each entry, and the order after boosts and places for buyers."""
    added = _Pool(extra, np.full(extra.shape, np.nan), np.zeros(extra.shape, np.bool_))
    wider = _joined(pool, added)
    level = np.full(wider.items.shape, EXACT, np.int8)
    level[:, pool.items.shape[1] :] = FOR_BUYERS
    order = boosted_order(wider.score * shop.factor[wider.items])
    kinds = np.where(wider.lost, DISCOVER, relations.kinds(wider.items)).astype(np.int8)
    by_kind = places_first(
        np.take_along_axis(kinds, order, axis=1), lists.post_purchase, relations.owns
    )
    return wider, level, np.take_along_axis(order, by_kind, axis=1)


def _scores(found: Selection, pool: _Pool, order: IntArray) -> FloatArray:
    """The model's score at each place: of the candidate that stands there or is replaced, of a pin from the list itself."""
    score = np.take_along_axis(pool.score, order, axis=1)
    padded = np.concatenate([score, np.full((len(score), 1), np.nan)], axis=1)
    at_place = np.take_along_axis(padded, found.column, axis=1)
    same = (found.items[:, :, None] == pool.items[:, None, :]) & ~pool.lost[:, None, :]
    same &= ~np.isnan(pool.score)[:, None, :]
    column = np.where(same.any(axis=2), same.argmax(axis=2), pool.items.shape[1])
    padded = np.concatenate([pool.score, np.full((len(score), 1), np.nan)], axis=1)
    elsewhere = np.take_along_axis(padded, column, axis=1)
    found_scores: FloatArray = np.where(
        found.items == NO_CODE, np.nan, np.where(np.isnan(at_place), elsewhere, at_place)
    )
    return found_scores


def _joined(one: _Pool, other: _Pool) -> _Pool:
    return _Pool(
        *(
            np.concatenate([getattr(one, name), getattr(other, name)], axis=1)
            for name in ("items", "score", "lost")
        )
    )


def _codes(ranked: RankedItems, shelf: Shelf) -> npt.NDArray[np.int32]:
    """Codes of the shelf, shape (n, k), -1 = nothing, or an item that the shelf does not hold."""
    codes = np.append(shelf.codes(ranked.item_ids), np.int32(NO_CODE))
    found: CodeArray = codes[ranked.items]
    return found
