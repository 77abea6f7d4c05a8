"""Rank, filter, merchandise, fill up: only eligible items, none twice, no gaps, and nothing where nothing is left."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features import columns as c
from features.tables import LIST_LEVELS, RECO_KINDS
from serving.candidates import ChosenItems, Counter, choose_items
from serving.config import EligibilityConfig
from serving.lists.config import (
    Boost,
    Cap,
    DiversityConfig,
    FallbackConfig,
    ListsConfig,
    Match,
    MerchandisingConfig,
    PostPurchaseConfig,
)
from serving.lists.near import Near
from serving.lists.shelf import build_shelf
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
CATEGORY = {"bread": "food", "milk": "food", "rice": "dry", "tea": "dry", "wine": "alcohol"}
RULES = EligibilityConfig(blocked_categories=("alcohol",), just_bought_days=7)
HALF_LIFE = 10


def shelf_of(
    *,
    items=ITEMS,
    in_stock=("milk", "rice", "tea", "wine"),
    priced=ITEMS,
    suppressed=(),
    popular=POPULAR,
):
    table = pa.table(
        {
            c.ITEM_ID: list(items),
            c.TITLE: list(items),
            c.CATEGORY: [CATEGORY[name] for name in items],
            c.PRICE: pa.array([2.0 if name in priced else None for name in items], pa.float64()),
            c.AVAILABILITY: ["in_stock" if name in in_stock else "out_of_stock" for name in items],
        }
    )
    return build_shelf(
        table,
        popular=np.array(popular, dtype=object),
        category_levels=(c.CATEGORY,),
        suppressed=pa.chunked_array([list(suppressed)], pa.string()),
    )


@pytest.fixture(scope="module")
def view(make_histories, day):
    return make_histories(*ROWS).everyone(day(30))


@pytest.fixture(scope="module")
def model(view):
    return BuyAgain(BuyAgainConfig(half_life_days=HALF_LIFE)).fit(view)


@pytest.fixture(scope="module")
def choose(model, view):
    def run(shelf=None, *, candidates=3, items_per_person=3, rules=RULES, history=None, lists=None):
        counter = Counter(
            shelf_of() if shelf is None else shelf,
            ListsConfig() if lists is None else lists,
            rules,
            candidates,
            items_per_person,
        )
        rows = view if history is None else history
        near = Near.everything(counter.shelf, len(rows))
        return choose_items(model, rows, counter, near=near, run_id="r")

    return run


def names(chosen: ChosenItems):
    ids = chosen.past.shelf.item_ids
    return [[None if code < 0 else ids[code] for code in row] for row in chosen.items]


def levels(chosen: ChosenItems):
    return [[LIST_LEVELS[code] for code in row] for row in chosen.level]


def kinds(chosen: ChosenItems):
    return [[RECO_KINDS[code] for code in row] for row in chosen.kind]


def test_what_the_rules_leave_moves_up_and_the_chain_fills_the_rest(choose):
    """Own items: ann milk, bread, wine; bob tea, bread; cat rice; dan rice, tea. Bread is out of stock, wine blocked."""
    chosen = choose()
    assert names(chosen) == [
        ["milk", "rice", "tea"],
        [
            "milk",
            "rice",
            None,
        ],  # milk is food like the missing bread; tea was just bought and does not come back
        ["rice", "tea", "milk"],
        ["rice", "tea", "milk"],
    ]
    assert levels(chosen) == [
        ["exact", "best_seller", "best_seller"],
        ["category_price", "best_seller", "static"],
        ["exact", "category_price", "best_seller"],
        ["exact", "exact", "best_seller"],
    ]
    assert chosen.verdict.rule.tolist() == [
        ["", "not_in_stock", "blocked_category"],
        ["just_bought", "not_in_stock", ""],
        ["", "not_in_stock", ""],
        ["", "", "not_in_stock"],
    ]


def test_scores_stay_with_their_items(choose):
    decayed = 0.5 ** (18 / HALF_LIFE)  # bought once, on day 12
    nothing = np.nan
    np.testing.assert_allclose(
        choose().score,
        [
            [3 * 0.5 ** (20 / HALF_LIFE), nothing, nothing],
            [nothing, nothing, nothing],
            [decayed, nothing, nothing],
            [decayed, decayed, nothing],
        ],
        rtol=1e-6,
    )


def test_the_kind_says_what_the_item_is_to_the_person(choose):
    """Bought once or on one day: bought again, not due. Of ann's, milk; the rest of everybody's lists is new to them."""
    assert kinds(choose(lists=ListsConfig(post_purchase=PostPurchaseConfig(window_days=0.5)))) == [
        ["buy_again", "discover", "discover"],
        ["discover", "discover", "static"],
        ["buy_again", "discover", "discover"],
        ["buy_again", "buy_again", "discover"],
    ]
    assert kinds(choose())[0] == ["buy_again", "cross_sell", "cross_sell"]  # she owns no dry goods


def test_the_model_is_asked_again_before_the_chain(choose, make_histories, day):
    """eve's list of one is wine, which is blocked; deeper down she has milk of her own."""
    rows = [("eve", 20, "wine", f"w{n}", 1.0) for n in range(3)]
    eve = make_histories(*ROWS, *rows, ("eve", 5, "milk", "t9", 1.0)).everyone(day(30)).take([4])
    chosen = choose(candidates=1, items_per_person=1, history=eve)
    assert chosen.verdict.rule.tolist() == [["blocked_category"]]
    assert (names(chosen), levels(chosen)) == ([["milk"]], [["exact"]])


