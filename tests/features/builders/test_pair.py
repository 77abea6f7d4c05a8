"""Pairs as arithmetic on ten events, against a plain loop over dicts, and the cart beside that of the segments."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from features.builders.item_counts import ItemCounts
from features.builders.knowledge import Knowledge
from features.builders.pair import PAIR_FEATURES, pair_features
from features.builders.similarity import ItemSimilarity
from features.segments.cart import open_carts

ITEMS = np.array(["w", "x", "y", "z"], dtype=object)
GAPS = {
    "x": (6, 120),
    "z": (3, 30),
}  # gaps and their days: an item of p often enough, of q too seldom
LIKENESS = {("x", "w"): 0.5, ("y", "w"): 0.25, ("z", "x"): 0.3, ("x", "z"): 0.1, ("x", "x"): 9.0}


@pytest.fixture(scope="module")
def shop(ten, attributes, at):
    counts = ItemCounts.of(ten.histories.as_of([0, 1], at(9))).aligned(ITEMS)
    gaps, gap_days = (
        np.array([GAPS.get(item, (0, 0))[place] for item in ITEMS], float) for place in (0, 1)
    )
    places = [[ITEMS.tolist().index(item) for item in pair] for pair in LIKENESS]
    matrix = sp.csr_matrix((list(LIKENESS.values()), np.array(places).T), shape=(4, 4))
    return Knowledge.of(
        counts=replace(counts, gaps=gaps, gap_days=gap_days),
        attributes=attributes,
        similarity=ItemSimilarity(0, ITEMS, matrix),
    )


def features_of(view, shop, *, row=None, items=(0, 1, 2, 3)):
    row = np.zeros(len(items), np.int64) if row is None else np.array(row)
    return pair_features(view, shop, row=row, item=np.array(items))


def decayed(weight, age):
    return weight * 0.5 ** (age / 30)


LIKES_P = sum(decayed(*p) for p in [(5, 97.75), (1, 24.5), (3, 19.75), (5, 10), (5, 1.5)])
LIKES_Q = sum(decayed(*q) for q in [(1, 39.5), (1, 19.75), (5, 10)])
NOT_BOUGHT = dict.fromkeys(
    ("pair_purchase_days", "pair_interval_days", "pair_interval_source", "pair_due_days", "pair_overdue_ratio"),
    np.nan,
)  # fmt: skip
NO_CART = {"pair_in_cart": 0, "pair_cart_units": 0, "pair_removed_units": 0}
OF_P = {
    "pair_category_touches_30d": 4,  # view 24.5, cart 19.75, purchases 10 and 1.5 days ago
    "pair_category_purchases_90d": 2,
    "pair_category_days": 1.5,
    "pair_category_share": LIKES_P / (LIKES_P + LIKES_Q),
}
OF_Q = {
    "pair_category_touches_30d": 2,  # view 19.75, purchase 10 days ago; the list view is 39.5 days old
    "pair_category_purchases_90d": 1,
    "pair_category_days": 10,
    "pair_category_share": LIKES_Q / (LIKES_P + LIKES_Q),
}
EXPECTED = {
    "w": {
        "pair_views": 0,
        "pair_carts": 0,
        "pair_purchases": 0,
        "pair_view_days": np.nan,
        "pair_cart_days": np.nan,
        **NO_CART,
        **NOT_BOUGHT,
        **OF_Q,
        "pair_price_ratio": np.nan,
        "pair_similarity_sum": 0.5 + 0.25,
        "pair_similarity_max": 0.5,
    },
    "x": {
        "pair_views": 1,
        "pair_carts": 1,
        "pair_purchases": 2,
        "pair_view_days": 24.5,
        "pair_cart_days": 19.75,
        "pair_purchase_days": 1.5,
        **NO_CART,  # what was added 19.75 days ago was bought 1.5 days ago
        "pair_interval_days": 120 / 6,
        "pair_interval_source": 1,  # one own gap is too few
        "pair_due_days": 20 - 1.5,
        "pair_overdue_ratio": 1.5 / 20,
        **OF_P,
        "pair_price_ratio": 10 / ((10 + 12) / 2),
        "pair_similarity_sum": 0.3,
        "pair_similarity_max": 0.3,
    },
    "y": {
        "pair_views": 0,
        "pair_carts": 0,
        "pair_purchases": 1,
        "pair_view_days": np.nan,
        "pair_cart_days": np.nan,
        "pair_purchase_days": 10,
        **NO_CART,
        "pair_interval_days": 120 / 6,
        "pair_interval_source": 2,  # that of its category
        "pair_due_days": 20 - 10,
        "pair_overdue_ratio": 10 / 20,
        **OF_P,
        "pair_price_ratio": 30 / 11,
        "pair_similarity_sum": 0,
        "pair_similarity_max": 0,
    },
    "z": {
        "pair_views": 1,
        "pair_carts": 0,
        "pair_purchases": 1,
        "pair_view_days": 19.75,
        "pair_cart_days": np.nan,
        "pair_purchase_days": 10,
        **NO_CART,
        "pair_interval_days": np.nan,
        "pair_interval_source": 3,  # three gaps in the category are too few
        "pair_due_days": np.nan,
        "pair_overdue_ratio": np.nan,
        **OF_Q,
        "pair_price_ratio": 7 / 11,
        "pair_similarity_sum": 0.1,
        "pair_similarity_max": 0.1,
    },
}


@pytest.mark.parametrize("item", EXPECTED)
def test_ten_events(ten, shop, twin, at, item):
    table = features_of(twin.rows_of(ten.histories, ["a"], at(100)), shop)
    found = twin.one_row(table, ITEMS.tolist().index(item))
    assert found == pytest.approx(EXPECTED[item], nan_ok=True)
    assert list(found) == [feature.name for feature in PAIR_FEATURES]


def test_own_gaps_come_first(diary, shop, twin, at):
    days = [0, 0.5, 10, 30]  # half a day later is the same occasion
    rows = [{"person": "a", "day": day, "name": "purchase", "item": "x"} for day in days]
    view = twin.rows_of(diary(rows).histories, ["a"], at(60))
    found = twin.one_row(features_of(view, shop, items=[1]))
    assert (found["pair_purchases"], found["pair_interval_source"]) == (4, 0)
    assert (found["pair_interval_days"], found["pair_due_days"]) == ((30 - 0) / 2, 15 - 30)
    assert found["pair_overdue_ratio"] == 30 / 15


CART = [
    ("cart_add", 1, 2.0),
    ("cart_add", 2, None),
    ("cart_remove", 3, 1.0),
]


@pytest.mark.parametrize(
    ("later", "units", "removed"),
    [
        ([], 2 + 1 - 1, 1),
        ([("cart_remove", 4, 9.0)], 0, 1 + 2),
        ([("cart_remove", 4, None)], 0, 1 + 2),
        ([("purchase", 4, 1.0)], 0, 1),
        ([("purchase", 4, 1.0), ("cart_add", 4, 5.0)], 0, 1),  # one moment: added, then bought
        ([("purchase", 4, 1.0), ("cart_add", 5, 5.0)], 5, 1),
        ([("cart_remove", 4, 1.0), ("cart_add", 4, 5.0)], 2 + 5 - 1, 1 + 1),
        ([("purchase", 4, 1.0), ("cart_remove", 4, 1.0)], 0, 1 + 1),  # removed, then bought
        ([("checkout", 4, None)], 2, 1),
    ],
)
def test_the_cart(diary, shop, twin, at, later, units, removed):
    rows = [
        {"person": "a", "day": day, "name": name, "item": "x", "quantity": quantity}
        for name, day, quantity in [*CART, *later]
    ]
    view = twin.rows_of(diary(rows).histories, ["a"], at(10))
    found = twin.one_row(features_of(view, shop, items=[1]))
    assert (found["pair_cart_units"], found["pair_removed_units"]) == (units, removed)
    assert found["pair_in_cart"] == (units > 0)


def test_a_purchase_of_no_item_empties_the_cart_and_old_carts_are_forgotten(diary, shop, twin, at):
    rows = [{"person": "a", "day": 11, "name": "cart_add", "item": "x"}]
    sold = [*rows, {"person": "a", "day": 12, "name": "purchase"}]
    for book, moment, units in (
        (rows, at(41), 1),
        (rows, at(41) + 1, 0),
        (sold, at(13), 0),
        (sold, at(12), 1),
    ):
        view = twin.rows_of(diary(book).histories, ["a"], moment)
        assert features_of(view, shop, items=[1])["pair_cart_units"][0].as_py() == units


@given(data=st.data())
def test_the_cart_is_that_of_the_segments(diary, attributes, twin, at, data):
    histories = diary(data.draw(twin.events())).histories
    if not histories.n_items:
        return
    view = histories.as_of(np.arange(histories.n_persons), at(95))
    shop = Knowledge.of(counts=ItemCounts.of(view), attributes=attributes)
    known = [item for item in histories.item_ids if item in shop.item_ids]
    row = np.repeat(np.arange(len(view)), len(known))
    code = np.tile([shop.item_ids.tolist().index(item) for item in known], len(view))
    found = pair_features(view, shop, row=row, item=code)["pair_cart_units"].to_numpy()
    lines = open_carts(view, window_days=30)
    expected = dict.fromkeys(
        zip(row.tolist(), np.tile(known, len(view)).tolist(), strict=True), 0.0
    )
    for line_row, item, units in zip(lines.row, lines.item, lines.units, strict=True):
        expected[int(line_row), str(histories.item_ids[item])] = units
    assert found.tolist() == list(expected.values())


def by_hand(events, item, category, category_of, shop_days):
    mine = [event for event in events if event["item"] == item]
    bought = [event for event in mine if event["name"] == "purchase" and not event["gone"]]
    occasions = []
    for event in bought:
        if not occasions or event["day"] - occasions[-1] >= 1:
            occasions.append(event["day"])
    own = len(occasions) >= 3
    interval = (occasions[-1] - occasions[0]) / (len(occasions) - 1) if own else shop_days
    weights = {"view_list": 1, "view": 1, "cart_add": 3, "purchase": 5}
    touches = [event for event in events if event["name"] in weights and category_of(event)]
    like = [event for event in touches if category_of(event) == category]
    total = sum(decayed(weights[e["name"]], e["age"]) for e in touches)

    def last(chosen):
        return min((event["age"] for event in chosen), default=np.nan)

    def named(name):
        return [event for event in mine if event["name"] == name]

    silent = last(bought)
    return {
        "pair_views": len(named("view")),
        "pair_carts": len(named("cart_add")),
        "pair_purchases": len(bought),
        "pair_view_days": last(named("view")),
        "pair_cart_days": last(named("cart_add")),
        "pair_purchase_days": silent,
        "pair_interval_days": interval if bought else np.nan,
        "pair_due_days": interval - silent,
        "pair_overdue_ratio": silent / interval,
        "pair_category_touches_30d": sum(event["age"] <= 30 for event in like),
        "pair_category_purchases_90d": sum(
            event["name"] == "purchase" and event["age"] <= 90 for event in like
        ),
        "pair_category_days": last(like),
        "pair_category_share": sum(decayed(weights[e["name"]], e["age"]) for e in like) / total
        if total
        else np.nan,
    }


@given(data=st.data())
def test_a_loop_over_dicts_agrees(diary, shop, twin, at, data):
    book = diary(data.draw(twin.events()))
    view = twin.rows_of(book.histories, ["b", "a"], at(95))
    table = features_of(view, shop, row=[0, 0, 0, 1, 1, 1], items=[1, 2, 3, 3, 2, 1])
    pairs = [("b", "x"), ("b", "y"), ("b", "z"), ("a", "z"), ("a", "y"), ("a", "x")]
    for row, (person, item) in enumerate(pairs):
        category = twin.category_of({"item": item, "category": None})
        days = 20.0 if category == "p" else np.nan
        events = book.before(person, 95)
        expected = by_hand(events, item, category, twin.category_of, days)
        found = twin.one_row(table, row)
        assert {name: found[name] for name in expected} == pytest.approx(expected, nan_ok=True)


@given(data=st.data())
def test_similarity_is_a_sum_over_the_last_ten_items(diary, twin, at, data):
    names = [f"i{number:02d}" for number in range(14)]
    touched = data.draw(st.lists(st.sampled_from(names), max_size=30))
    matrix = np.round(np.random.default_rng(3).random((14, 14)), 2)
    similarity = ItemSimilarity(0, np.array(names, dtype=object), sp.csr_matrix(matrix))
    rows = [{"person": "a", "day": n, "name": "view", "item": i} for n, i in enumerate(touched)]
    rows.append({"person": "a", "day": 0, "name": "page_view"})
    view = twin.rows_of(diary(rows).histories, ["a"], at(50))
    found = features_of(view, Knowledge.of(similarity=similarity), items=range(14))
    recent = [names.index(item) for item in dict.fromkeys(reversed(touched))][:10]
    for item in range(14):
        likeness = [matrix[one, item] for one in recent if one != item]
        assert found["pair_similarity_sum"][item].as_py() == pytest.approx(sum(likeness))
        assert found["pair_similarity_max"][item].as_py() == max(likeness, default=0)


def test_neither_order_nor_company_of_the_pairs_matters(ten, shop, twin, at):
    view = twin.rows_of(ten.histories, ["b", "a", "nobody"], at(100))
    table = features_of(view, shop, row=[1, 1, 1, 1, 1, 2], items=[3, -1, 1, 3, 1, 1])
    alone = features_of(twin.rows_of(ten.histories, ["a"], at(100)), shop)
    for row, item in ((0, 3), (2, 1), (3, 3), (4, 1)):
        assert twin.one_row(table, row) == pytest.approx(twin.one_row(alone, item), nan_ok=True)
    unknown, nobody = twin.one_row(table, 1), twin.one_row(table, 5)
    for found in (unknown, nobody):
        assert (found["pair_views"], found["pair_in_cart"], found["pair_similarity_sum"]) == (
            0,
            0,
            0,
        )
        assert np.isnan(found["pair_purchase_days"])
        assert np.isnan(found["pair_interval_days"])
    assert np.isnan(unknown["pair_category_days"])
    assert nobody["pair_category_touches_30d"] == 0
    assert np.isnan(nobody["pair_category_share"])


def test_without_counts_prices_or_similarity_nothing_is_made_up(ten, twin, at):
    names = Knowledge.of(similarity=ItemSimilarity(0, ITEMS, sp.csr_matrix((4, 4))))
    view = twin.rows_of(ten.histories, ["a"], at(100))
    found = twin.one_row(features_of(view, replace(names, similarity=None)), 1)
    missing = {name for name, value in found.items() if np.isnan(value)}
    assert missing == {
        *("pair_interval_days", "pair_due_days", "pair_overdue_ratio", "pair_price_ratio"),
        *(name for name in found if "category" in name or "similarity" in name),
    }


@pytest.mark.parametrize(
    ("row", "item", "message"),
    [
        ([0], [0, 1], "row has shape (1,) and item (2,)"),
        ([1, 0], [0, 0], "row falls, must be sorted"),
        ([0, 2], [0, 0], "row is 0 to 2, must be from 0 to 1"),
        ([0, 1], [-2, 4], "item is -2 to 4, must be from -1 to 3"),
    ],
)
def test_pairs_out_of_range_are_refused(ten, shop, twin, at, row, item, message):
    view = twin.rows_of(ten.histories, ["a", "b"], at(100))
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is the next line
        features_of(view, shop, row=row, items=item)
    assert message in str(raised.value)
