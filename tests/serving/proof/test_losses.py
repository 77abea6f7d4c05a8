"""Losses are found where they are planted, and shrunk to nothing without data."""

from __future__ import annotations

import numpy as np
import pytest

from serving.proof.losses import Losses
from training.uplift.doubly_robust import DoublyRobustScores, effect_scores

N, CHANCE = 40_000, 0.1


def learn(visits, loss, *, n=N, prior=0.2):
    rng = np.random.default_rng(2)
    treated = rng.random(n) < 0.5
    ordered = (rng.random(n) < CHANCE * (1 - loss * treated)).astype(np.float64)
    half, expected = np.full(n, 0.5), np.full(n, CHANCE)
    score = effect_scores(
        ordered, treated, half, expected_control=expected, expected_treated=expected
    )
    scores = DoublyRobustScores(score, expected, expected, np.zeros(n, np.int64), ())
    return Losses.learn(visits, scores, weight=half**2, unchosen=np.ones(n, np.bool_), prior=prior)


def test_the_most_frequent_lose():
    visits = np.linspace(0, 1, N)
    found = learn(visits, np.where(visits >= 0.8, 0.5, 0.0), prior=1.0)
    np.testing.assert_allclose(found.limits, [0.8, 0.9, 0.95], atol=1e-4)
    # standard error of the loss of a twentieth: sqrt(4 / 200 orders) = 0.14, of four fifths 0.035
    np.testing.assert_allclose(found.share(np.array([0.1, 0.82])), [0.0, 0.5], atol=0.15)


def test_without_spread_expected_nothing_is_found():
    visits = np.linspace(0, 1, N)
    assert learn(visits, np.full(N, 0.5), prior=1e-6).share(visits).max() < 1e-6


def test_ridge_by_hand():
    visits = np.array([0.0, 1.0, 2.0, 3.0])
    effect, chance = np.array([-0.02, 0.0, -0.03, -0.05]), np.full(4, 0.1)
    scores = DoublyRobustScores(effect, chance, chance, np.zeros(4, np.int64), ())
    found = Losses.learn(visits, scores, weight=np.full(4, 0.25), unchosen=visits < 9, prior=1e3)
    # no shrinkage: steps are means of effect / chance of all, and of the last, which lies above every limit
    assert found.share(np.array([0.0])) == pytest.approx((0.2 + 0.0 + 0.3) / 3, rel=1e-3)
    assert found.share(np.array([3.0])) == pytest.approx(0.5, rel=1e-3)


def test_the_limits_are_shares_of_those_whom_no_policy_picked():
    visits = np.concatenate([np.linspace(0, 1, 101), np.full(400, 5.0)])  # the picked visit often
    n = len(visits)
    scores = DoublyRobustScores(
        np.zeros(n), np.full(n, 0.1), np.full(n, 0.1), np.zeros(n, np.int64), ()
    )
    found = Losses.learn(visits, scores, weight=np.ones(n), unchosen=visits <= 1, prior=1.0)
    np.testing.assert_allclose(found.limits, [0.8, 0.9, 0.95])