def test_suppressed_items_have_their_own_rule(choose):
    chosen = choose(shelf_of(suppressed=("milk",)))
    assert "milk" not in {name for row in names(chosen) for name in row}
    rows = {row[c.RULE]: row[c.COUNT_REMOVED] for row in chosen.verdict.table.to_pylist()}
    assert rows["suppressed"] >= 1


def test_a_price_is_needed_unless_there_is_none_to_have(choose):
    unpriced = shelf_of(priced=())
    assert (choose(unpriced).items == -1).all()
    content = RULES.model_copy(update={"require_price": False})
    chosen = choose(unpriced, rules=content)
    assert names(chosen)[0][0] == "milk"
    assert "no_price" not in chosen.verdict.table[c.RULE].to_pylist()


@pytest.mark.parametrize("missing", ["items", "in_stock", "priced"])
def test_nobody_gets_an_item_when_nothing_may_be_shown(choose, missing):
    chosen = choose(shelf_of(**{missing: ("bread",) if missing == "items" else ()}))
    assert (chosen.items == -1).all()
    assert np.isnan(chosen.score).all()
    assert (chosen.relevance_lost == 0).all()


def test_the_waterfall_counts_every_candidate_of_the_first_list_once(choose):
    rows = {row[c.RULE]: row for row in choose().verdict.table.to_pylist()}
    assert rows["not_in_catalog"][c.COUNT_IN] == 4 * 3
    removed = {name: row[c.COUNT_REMOVED] for name, row in rows.items()}
    assert removed == {
        "not_in_catalog": 0,
        "suppressed": 0,
        "blocked_category": 1,
        "not_in_stock": 4,
        "no_price": 0,
        "just_bought": 1,
    }
    assert {row[c.LEVEL] for row in rows.values()} == {"item"}


def lists_of(**merchandising):
    return ListsConfig(merchandising=MerchandisingConfig(**merchandising))


def test_a_boost_changes_the_order_and_its_cost_is_told(choose):
    """dan's rice and tea score the same; tea times 2 comes first, and no relevance is lost. ann loses none either."""
    tea = Boost(attribute=c.TITLE, values=("tea",), factor=2.0)
    chosen = choose(lists=lists_of(boosts=(tea,)))
    assert names(chosen)[3] == ["tea", "rice", "milk"]
    decayed = 0.5 ** (18 / HALF_LIFE)
    np.testing.assert_allclose(chosen.score[3, :2], [decayed, decayed], rtol=1e-6)
    np.testing.assert_allclose(chosen.score_after[3, :2], [2 * decayed, decayed], rtol=1e-6)
    np.testing.assert_allclose(chosen.relevance_lost, 0, atol=1e-9)
    np.testing.assert_allclose(chosen.gain_lost, 0, atol=1e-9)


def test_a_burial_and_a_pin_cost_what_they_push_out(choose):
    """Two places: dan has rice and tea; rice buried, tea and a best seller remain: rice's score is lost."""
    rice = Match(attribute=c.TITLE, values=("rice",))
    decayed = 0.5 ** (18 / HALF_LIFE)
    chosen = choose(items_per_person=2, lists=lists_of(bury=(rice,)))
    assert names(chosen)[3] == ["tea", "milk"]
    assert chosen.relevance_lost[3] == pytest.approx(decayed, rel=1e-6)
    both = 1 + 1 / np.log2(3)
    assert chosen.gain_lost[3] == pytest.approx(1 - 1 / both, rel=1e-6)
    pinned = choose(items_per_person=2, lists=lists_of(pin=("milk", "bread")))
    assert names(pinned)[3] == ["milk", "rice"]  # bread is out of stock
    assert levels(pinned)[3] == ["pinned", "exact"]
    assert np.isnan(pinned.score_after[3, 0])
    assert pinned.gain_lost[3] == pytest.approx(1 - (1 / np.log2(3)) / both, rel=1e-6)
    assert names(pinned)[0] == ["milk", "rice"]
    assert pinned.score[0, 0] == pytest.approx(
        3 * 0.5 ** (20 / HALF_LIFE), rel=1e-6
    )  # her own, pinned or not


