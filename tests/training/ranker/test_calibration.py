"""Probabilities of a ranker: parity with scikit-learn, the table by hand, coverage of the interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from training.ranker.calibration import Calibration, fit_calibration, reliability


def _draws(n, *, intercept, slope, seed):
    rng = np.random.default_rng(seed)
    score = rng.normal(2.0, 3.0, n)
    return score, (rng.random(n) < expit(intercept + slope * score)).astype(np.int64)


def test_the_fit_is_that_of_scikit_learn_with_platts_targets():
    score, label = _draws(400, intercept=-1.0, slope=0.4, seed=3)
    found = fit_calibration(score, label)
    # a target of t is a hit of weight t and a miss of weight 1 - t
    hits, misses = label.sum(), len(label) - label.sum()
    target = np.where(label > 0, (hits + 1) / (hits + 2), 1 / (misses + 2))
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000)
    both = np.concatenate([score, score])[:, None]
    kind = np.repeat([1, 0], len(score))
    peer.fit(both, kind, sample_weight=np.concatenate([target, 1 - target]))
    assert found.intercept == pytest.approx(peer.intercept_[0], abs=1e-5)
    assert found.slope == pytest.approx(peer.coef_[0, 0], abs=1e-5)


def test_true_parameters_are_found():
    score, label = _draws(200_000, intercept=-2.0, slope=0.5, seed=1)
    found = fit_calibration(score, label)
    assert found.intercept == pytest.approx(-2.0, abs=0.05)
    assert found.slope == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_gives_platts_prior(label):
    found = fit_calibration(np.zeros(8), np.full(8, label))
    # (8 + 1) / (8 + 2) with hits alone, 1 / (8 + 2) with misses alone
    assert found.probability(np.zeros(1))[0] == pytest.approx(0.9 if label else 0.1)


@given(st.lists(st.tuples(st.floats(-50, 50), st.booleans()), min_size=1, max_size=40))
def test_a_higher_score_never_has_a_lower_probability(pairs):
    score = np.array([pair[0] for pair in pairs])
    found = fit_calibration(score, np.array([pair[1] for pair in pairs], np.int64))
    assert found.slope > 0
    assert (np.diff(found.probability(np.sort(score))) >= 0).all()


def test_the_table_and_the_error_by_hand():
    probability = np.repeat([0.1, 0.4], [6, 4])
    label = np.array([1, 1, 0, 0, 0, 0, 1, 1, 0, 0])
    found = reliability(probability, label, np.arange(10), rng=0)
    assert [(b.predicted, b.candidates) for b in found.table] == [
        (pytest.approx(0.1), 6),
        (pytest.approx(0.4), 4),
    ]
    assert [b.observed for b in found.table] == [2 / 6, 2 / 4]
    assert found.error.estimate == pytest.approx((6 * (2 / 6 - 0.1) + 4 * (2 / 4 - 0.4)) / 10)
    assert found.error.low <= found.error.estimate <= found.error.high
    assert found.error.persons == 10


def test_a_model_that_is_off_by_a_known_amount_is_covered():
    """Every candidate is taken up with chance p but told p + 0.2: the error is 0.2, the interval holds it 19 times in 20."""
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        chance = np.repeat(rng.uniform(0.1, 0.7, 120), 5)
        label = (rng.random(600) < chance).astype(np.int64)
        person = np.repeat(np.arange(120), 5)
        error = reliability(chance + 0.2, label, person, replicates=200, rng=seed).error
        covered += error.low <= 0.2 <= error.high
    # 3 standard errors of a share of 0.95 over 200 draws: 0.046
    assert covered / 200 > 0.95 - 0.046


def test_probabilities_are_those_of_the_formula():
    calibration = Calibration(intercept=-1.0, slope=2.0)
    found = calibration.probability(np.array([0.5, 1.0]))
    assert found.tolist() == pytest.approx([0.5, 1 / (1 + np.exp(-1.0))])
    assert logit(found[1]) == pytest.approx(1.0)
