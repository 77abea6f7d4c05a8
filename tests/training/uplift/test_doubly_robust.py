"""The score averages to the effect whatever the outcome models say, and its interval covers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError
from training.metrics.uplift import mean_effect
from training.uplift.base import TrialRows
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.doubly_robust import doubly_robust_scores, effect_scores
from training.uplift.folds import make_folds


def test_scores_by_hand():
    outcome = np.array([1.0, 0.0])
    treated = np.array([True, False])
    found = effect_scores(
        outcome,
        treated,
        np.array([0.25, 0.5]),
        expected_control=np.array([0.1, 0.3]),
        expected_treated=np.array([0.4, 0.5]),
    )
    np.testing.assert_allclose(
        found, [0.4 - 0.1 + (1 - 0.4) / 0.25, 0.5 - 0.3 - (0 - 0.3) / (1 - 0.5)]
    )


def test_zero_models_give_the_weighted_difference():
    found = effect_scores(np.array([2.0, 3.0]), np.array([True, False]), np.array([0.5, 0.25]))
    np.testing.assert_allclose(found, [2 / 0.5, -3 / 0.75])


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_any_outcome_model_leaves_the_expectation(mu0, mu1):
    """Both assignments of one row, weighed by their probability, give Y(1) - Y(0)."""
    e, y1, y0 = 0.3, 4.0, 1.0
    if_treated, if_not = effect_scores(
        np.array([y1, y0]),
        np.array([True, False]),
        np.array([e, e]),
        expected_control=mu0,
        expected_treated=mu1,
    )
    assert e * if_treated + (1 - e) * if_not == pytest.approx(y1 - y0)


@given(st.integers(4, 60), st.integers(2, 4), st.integers(0, 99))
def test_folds_keep_groups_together_and_are_even(n, n_folds, seed):
    groups = np.arange(n) // 2
    fold = make_folds(n, n_folds=n_folds, seed=seed, groups=groups)
    assert all(len(set(fold[groups == g])) == 1 for g in set(groups))
    sizes = [len(set(groups[fold == k])) for k in range(n_folds)]
    assert max(sizes) - min(sizes) <= 1
    np.testing.assert_array_equal(fold, make_folds(n, n_folds=n_folds, seed=seed, groups=groups))


def score(matrix, outcome, treated, *, n_folds=2, groups=None, **config):
    half = np.full(len(outcome), 0.5)
    return doubly_robust_scores(
        TrialRows(matrix, outcome, treated, half, "continuous", groups=groups),
        config=BoostedConfig(n_jobs=1, **config),
        n_folds=n_folds,
        seed=0,
    )


def sample(rng, n):
    x = rng.normal(size=(n, 1))
    treated = rng.random(n) < 0.5
    return x, 3 * x[:, 0] + 0.5 * treated + rng.normal(size=n), treated


def test_good_outcome_models_shrink_the_interval():
    x, outcome, treated = sample(np.random.default_rng(0), 2_000)
    fitted = mean_effect(score(x, outcome, treated).effect)
    weighted = mean_effect(effect_scores(outcome, treated, np.full(2_000, 0.5)))
    assert fitted.se < 0.6 * weighted.se
    assert fitted.low < 0.5 < fitted.high


def test_a_row_never_trains_its_own_expectation():
    x, outcome, treated = sample(np.random.default_rng(1), 400)
    groups = np.arange(400) // 4
    one = score(x, outcome, treated, groups=groups, min_child_rows=20)
    changed = np.where(groups == 7, outcome + 1_000, outcome)
    other = score(x, changed, treated, groups=groups, min_child_rows=20)
    mine = groups == 7
    np.testing.assert_array_equal(one.control[mine], other.control[mine])
    np.testing.assert_array_equal(one.treated[mine], other.treated[mine])
    assert (one.control != other.control).any()


@pytest.mark.slow
def test_interval_coverage_with_cross_fitted_models():
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(1_000):
        x, outcome, treated = sample(rng, 300)
        effect = score(x, outcome, treated, n_trees=5, learning_rate=0.5, min_child_rows=20).effect
        found = mean_effect(effect)
        inside.append(found.low <= 0.5 <= found.high)
    assert np.mean(inside) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 1_000))


def test_too_few_rows_for_the_folds_are_refused():
    treated = np.array([True, False, False, False])
    with pytest.raises(InputError, match="an arm has too few rows for 2 folds"):
        score(np.zeros((4, 1)), np.zeros(4), treated)
