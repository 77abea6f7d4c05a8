"""Rank, filter, fill up: only eligible items, none twice, no gaps, and nothing where nothing is left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features import columns as c
from serving.candidates import ChosenItems, _leftmost, choose_items
from serving.config import EligibilityConfig
from serving.eligibility import ItemFacts
from training.recommenders.buy_again import BuyAgain, BuyAgainConfig

# Distinct buyers in 28 days: bread, rice and tea 2 each, milk and wine 1; equal ones in the order of their ids.
ROWS = (
    ("ann", 10, "milk", "t1", 1.0),
    ("ann", 10, "milk", "t2", 1.0),
    ("ann", 10, "milk", "t3", 1.0),
    ("ann", 10, "bread", "t1", 1.0),
    ("ann", 10, "bread", "t2", 1.0),
    ("ann", 10, "wine", "t1", 1.0),
    ("bob", 10, "bread", "t4", 1.0),
    ("bob", 29, "tea", "t5", 1.0),
    ("cat", 12, "rice", "t6", 1.0),
    ("dan", 12, "rice", "t7", 1.0),
    ("dan", 12, "tea", "t7", 1.0),
)
ITEMS = ("bread", "milk", "rice", "tea", "wine")
POPULAR = ("bread", "rice", "tea", "milk", "wine")
RULES = EligibilityConfig(blocked_categories=("alcohol",), just_bought_days=7)
HALF_LIFE = 10


def facts(*, known=ITEMS, in_stock=("milk", "rice", "tea", "wine"), priced=ITEMS):
    def among(names):
        return np.isin(ITEMS, names)

    return ItemFacts(
        known=among(known),
        in_stock=among(in_stock),
        priced=among(priced),
        category=np.where(among(["wine"]), "alcohol", "food").astype(object),
        title=np.array(ITEMS, dtype=object),
        price=np.where(among(priced), 2.0, np.nan),
    )


@pytest.fixture(scope="module")
def view(make_histories, day):
    return make_histories(*ROWS).everyone(day(30))


@pytest.fixture(scope="module")
def model(view):
    return BuyAgain(BuyAgainConfig(half_life_days=HALF_LIFE)).fit(view)


@pytest.fixture(scope="module")
def choose(model, view):
    def run(items=None, *, candidates=3, items_per_person=3, rules=RULES, history=None):
        return choose_items(
            model,
            view if history is None else history,
            facts() if items is None else items,
            rules,
            candidates=candidates,
            items_per_person=items_per_person,
            run_id="r",
        )

    return run


def names(chosen: ChosenItems):
    return [[None if code < 0 else ITEMS[code] for code in row] for row in chosen.items]


def test_what_the_rules_leave_moves_up_and_the_fallback_fills_the_rest(choose):
    """Lists of three: ann milk bread wine, bob tea bread rice, cat rice bread tea, dan rice tea bread."""
    chosen = choose()
    assert names(chosen) == [
        ["milk", "rice", "tea"],  # bread is out of stock, wine is blocked
        ["rice", "milk", None],  # tea was just bought, so it does not come back in the fallback
        ["rice", "tea", "milk"],
        ["rice", "tea", "milk"],
    ]
    assert chosen.fallback.tolist() == [
        [False, True, True],
        [False, True, False],
        [False, False, True],
        [False, False, True],
    ]
    assert chosen.verdict.rule.tolist() == [
        ["", "not_in_stock", "blocked_category"],
        ["just_bought", "not_in_stock", ""],
        ["", "not_in_stock", ""],
        ["", "", "not_in_stock"],
    ]


def test_scores_stay_with_their_items(choose):
    decayed = 0.5 ** (18 / HALF_LIFE)  # bought once, on day 12
    rank = {item: -(1.0 + POPULAR.index(item)) for item in ITEMS}
    np.testing.assert_allclose(
        choose().scores,
        [
            [3 * 0.5 ** (20 / HALF_LIFE), rank["rice"], rank["tea"]],
            [rank["rice"], rank["milk"], np.nan],
            [decayed, rank["tea"], rank["milk"]],
            [decayed, decayed, rank["milk"]],
        ],
        rtol=1e-6,
    )


def test_repeat_means_bought_at_any_time_before(choose):
    assert choose().repeat.tolist() == [
        [True, False, False],
        [False, False, False],
        [True, False, False],
        [True, True, False],
    ]


def test_a_full_list_needs_no_fallback(choose):
    chosen = choose(candidates=5, items_per_person=2)
    assert names(chosen) == [["milk", "rice"], ["rice", "milk"], ["rice", "tea"], ["rice", "tea"]]
    assert not chosen.fallback.any()


def test_the_fallback_looks_past_items_held_or_just_bought(choose, make_histories, day):
    """eve's own four come first in the fallback; three of them she has just bought."""
    later = [("eve", 29, item, "t8", 1.0) for item in ("rice", "tea", "wine")]
    eve = make_histories(*ROWS, *later, ("eve", 5, "milk", "t9", 1.0)).everyone(day(30)).take([4])
    chosen = choose(candidates=1, items_per_person=2, history=eve)
    assert names(chosen) == [["milk", None]]
    assert chosen.fallback.tolist() == [[True, False]]
    assert chosen.verdict.rule.tolist() == [["just_bought"]]


