"""EASE, BPR, content, RP3beta and the blend: against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from features.errors import ConfigError
from training.recommenders.attributes import ItemAttributes
from training.recommenders.blend import Blend, BlendConfig, MemberConfig
from training.recommenders.bpr import Bpr, BprConfig
from training.recommenders.buy_again import BuyAgainConfig
from training.recommenders.content import Content, ContentConfig
from training.recommenders.ease import Ease, EaseConfig
from training.recommenders.item_neighbours import ItemNeighbours, ItemNeighboursConfig
from training.recommenders.recent_popular import RecentPopularConfig
from training.recommenders.reminders import RemindersConfig


def _dense(model, histories, cutoff):
    return (model.seen(histories.everyone(cutoff)).toarray() > 0).astype(np.float64)


def test_ease_solves_its_constrained_least_squares(histories, cutoff):
    """At the optimum the gradient X'(X B - X) + penalty B is zero off the diagonal, and the diagonal of B is zero."""
    model = Ease(EaseConfig(regularization=7.0)).fit(histories.everyone(cutoff))
    x = _dense(model, histories, cutoff)
    b = model._relation.astype(np.float64)
    gradient = x.T @ (x @ b - x) + 7.0 * b
    np.fill_diagonal(gradient, 0)
    assert np.abs(gradient).max() < 1e-4
    np.testing.assert_array_equal(np.diag(b), 0)
    assert np.abs(b).max() > 0.05


def test_ease_of_two_items_by_hand(make_histories, cutoff):
    """X'X = [[2, 1], [1, 1]]; with penalty p the weight from a to b is 1 / (2 + p), from b to a 1 / (1 + p)."""
    histories = make_histories([("x", "a", 1), ("x", "b", 1), ("y", "a", 1)])
    model = Ease(EaseConfig(regularization=0.5)).fit(histories.everyone(cutoff))
    np.testing.assert_allclose(model._relation, [[0, 1 / 2.5], [1 / 1.5, 0]], rtol=1e-6)


def test_ease_chooses_its_penalty_inside_training(histories, cutoff, tmp_path):
    config = EaseConfig(grid=(0.01, 5.0, 1e6))
    model = Ease(config).fit(histories.everyone(cutoff))
    assert model.penalty == 5.0
    model.save(tmp_path / "bundle")
    assert Ease.load(tmp_path / "bundle").penalty == 5.0
    again = Ease(config).fit(histories.everyone(cutoff))
    np.testing.assert_array_equal(again._relation, model._relation)


def test_ease_of_the_most_bought_items_ranks_only_those(histories, cutoff):
    model = Ease(EaseConfig(items=5, regularization=1.0)).fit(histories.everyone(cutoff))
    persons = _dense(model, histories, cutoff).sum(axis=0)
    kept = set(np.argsort(-persons, kind="stable")[:5].tolist())
    ranked = model.recommend(histories.everyone(cutoff), k=22)
    own = ranked.items[ranked.scores > 0]
    assert set(own.tolist()) <= kept
    assert len(own)


def test_ease_refuses_more_items_than_fit(histories, cutoff, monkeypatch):
    monkeypatch.setattr("training.recommenders.ease._LARGEST", 20)
    with pytest.raises(
        ConfigError, match="22 items for a matrix of items by items; at most 20 fit"
    ):
        Ease(EaseConfig(items=None)).fit(histories.everyone(cutoff))


def test_bpr_folds_in_to_a_maximum(histories, cutoff):
    """More steps hardly move the factor: the gradient at it is small beside that at 0."""
    model = Bpr(BprConfig(factors=4, learning_rate=0.1, seed=1)).fit(histories.everyone(cutoff))
    weights = model.seen(histories.everyone(cutoff))
    factors = model._fold_in(weights).astype(np.float64)
    for row, factor in enumerate(factors):
        share = weights[row].toarray()[0].astype(np.float64)
        share /= share.sum()

        def gradient(u, share=share):
            margin = model._factors @ u + model._bias
            return (share / (1 + np.exp(margin))) @ model._factors - 0.01 * u

        assert np.linalg.norm(gradient(factor)) < 0.2 * np.linalg.norm(gradient(0 * factor))


def test_walks_by_hand(make_histories, cutoff):
    """x has a, b; y has b. From a: to x, then a or b (1/2 each); ends divided by their weight (1 and 2) to the power."""
    histories = make_histories([("x", "a", 1), ("x", "b", 1), ("y", "b", 1)])
    config = ItemNeighboursConfig(
        similarity="rp3beta", popularity_power=0.5, minimum_persons=1, half_life_days=1e9
    )
    model = ItemNeighbours(config).fit(histories.everyone(cutoff))
    root = np.sqrt(2)
    # from b: to x or y (1/2 each), from x on to a or b, from y to b
    expected = [[1 / 2, 1 / 2 / root], [1 / 4, (1 / 4 + 1 / 2) / root]]
    np.testing.assert_allclose(model.related(["a", "b"]).toarray(), expected, rtol=1e-6)


SHELF = ItemAttributes(
    np.array(["red", "blue", "new", "bare"], dtype=object),
    {
        "category": np.array(["cup", "pot", "cup", None], dtype=object),
        "title": np.array(["Red cup", "blue pot", "CUP", None], dtype=object),
    },
)


def test_content_finds_an_item_nobody_touched(make_histories, cutoff):
    histories = make_histories([("me", "red", 60), ("you", "blue", 60)])
    config = ContentConfig(whole=("category",), words=("title",))
    model = Content(config).fit(histories.everyone(cutoff), attributes=SHELF)
    assert model.item_ids.tolist() == ["bare", "blue", "new", "red"]
    ranked = model.recommend(histories.everyone(cutoff).take([0]), k=2)
    # terms of 4 items: category cup 2, word cup 2, word red 1; red holds all three, new the first two
    cup, red = np.log(1 + 4 / 2), np.log(1 + 4 / 1)
    cosine = 2 * cup**2 / np.sqrt((2 * cup**2) * (2 * cup**2 + red**2))
    assert ranked.ids().tolist() == [["red", "new"]]
    np.testing.assert_allclose(ranked.scores, [[1 / 2, cosine / 2]], rtol=1e-5)


def test_content_without_a_catalog_is_refused(histories, cutoff):
    with pytest.raises(ConfigError, match="model 'content': no item attributes are given; "):
        Content(ContentConfig()).fit(histories.everyone(cutoff))


def test_a_blend_adds_relative_scores(make_histories, cutoff):
    """buy_again: a 1/2 + 1/4, b 1/2; reminders: b 1, a 1/2 + 1/4."""
    histories = make_histories([("me", "a", 120), ("me", "a", 60), ("me", "b", 60)])
    config = BlendConfig(
        members=(
            MemberConfig(share=2.0, model=BuyAgainConfig(half_life_days=60)),
            MemberConfig(share=1.0, model=RemindersConfig(fade=0.5)),
            MemberConfig(share=9.0, model=RecentPopularConfig()),
        )
    )
    model = Blend(config).fit(histories.everyone(cutoff))
    ranked = model.recommend(histories.everyone(cutoff), k=2)
    assert ranked.ids().tolist() == [["a", "b"]]
    np.testing.assert_allclose(
        ranked.scores, [[2 * 1 + 3 / 4, 2 * (1 / 2) / (3 / 4) + 1]], rtol=1e-6
    )
