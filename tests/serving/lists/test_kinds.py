"""Cross-sell, upsell, replenishment: what an item is to its person, and the places kept for each kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.tables import RECO_KINDS
from serving.lists.chain import build_chain
from serving.lists.config import FallbackConfig, PostPurchaseConfig
from serving.lists.kinds import Relations, cross_sells, places_first, upsells
from serving.lists.past import Pairs, Past

ROWS = (
    ("ann", 1, "fast", "t1", 1.0),  # running shoes, 70
    ("ann", 20, "sock", "t2", 1.0),
    ("ann", 22, "sock", "t3", 1.0),
    ("ann", 24, "sock", "t4", 1.0),
    ("ann", 25, "clog", "t5", 1.0, "view"),
    ("ann", 25, "boot", "t5", 1.0, "cart_add"),
    ("bob", 25, "cap", "b1", 1.0, "view"),
)
ALL = PostPurchaseConfig(replenishment=1, upsell=2, cross_sell=1)


@pytest.fixture(scope="module")
def past(shelf, make_histories, day):
    return Past.of(make_histories(*ROWS).everyone(day(26)), shelf)


def kinds_of(past, config=ALL):
    relations = Relations.of(past, config, FallbackConfig())
    every = np.broadcast_to(np.arange(len(past.shelf), dtype=np.int32), (2, len(past.shelf)))
    names = [[RECO_KINDS[k] for k in row] for row in relations.kinds(every)]
    return [dict(zip(past.shelf.item_ids, row, strict=True)) for row in names]


def test_every_kind_of_a_buyer(past):
    ann, bob = kinds_of(past)
    assert ann == {
        "boot": "cart",
        "sock": "replenishment",  # every two days, the last two days ago
        "fast": "buy_again",
        "clog": "reminder",
        "pro": "upsell",  # 120 for a shoe of 70
        "run-41": "discover",  # of a category she owns, and cheaper
        "run-42": "discover",
        "cap": "cross_sell",
        "card": "discover",  # of no category
    }
    assert set(bob.values()) == {"reminder", "discover"}  # he owns nothing


def test_owning_ends(past):
    ann, _ = kinds_of(past, PostPurchaseConfig(window_days=10))  # the shoe is 25 days old
    assert (ann["pro"], ann["sock"], ann["fast"]) == ("cross_sell", "replenishment", "buy_again")


@pytest.mark.parametrize(("step", "found"), [(1.0, ["pro"]), (0.7, [])])
def test_an_upsell_is_dearer_but_not_too_dear(past, shelf, step, found):
    """120 / 70 = 1.71: within twice the price, beyond 1.7 times."""
    config = PostPurchaseConfig(upsell=2, max_price_step=step)
    relations = Relations.of(past, config, FallbackConfig())
    chain = build_chain(shelf, shelf.in_stock[None], FallbackConfig())
    codes = upsells(relations, chain, past.bought(days=0), config, n_rows=2)
    assert [shelf.item_ids[i] for i in codes[0] if i >= 0] == found
    assert (codes[1] == -1).all()


prices = st.one_of(st.none(), st.integers(1, 30).map(float))


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), prices), min_size=6, max_size=6),
    st.lists(st.integers(0, 5), min_size=1, max_size=4),
    st.integers(1, 4),
)
def test_no_upsell_is_cheaper_than_anything_owned_of_its_category(
    make_shelf, make_histories, day, items, bought, places
):
    shelf = make_shelf(
        [(f"i{n}", "d", category, None, price, True) for n, (category, price) in enumerate(items)]
    )
    rows = [("ann", 1 + n, f"i{item}", f"t{n}", 1.0) for n, item in enumerate(bought)]
    past = Past.of(make_histories(*rows).everyone(day(20)), shelf)
    config = PostPurchaseConfig(upsell=places)
    relations = Relations.of(past, config, FallbackConfig())
    chain = build_chain(shelf, shelf.in_stock[None], FallbackConfig())
    codes = upsells(relations, chain, past.bought(days=0), config, n_rows=1)
    every = np.arange(6, dtype=np.int32)[None]
    named = every[0][relations.kinds(every)[0] == RECO_KINDS.index("upsell")]
    for code in {*codes[0].tolist(), *named.tolist()} - {-1}:
        owned = [items[item][1] for item in bought if items[item][0] == items[code][0]]
        assert all(price is None or items[code][1] > price for price in owned)
        assert any(price is not None for price in owned)
        assert code not in bought


@pytest.mark.parametrize(("count", "found"), [(0, []), (1, ["cap"]), (9, ["cap", "wig"])])
def test_a_cross_sell_is_of_a_category_they_own_nothing_of(
    past, make_shelf, shop_items, count, found
):
    """ann owns running shoes and socks, has boots in the cart and looked at clogs: one cap, not two, and a wig."""
    hair = ("wig", "hair", "wigs", None, 9.0, True)
    wider = make_shelf(
        (*shop_items[:7], ("lid", "wear", "caps", None, 9.0, False), *shop_items[7:], hair)
    )
    past = Past.of(past.history, wider)
    relations = Relations.of(past, ALL, FallbackConfig())
    chain = build_chain(wider, wider.in_stock[None], FallbackConfig())
    codes = cross_sells(relations, chain, past.bought(days=0), np.zeros(2, np.int64), count=count)
    assert [wider.item_ids[i] for i in codes[0] if i >= 0] == found
    assert (codes[1] == -1).all()  # bob bought nothing
    nowhere = build_chain(wider, np.zeros((1, len(wider)), np.bool_), FallbackConfig())
    assert (
        cross_sells(relations, nowhere, past.due(share=1), np.zeros(2, np.int64), count=2) == -1
    ).all()


def test_kept_places_stand_first_for_buyers_only():
    kinds = np.array(
        [
            [
                RECO_KINDS.index(k)
                for k in ("discover", "cross_sell", "cross_sell", "upsell", "replenishment")
            ]
        ]
        * 2
    )
    order = places_first(kinds.astype(np.int8), ALL, np.array([True, False]))
    assert order.tolist() == [[4, 3, 1, 0, 2], [0, 1, 2, 3, 4]]


def test_nothing_owned_is_no_upsell(shelf):
    nothing = Pairs(np.empty(0, np.int64), 1)
    relations = Relations(
        shelf, nothing, nothing, nothing, nothing, nothing, np.empty(0), np.zeros(2, bool)
    )
    chain = build_chain(shelf, shelf.in_stock[None], FallbackConfig())
    assert (upsells(relations, chain, nothing, ALL, n_rows=2) == -1).all()
    assert (cross_sells(relations, chain, nothing, np.zeros(2, int), count=2) == -1).all()
