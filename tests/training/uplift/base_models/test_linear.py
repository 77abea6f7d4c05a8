"""The linear base model equals scikit-learn on the same columns, and keeps its meaning over text and missing values."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from features.errors import InputError
from training.uplift.base_models.linear import MAX_LEVELS, LinearConfig, LinearModel, LinearTrainer


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    return rng.normal(3, 2, size=(500, 3)), rng


def train(matrix, target, *, kind="continuous", penalty=10.0, categorical=(), **options):
    modifier = options.pop("modifier", None)
    trainer = LinearTrainer(
        matrix, categorical=categorical, config=LinearConfig(penalty=penalty), modifier=modifier
    )
    return trainer.train(target, kind=kind, **options)


def test_ridge_is_scikit_learns(numbers):
    matrix, rng = numbers
    target, weight = matrix @ [1.0, -2.0, 0.5] + rng.normal(size=500), rng.random(500) + 0.5
    columns = StandardScaler().fit_transform(matrix)
    theirs = Ridge(alpha=10).fit(columns, target, sample_weight=weight)
    ours = train(matrix, target, weight=weight)
    np.testing.assert_allclose(ours.predict(matrix), theirs.predict(columns), rtol=1e-10)


def test_logistic_is_scikit_learns_with_the_penalty_on_the_scale_of_rows(numbers):
    matrix, rng = numbers
    target = (rng.random(500) < 0.3).astype(float)
    columns, mean = StandardScaler().fit_transform(matrix), target.mean()
    theirs = LogisticRegression(C=1 / (10 * mean * (1 - mean)), max_iter=1_000)
    theirs.fit(columns, target)
    ours = train(matrix, target, kind="binary")
    np.testing.assert_allclose(ours.predict(matrix), theirs.predict_proba(columns)[:, 1], rtol=1e-6)


@pytest.mark.parametrize("kind", ["binary", "continuous"])
def test_a_coefficient_shrinks_by_rows_over_rows_plus_penalty(kind):
    rng = np.random.default_rng(1)
    x = rng.choice([-1.0, 1.0], 4_000)
    target = (rng.random(4_000) < 0.5 + 0.05 * x).astype(float)
    free, shrunk = (
        train(x[:, None], target, kind=kind, penalty=p).coefficients[0] for p in (1e-6, 4_000)
    )
    assert shrunk / free == pytest.approx(4_000 / (4_000 + 4_000), rel=0.02)


def test_text_levels_have_their_own_level_and_unknown_ones_the_common_one():
    codes = np.repeat([0.0, 1.0, 2.0], [300, 200, 100])
    target = codes * 10
    model = train(codes[:, None], target, categorical=[0], penalty=1e-6)
    found = model.predict(np.array([[0.0], [1.0], [2.0], [9.0], [np.nan]]))
    np.testing.assert_allclose(found[:3], [0, 10, 20], atol=1e-3)
    assert found[3] == found[4]


def test_only_frequent_levels_count():
    codes = np.concatenate([np.repeat(np.arange(MAX_LEVELS), 4), np.arange(MAX_LEVELS, 80)])
    model = train(codes[:, None].astype(float), codes.astype(float), categorical=[0])
    assert len(model.coefficients) == MAX_LEVELS
    assert model.columns.level == list(range(MAX_LEVELS))


def test_missing_numbers_get_the_mean_and_an_indicator():
    rng = np.random.default_rng(2)
    x = rng.normal(size=2_000)
    lost = rng.random(2_000) < 0.3
    target = np.where(lost, 7.0, 2 * x)
    model = train(np.where(lost, np.nan, x)[:, None], target, penalty=1e-6)
    np.testing.assert_allclose(model.predict(np.array([[np.nan], [1.0]])), [7, 2], atol=1e-6)


def test_a_modifier_changes_the_slope_of_every_other_column(numbers):
    matrix, rng = numbers
    arm = rng.integers(0, 2, 500).astype(float)
    target = 1 + 2 * arm + matrix[:, 0] + 3 * arm * matrix[:, 1]
    both = np.column_stack([matrix, arm])
    model = train(both, target, modifier=3, penalty=1e-6)
    np.testing.assert_allclose(model.predict(both), target, atol=1e-6)


def test_a_constant_target_and_no_columns_give_the_mean():
    for matrix in (np.ones((20, 1)), np.full((20, 1), np.nan), np.empty((20, 0))):
        assert train(matrix, np.zeros(20), kind="binary").predict(matrix).max() < 1e-8
        np.testing.assert_allclose(train(matrix, np.arange(20.0)).predict(matrix), 9.5, rtol=1e-12)


def test_text_is_complete_and_anything_else_is_refused(numbers):
    matrix, rng = numbers
    model = train(matrix, rng.normal(size=500))
    again = LinearModel.from_text(model.text(), name="m.json")
    np.testing.assert_array_equal(again.predict(matrix), model.predict(matrix))
    with pytest.raises(InputError, match=r"m\.json: cannot be read as a linear model"):
        LinearModel.from_text("[]", name="m.json")