def test_a_cap_is_told_when_it_gives_way(choose):
    caps = ListsConfig(diversity=DiversityConfig(caps=(Cap(attribute=c.CATEGORY, most=1),)))
    two = choose(items_per_person=2, lists=caps)
    assert names(two)[3] == ["rice", "milk"]
    assert two.relaxed.tolist() == [0, 0, 0, 0]
    three = choose(items_per_person=3, lists=caps)
    assert names(three)[3] == ["rice", "tea", "milk"]
    assert three.relaxed.tolist()[3] == 1


flags = arrays(np.bool_, len(ITEMS))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    in_stock=flags,
    priced=flags,
    suppressed=flags,
    buried=flags,
    candidates=st.integers(1, 6),
    width=st.integers(1, 6),
    just_bought_days=st.sampled_from([0.5, 7, 19, 21]),
    factor=st.sampled_from([0.1, 1.0, 7.0]),
    pin=st.sampled_from([(), ("tea",), ("milk", "rice")]),
    places=st.sampled_from(
        [PostPurchaseConfig(), PostPurchaseConfig(replenishment=1, upsell=1, cross_sell=1)]
    ),
)
def test_every_chosen_item_passes_every_rule(
    choose,
    view,
    in_stock,
    priced,
    suppressed,
    buried,
    candidates,
    width,
    just_bought_days,
    factor,
    pin,
    places,
):
    every = np.array(ITEMS)
    shelf = shelf_of(in_stock=every[in_stock], priced=every[priced], suppressed=every[suppressed])
    rules = RULES.model_copy(update={"just_bought_days": just_bought_days})
    wishes = MerchandisingConfig(
        boosts=(Boost(attribute=c.CATEGORY, values=("dry",), factor=factor),),
        bury=(Match(attribute=c.TITLE, values=(*every[buried].tolist(), "none")),),
        pin=pin,
    )
    lists = ListsConfig(merchandising=wishes, post_purchase=places)
    chosen = choose(shelf, candidates=candidates, items_per_person=width, rules=rules, lists=lists)
    sellable = in_stock & priced & ~suppressed & (every != "wine")
    for person, row in zip(view.histories.person_ids, names(chosen), strict=True):
        held = [name for name in row if name]
        recent = {i for p, day, i, *_ in ROWS if p == person and 30 - day <= just_bought_days}
        eligible = set(every[sellable]) - recent
        assert row[: len(held)] == held
        assert len(set(held)) == len(held)
        assert set(held) <= eligible
        assert len(held) == min(width, len(eligible))  # never empty while something is eligible
        pinned = [name for name in pin if name in eligible][:width]
        assert held[: len(pinned)] == pinned
    scored = ~np.isnan(chosen.score_after)
    assert ((chosen.items >= 0) | ~scored).all()
    dry = np.append(shelf.category == "dry", False)[chosen.items]
    expected = chosen.score * np.where(dry, factor, 1.0)
    np.testing.assert_allclose(chosen.score_after[scored], expected[scored])


CART = (
    *ROWS,
    ("eve", 29, "rice", None, 1.0, "cart_add"),
    ("eve", 29, "rice", None, 1.0, "view"),
)


@pytest.mark.parametrize(
    ("in_stock", "substitutes", "expected"),
    [
        pytest.param(
            ("milk", "rice", "tea"),
            False,
            [("rice", "best_seller"), ("milk", "best_seller")],
            id="what lies in the cart has none",
        ),
        pytest.param(
            ("milk", "rice", "tea"),
            True,
            [("tea", "category_price"), ("rice", "best_seller")],
            id="where they are asked for",
        ),
        pytest.param(
            ("milk", "tea"),
            False,
            [("tea", "category_price"), ("milk", "best_seller")],
            id="where it is gone",
        ),
    ],
)
def test_substitutes_of_cart_items(choose, make_histories, day, in_stock, substitutes, expected):
    """Rice and tea are dry goods of one price; of all goods rice sells best, then milk, then tea."""
    eve = make_histories(*CART).everyone(day(30)).take([4])
    lists = ListsConfig(
        fallback=FallbackConfig(substitutes_of_cart_items=substitutes),
    )
    shelf = shelf_of(in_stock=in_stock, popular=("bread", "rice", "milk", "tea", "wine"))
    chosen = choose(shelf, history=eve, lists=lists, items_per_person=2)
    found = list(zip(names(chosen)[0], levels(chosen)[0], strict=True))
    assert found == expected
