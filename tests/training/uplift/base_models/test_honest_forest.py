"""Leaves hold means of rows that did not shape the tree; the forest is one text file."""

import numpy as np
import pytest

from training.uplift.base_models.boosted import BoostedModel
from training.uplift.base_models.honest_forest import HonestForestConfig, HonestForestTrainer
from training.uplift.base_models.registry import trainer

ONE_TREE = HonestForestConfig(n_trees=1, n_leaves=2, min_child_rows=20, feature_share=1, n_jobs=1)
MANY = HonestForestConfig(n_trees=30, n_leaves=8, min_child_rows=20, n_jobs=1)


def test_one_split_by_hand():
    """A step at 0: the two leaves are means of the filling quarter on either side, and of no other row."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2_000, 1))
    target = 3.0 * (x[:, 0] > 0) + rng.normal(size=2_000)
    weight = rng.uniform(0.5, 1.5, 2_000)
    drawn = np.random.default_rng(0).permutation(np.arange(2_000))[:1_000]
    filling = drawn[500:]
    model = HonestForestTrainer(x, categorical=(), config=ONE_TREE).train(
        target, kind="continuous", weight=weight
    )
    predicted = model.predict(x)
    assert len(np.unique(predicted)) == 2
    for side in np.unique(predicted):
        inside = filling[predicted[filling] == side]
        mean = np.average(target[inside], weights=weight[inside])
        assert side == pytest.approx(mean, rel=1e-12)
    assert abs(np.sort(x[predicted == predicted.max(), 0])[0]) < 0.1


def test_a_function_is_found_text_levels_and_missing_values_included():
    rng = np.random.default_rng(2)
    x = np.column_stack([rng.normal(size=6_000), rng.integers(0, 4, 6_000)]).astype(float)
    x[rng.random(6_000) < 0.2, 0] = np.nan
    truth = np.where(np.isnan(x[:, 0]), 2.0, (x[:, 0] > 0) * 1.0) + (x[:, 1] == 2)
    target = (rng.random(6_000) < 0.1 + 0.2 * truth).astype(float)
    forest = HonestForestTrainer(x, categorical=(1,), config=MANY)
    predicted = forest.train(target, kind="binary").predict(x)
    assert np.corrcoef(predicted, truth)[0, 1] > 0.9
    assert ((predicted >= 0) & (predicted <= 1)).all()


def test_some_rows_only():
    rng = np.random.default_rng(3)
    x, target = rng.normal(size=(3_000, 2)), rng.normal(size=3_000)
    rows = np.arange(3_000) % 3 > 0
    forest = HonestForestTrainer(x, categorical=(), config=MANY)
    one = forest.train(target, kind="continuous", rows=rows).predict(x)
    changed = np.where(rows, target, 1e6)
    other = forest.train(changed, kind="continuous", rows=rows).predict(x)
    np.testing.assert_array_equal(one, other)


def test_a_constant_target_is_a_constant_forest():
    x = np.random.default_rng(4).normal(size=(500, 2))
    model = HonestForestTrainer(x, categorical=(), config=MANY).train(
        np.full(500, 0.25), kind="continuous"
    )
    np.testing.assert_allclose(model.predict(x), 0.25)


def test_the_text_is_the_forest_and_threads_change_nothing():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2_000, 3))
    target = x[:, 0] + rng.normal(size=2_000)
    models = [
        HonestForestTrainer(
            x, categorical=(), config=MANY.model_copy(update={"n_jobs": n_jobs})
        ).train(target, kind="continuous")
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(models[0].predict(x), models[1].predict(x))
    again = BoostedModel.from_text(models[0].text(), name="effect.txt", n_jobs=1)
    np.testing.assert_array_equal(again.predict(x), models[0].predict(x))


def test_monotone_is_refused():
    with pytest.raises(ValueError, match="an honest forest has no monotone constraints"):
        trainer(MANY, np.zeros((10, 1)), categorical=(), monotone=(1,))
