"""Adjusted differences: the plain one is wrong, the adjusted one holds the truth as often as it says."""

import numpy as np
import pytest
from scipy import stats

from training.uplift.average_effects import adjusted_effect
from training.uplift.base import TrialRows
from training.uplift.base_models.linear import LinearConfig
from training.uplift.doubly_robust import DoublyRobustScores, doubly_robust_scores, effect_scores


def confounded(n, *, seed):
    """Treatment and outcome both follow x; the effect is .5 for all."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1))
    probability = 1 / (1 + np.exp(-x[:, 0]))
    treated = rng.random(n) < probability
    outcome = 2 + x[:, 0] + 0.5 * treated + rng.normal(size=n)
    return TrialRows(x, outcome, treated, probability, "continuous")


def test_by_hand():
    outcome = np.array([1.5, 3, 2, 5])
    treated = np.array([False, True, False, True])
    probability = np.array([0.5, 0.5, 0.2, 0.25])
    mu0, mu1 = np.array([1.0, 1, 2, 2]), np.array([2.0, 2, 4, 4])
    effect = effect_scores(
        outcome, treated, probability, expected_control=mu0, expected_treated=mu1
    )
    rows = TrialRows(np.zeros((4, 1)), outcome, treated, probability, "continuous")
    found = adjusted_effect(
        rows, DoublyRobustScores(effect, mu0, mu1, np.zeros(4, dtype=np.int64), ())
    )
    base = (1 + (1.5 - 1) / 0.5) + 1 + (2 + 0) + 2
    mean = 2 + (2 + (3 - 2) / 0.5) + 4 + (4 + (5 - 4) / 0.25)
    assert found.base_mean == pytest.approx(base / 4)
    assert found.treated_mean == pytest.approx(mean / 4)
    assert found.effect == pytest.approx((mean - base) / 4)
    assert found.relative == pytest.approx(mean / base - 1)
    assert found.se == pytest.approx(stats.sem(effect))
    assert (found.n_control, found.n_treated, found.n_units) == (2, 2, 4)
    assert "only if the features hold everything" in found.convention


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """200 samples of 600 rows; the relative one is .5 / 2."""
    hits, relative, plain = 0, 0, []
    for seed in range(200):
        rows = confounded(600, seed=seed)
        scored = doubly_robust_scores(rows, config=LinearConfig(penalty=1), n_folds=2, seed=0)
        found = adjusted_effect(rows, scored)
        hits += found.low < 0.5 < found.high
        relative += found.relative_low < 0.25 < found.relative_high
        plain.append(rows.outcome[rows.treated].mean() - rows.outcome[~rows.treated].mean())
    error = 3 * np.sqrt(0.95 * 0.05 / 200)
    assert hits / 200 == pytest.approx(0.95, abs=error)
    assert relative / 200 == pytest.approx(0.95, abs=error)
    assert np.mean(plain) > 1  # twice the truth


def test_a_mean_below_zero_has_no_relative_difference():
    rows = confounded(400, seed=0)
    shifted = TrialRows(rows.matrix, rows.outcome - 9, rows.treated, rows.probability, "continuous")
    scored = doubly_robust_scores(shifted, config=LinearConfig(), n_folds=2, seed=0)
    assert np.isnan(adjusted_effect(shifted, scored).relative)
