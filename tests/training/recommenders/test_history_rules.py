"""Models that read one person's history: last looks, reminders, carts, categories, by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features.config import validate
from features.errors import ConfigError
from training.recommenders.attributes import ItemAttributes
from training.recommenders.category_best_sellers import (
    CategoryBestSellers,
    CategoryBestSellersConfig,
)
from training.recommenders.last_viewed import LastViewed, LastViewedConfig
from training.recommenders.open_cart import OpenCart, OpenCartConfig
from training.recommenders.reminders import Reminders, RemindersConfig


def _scores(model, history, k):
    ranked = model.recommend(history, k=k)
    return [
        {item: score for item, score in zip(ids, scores, strict=True) if item is not None}
        for ids, scores in zip(ranked.ids(), ranked.scores.tolist(), strict=True)
    ]


def test_the_last_looks_come_newest_first_without_repeats(make_histories, cutoff):
    looks = [
        ("me", item, day, "view") for item, day in zip("abcadb", (9, 8, 7, 6, 5, 4), strict=True)
    ]
    bought = [("me", "z", 1), *[(f"p{n}", "pop", 1, "view") for n in range(2)]]
    histories = make_histories(looks + bought)
    model = LastViewed(LastViewedConfig(length=3)).fit(histories.everyone(cutoff))
    (found,) = _scores(model, histories.everyone(cutoff).take([0]), 4)
    # newest look first: b, d, a; c is the fourth and left out; then the popular item; z was only bought
    assert found == pytest.approx({"b": 1, "d": 1 / 2, "a": 1 / 3, "pop": -1})


def test_an_item_that_may_not_be_shown_gives_its_place_to_an_older_look(make_histories, cutoff):
    histories = make_histories([("me", item, 9 - n, "view") for n, item in enumerate("abcd")])
    model = LastViewed(LastViewedConfig(length=2)).fit(histories.everyone(cutoff))
    allowed = np.array([True, True, False, True])
    ranked = model.recommend(histories.everyone(cutoff), k=2, allowed=allowed)
    assert ranked.ids().tolist() == [["d", "b"]]
    np.testing.assert_allclose(ranked.scores, [[1, 1 / 3]])


def test_reminders_fade_with_the_events_since(make_histories, cutoff):
    histories = make_histories([("me", item, 9 - n) for n, item in enumerate("abac")])
    model = Reminders(RemindersConfig(fade=0.5)).fit(histories.everyone(cutoff))
    (found,) = _scores(model, histories.everyone(cutoff), 3)
    # places from the end: c 0, a 1, b 2, a 3
    assert found == pytest.approx({"c": 1, "a": 1 / 2 + 1 / 8, "b": 1 / 4})


def cart_events():
    """tea and milk share 3 of 6 baskets, tea and gin 1; lamp is bought alone twice."""
    for n in range(3):
        yield from [(f"p{n}", "tea", 10), (f"p{n}", "milk", 10)]
    yield from [("p3", "tea", 10), ("p3", "gin", 10), ("p4", "lamp", 10), ("p5", "lamp", 10)]
    yield from [("me", "lamp", 40, "cart_add"), ("me", "gin", 3, "cart_add")]
    yield from [("me", "tea", 2, "cart_add"), ("me", "cup", 2.5, "cart_add")]
    yield ("me", "cup", 1, "cart_remove")


def test_the_cart_comes_first_then_what_goes_with_it(make_histories, cutoff):
    histories = make_histories(list(cart_events()))
    model = OpenCart(OpenCartConfig(minimum_baskets=2, minimum_lift=1.2, window_days=30))
    model.fit(histories.everyone(cutoff))
    (found,) = _scores(model, histories.everyone(cutoff).take([0]), 3)
    # in the cart: tea (newest), gin; cup was taken out, lamp lies there too long.
    # milk: 3 joint baskets, tea in 4, milk in 3, lift 3 / (4 * 3 / 6) = 1.5; cosine 3 / sqrt(12), squashed s / (1 + s)
    cosine = 3 / np.sqrt(4 * 3)
    assert found == pytest.approx({"tea": 2, "gin": 1.5, "milk": cosine / (1 + cosine)})


def test_a_bought_item_leaves_the_cart(make_histories, cutoff):
    events = [*cart_events(), ("me", "tea", 0.5, "purchase")]
    histories = make_histories(events)
    model = OpenCart(OpenCartConfig(minimum_baskets=2)).fit(histories.everyone(cutoff))
    (found,) = _scores(model, histories.everyone(cutoff).take([0]), 1)
    assert found == {"gin": 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fills": ["purchase"]}, r"\['purchase'\] cannot both fill and empty the cart"),
        ({"weights": {"cart_add": 1}}, r"\['cart_remove', 'purchase'\] need a weight above 0"),
    ],
    ids=["both", "blind"],
)
def test_contradicting_cart_events_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        validate(OpenCartConfig, {"kind": "open_cart", **changes}, subject="x")


SHELF = ItemAttributes(
    np.array(["doll", "bear", "kite", "plum", "odd"], dtype=object),
    {"category": np.array(["toys > soft", "toys > soft", "toys", "food", None], dtype=object)},
)


def shop_events():
    """Buyers: bear 2, doll 1, kite 3, plum 4, odd 1; six persons looked at doll and bought nothing."""
    yield from [(f"v{n}", "doll", 5, "view") for n in range(6)]
    yield from [("p0", "bear", 5), ("p1", "bear", 5), ("p0", "doll", 5)]
    yield from [(f"p{n}", "kite", 5) for n in range(3)]
    yield from [(f"p{n}", "plum", 5) for n in range(4)]
    yield from [("p0", "odd", 5), ("p9", "odd", 90)]
    yield from [("me", "plum", 4, "view"), ("me", "doll", 3, "view"), ("you", "odd", 3, "view")]


def test_best_sellers_climb_from_the_viewed_category_to_the_root(make_histories, cutoff):
    histories = make_histories(list(shop_events()))
    config = CategoryBestSellersConfig(weights={"purchase": 1.0, "view": 1.0}, levels=("category",))
    model = CategoryBestSellers(config).fit(histories.everyone(cutoff), attributes=SHELF)
    everyone = histories.everyone(cutoff)
    me, you = _scores(model, everyone.take(histories.person_rows(pa.array(["me", "you"]))), 4)
    # toys > soft (depth 2): 1 + 1 / (1 + rank); toys: kite is its first; plum, behind doll among all, only as a filler
    assert me == pytest.approx(
        {"bear": 1 + 1 / 2, "doll": 1 + 1 / 3, "kite": 0 + 1 / 2, "plum": -2}
    )
    assert max(you.values()) < 0


def test_a_category_model_without_a_catalog_is_refused(make_histories, cutoff):
    histories = make_histories(list(shop_events()))
    with pytest.raises(ConfigError, match="'category_best_sellers': no item attributes are given"):
        CategoryBestSellers(CategoryBestSellersConfig()).fit(histories.everyone(cutoff))
