"""Each model's own arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from features.errors import ConfigError, InputError
from training.bundle import write_bundle
from training.recommenders.als import Als, AlsConfig
from training.recommenders.buy_again import BuyAgain, BuyAgainConfig
from training.recommenders.item_neighbours import ItemNeighbours, ItemNeighboursConfig
from training.recommenders.recent_popular import RecentPopular, RecentPopularConfig
from training.recommenders.registry import load


def test_popular_counts_distinct_persons_in_the_window(make_histories, cutoff):
    histories = make_histories(
        [("p1", "many", 1), ("p1", "many", 2), ("p1", "many", 3)]
        + [(f"p{n}", "wide", 7) for n in range(2)]
        + [(f"p{n}", "old", 7.5) for n in range(5)]
    )
    model = RecentPopular(RecentPopularConfig(popular_window_days=7))
    ranked = model.fit(histories.everyone(cutoff)).recommend(histories.as_of([0], 0), k=4)
    # two persons, one person, none in the window; no fourth item
    assert ranked.ids().tolist() == [["wide", "many", "old", None]]
    np.testing.assert_array_equal(ranked.scores, [[-1, -2, -3, np.nan]])


def test_buy_again_is_the_decayed_count_then_the_popular_items(make_histories, cutoff):
    histories = make_histories(
        [("me", "often", 20), ("me", "often", 20), ("me", "often", 20), ("me", "lately", 10)]
        + [(f"p{n}", "popular", 1) for n in range(3)]
        + [("p0", "rare", 1)]
    )
    model = BuyAgain(BuyAgainConfig(half_life_days=10)).fit(histories.everyone(cutoff))
    ranked = model.recommend(histories.everyone(cutoff).take([0]), k=4)
    assert ranked.ids().tolist() == [["often", "lately", "popular", "rare"]]
    # 3 * 0.5 ** 2, 1 * 0.5 ** 1; popularity ranks: popular (3 persons), then lately, often, rare (1 each)
    np.testing.assert_allclose(ranked.scores, [[3 / 4, 1 / 2, -1, -4]], rtol=1e-6)


def test_equal_scores_come_in_the_order_of_item_ids(make_histories, cutoff):
    histories = make_histories([("me", item, 5) for item in ("d", "b", "c", "a", "e")])
    model = BuyAgain(BuyAgainConfig()).fit(histories.everyone(cutoff))
    assert model.recommend(histories.everyone(cutoff), k=3).ids().tolist() == [["a", "b", "c"]]


def test_cosine_neighbours_by_hand(make_histories, cutoff):
    """x is bought by p0, p1; y by p0, p1, p2; z by p2. Every weight is 1/2 (one half-life)."""
    pairs = [("p0", "x"), ("p1", "x"), ("p0", "y"), ("p1", "y"), ("p2", "y"), ("p2", "z")]
    histories = make_histories([(person, item, 10) for person, item in pairs])
    config = ItemNeighboursConfig(
        similarity="cosine", neighbours=3, minimum_persons=1, half_life_days=10
    )
    model = ItemNeighbours(config).fit(histories.everyone(cutoff))
    ranked = model.recommend(histories.everyone(cutoff).take([2]), k=3)
    # p2 holds y and z: y = 1/2 * (1 + cos(z, y)), z = 1/2 * (cos(y, z) + 1), x = 1/2 * cos(y, x)
    yz, xy = 1 / np.sqrt(3), 2 / np.sqrt(2 * 3)
    assert ranked.ids().tolist() == [["y", "z", "x"]]
    np.testing.assert_allclose(ranked.scores, [[(1 + yz) / 2, (1 + yz) / 2, xy / 2]], rtol=1e-6)


@pytest.mark.parametrize("similarity", ["tfidf", "bm25"])
def test_weightings_discount_persons_who_buy_everything(similarity, make_histories, cutoff):
    """'a' meets 'b' through a person with two items, and 'c' through one with eight."""
    wide = [("wide", item, 5) for item in "acdefghi"]
    histories = make_histories([*wide, ("narrow", "a", 5), ("narrow", "b", 5), ("me", "a", 5)])
    config = ItemNeighboursConfig(similarity=similarity, neighbours=9, minimum_persons=1)
    model = ItemNeighbours(config).fit(histories.everyone(cutoff))
    me = model.recommend(histories.everyone(cutoff).take([0]), k=9)
    scores = dict(zip(me.ids()[0], me.scores[0], strict=True))
    assert scores["b"] > scores["c"] > 0


def test_items_of_few_persons_get_no_neighbours(make_histories, cutoff):
    histories = make_histories([("p0", "x", 1), ("p0", "y", 1), ("p1", "y", 1)])
    model = ItemNeighbours(ItemNeighboursConfig(minimum_persons=3))
    ranked = model.fit(histories.everyone(cutoff)).recommend(histories.everyone(cutoff), k=2)
    assert ranked.ids().tolist() == [["y", "x"], ["y", "x"]]
    assert (ranked.scores < 0).all()


def test_too_many_factors_are_refused_with_both_numbers(histories, cutoff):
    with pytest.raises(
        ConfigError, match=r"15 factors for 14 persons and 22 items; .*Set factors to 14 or fewer"
    ):
        Als(AlsConfig(factors=15)).fit(histories.everyone(cutoff))


def test_folding_in_solves_the_regularised_least_squares(histories, cutoff):
    """Against the normal equations written out: (V'CV + lambda I) u = V'C p."""
    config = AlsConfig(factors=3, alpha=2.0, regularization=0.5)
    model = Als(config).fit(histories.everyone(cutoff))
    weights = model.seen(histories.everyone(cutoff))
    items = model._factors.astype(np.float64)
    for row, found in enumerate(model._fold_in(weights)):
        weight = weights[row].toarray()[0].astype(np.float64)
        confidence = np.diag(np.where(weight > 0, 1 + 2.0 * weight, 1.0))
        left = items.T @ confidence @ items + 0.5 * np.eye(3)
        expected = np.linalg.solve(left, items.T @ confidence @ (weight > 0))
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-5)


def test_another_seed_gives_other_factors(histories, cutoff):
    one, two = (
        Als(AlsConfig(factors=3, seed=seed)).fit(histories.everyone(cutoff)) for seed in (1, 2)
    )
    assert not np.allclose(one._factors, two._factors)


def test_a_bundle_of_no_recommender_is_refused(tmp_path):
    write_bundle(tmp_path / "b", kind="uplift", config=BuyAgainConfig())
    with pytest.raises(InputError, match="kind 'uplift'; recommenders are als, basket_share"):
        load(tmp_path / "b")
