"""Basket shares and next-basket neighbours, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.recommenders.basket_share import BasketShare, BasketShareConfig
from training.recommenders.next_basket import NextBasket, NextBasketConfig


def _scores(ranked, row):
    pairs = zip(ranked.ids()[row], ranked.scores[row].tolist(), strict=True)
    return {item: score for item, score in pairs if item is not None and score > 0}


def test_basket_share_by_hand(make_histories, cutoff):
    """My baskets: {a, b} 20 days ago, {a} 10 days ago, half-life 10: weights 1/4 and 1/2."""
    mine = [("me", "a", 20), ("me", "b", 20), ("me", "a", 10), ("me", "a", 10)]
    histories = make_histories([*mine, ("you", "b", 10), ("yo", "c", 5), ("old", "d", 50)])
    config = BasketShareConfig(popularity=0.2, half_life_days=10)
    model = BasketShare(config).fit(histories.everyone(cutoff))
    found = _scores(model.recommend(histories.everyone(cutoff), k=4), 0)
    # three persons bought in the last 28 days: a 1, b 2, c 1, d none
    expected = {
        "a": 0.8 * 1 + 0.2 / 3,
        "b": 0.8 * (1 / 4) / (3 / 4) + 0.2 * 2 / 3,
        "c": 0.2 / 3,
    }
    assert found == pytest.approx(expected, rel=1e-6)


def test_habits_by_hand(make_histories, cutoff):
    """Five baskets in two groups: {b1 b2 b3} {b4 b5}; a in b1, b3 and b5, b in b2."""
    days = [50, 40, 30, 20, 10]
    mine = [("me", item, day) for item, day in zip("ababa", days, strict=True)]
    histories = make_histories([*mine, ("you", "c", 5)])
    config = NextBasketConfig(groups=2, within_fade=0.5, group_fade=0.2, own_share=1.0)
    model = NextBasket(config).fit(histories.everyone(cutoff))
    found = _scores(model.recommend(histories.everyone(cutoff), k=3), 0)
    old, new = 0.2 / 2, 1 / 2
    assert found == pytest.approx(
        {"a": old * (1 / 4 + 1) / 3 + new * 1 / 2, "b": old * (1 / 2) / 3 + new * (1 / 2) / 2},
        rel=1e-6,
    )


def test_the_nearest_habits_are_mixed_in(make_histories, cutoff):
    """One basket each: me a; near a, b (distance 1); far c, d (distance sqrt 3)."""
    rows = [("me", "a", 5), ("near", "a", 5), ("near", "b", 5), ("far", "c", 5), ("far", "d", 5)]
    histories = make_histories(rows)
    config = NextBasketConfig(neighbours=1, own_share=0.6)
    model = NextBasket(config).fit(histories.everyone(cutoff).take([0, 2]))
    found = _scores(model.recommend(histories.everyone(cutoff), k=4), 1)
    assert found == pytest.approx({"a": 0.6 + 0.4, "b": 0.4}, rel=1e-6)
    both = NextBasket(config.model_copy(update={"neighbours": 5}))
    both.fit(histories.everyone(cutoff).take([0, 2]))
    found = _scores(both.recommend(histories.everyone(cutoff), k=4), 1)
    expected = {"a": 0.6 + 0.4 / 2, "b": 0.4 / 2, "c": 0.4 / 2, "d": 0.4 / 2}
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("baskets", range(1, 12))
@pytest.mark.parametrize("groups", [1, 3, 7])
def test_without_fading_a_habit_is_a_mean_of_group_means(baskets, groups, make_histories, cutoff):
    """An item in every basket has habit 1, whatever the number of baskets and groups."""
    histories = make_histories([("me", "a", 1 + n) for n in range(baskets)])
    config = NextBasketConfig(groups=groups, within_fade=1, group_fade=1, own_share=1)
    model = NextBasket(config).fit(histories.everyone(cutoff))
    ranked = model.recommend(histories.everyone(cutoff), k=1)
    np.testing.assert_allclose(ranked.scores, [[1]], rtol=1e-6)