@pytest.mark.parametrize("missing", ["known", "in_stock", "priced"])
def test_nobody_gets_an_item_when_nothing_may_be_shown(choose, missing):
    chosen = choose(facts(**{missing: ()}))
    assert (chosen.items == -1).all()
    assert np.isnan(chosen.scores).all()
    assert not (chosen.has_items | chosen.fallback.any(axis=1) | chosen.repeat.any(axis=1)).any()


def test_has_items_looks_at_the_first_place(choose):
    assert choose(facts(in_stock=["tea"])).has_items.tolist() == [True, False, True, True]


def test_the_waterfall_counts_every_candidate_of_the_first_list_once(choose):
    rows = {row[c.RULE]: row for row in choose().verdict.table.to_pylist()}
    assert rows["not_in_catalog"][c.COUNT_IN] == 4 * 3
    removed = {name: row[c.COUNT_REMOVED] for name, row in rows.items()}
    assert removed == {
        "not_in_catalog": 0,
        "blocked_category": 1,
        "not_in_stock": 4,
        "no_price": 0,
        "just_bought": 1,
    }
    assert {row[c.LEVEL] for row in rows.values()} == {"item"}


def test_places_beyond_the_models_items_are_no_candidates(choose):
    """A model of five items cannot fill lists of nine."""
    chosen = choose(candidates=9, items_per_person=7)
    assert chosen.verdict.table[c.COUNT_IN][0].as_py() == 4 * len(ITEMS)
    assert names(chosen)[0] == ["milk", "rice", "tea", None, None, None, None]


flags = arrays(np.bool_, len(ITEMS))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    known=flags,
    in_stock=flags,
    priced=flags,
    candidates=st.integers(1, 6),
    width=st.integers(1, 6),
    just_bought_days=st.sampled_from([0.5, 7, 19, 21]),
)
def test_every_chosen_item_passes_every_rule(
    choose, view, known, in_stock, priced, candidates, width, just_bought_days
):
    items = facts(
        known=np.array(ITEMS)[known],
        in_stock=np.array(ITEMS)[in_stock],
        priced=np.array(ITEMS)[priced],
    )
    rules = RULES.model_copy(update={"just_bought_days": just_bought_days})
    chosen = choose(items, candidates=candidates, items_per_person=width, rules=rules)
    sellable = known & in_stock & priced & (np.array(ITEMS) != "wine")
    assert chosen.items.shape == chosen.scores.shape == (len(view), width)
    for person, row in zip(view.histories.person_ids, chosen.items, strict=True):
        held = row[row >= 0]
        assert (row[: len(held)] >= 0).all()
        assert len(np.unique(held)) == len(held)
        assert sellable[held].all()
        recent = {i for p, day, i, *_ in ROWS if p == person and 30 - day <= just_bought_days}
        assert not recent & {ITEMS[code] for code in held}
    np.testing.assert_array_equal(np.isnan(chosen.scores), chosen.items < 0)


@pytest.mark.parametrize(
    ("kept", "width", "items", "scores"),
    [
        ([1, 1, 1], 2, [7, 8], [0.7, 0.8]),
        ([0, 1, 1], 2, [8, 9], [0.8, 0.9]),
        ([0, 0, 1], 2, [9, -1], [0.9, np.nan]),
        ([0, 0, 0], 2, [-1, -1], [np.nan, np.nan]),
        ([1, 0, 1], 5, [7, 9, -1, -1, -1], [0.7, 0.9, np.nan, np.nan, np.nan]),
    ],
    ids=["cut", "packed", "short", "none", "wider than the list"],
)
def test_leftmost(kept, width, items, scores):
    found, their = _leftmost(
        np.array([[7, 8, 9]], np.int32),
        np.array([[0.7, 0.8, 0.9]], np.float32),
        np.array([kept], np.bool_),
        width,
    )
    assert (found.tolist(), found.dtype, their.dtype) == ([items], np.int32, np.float32)
    np.testing.assert_array_equal(their, np.array([scores], np.float32))
