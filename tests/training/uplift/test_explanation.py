"""Contributions rank features by what they do to the score, and say when there is nothing to explain."""

import numpy as np
import pytest

from training.uplift import explanation
from training.uplift.base_models.boosted import BoostedModel
from training.uplift.explanation import explain_score


def test_sizes_shares_and_directions():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(4_000, 3))
    score = 3 * matrix[:, 0] - 1 * matrix[:, 1]
    found = explain_score(matrix, score, names=["a", "b", "c"], categorical=[], n_jobs=1)
    assert [feature.feature for feature in found.features] == ["a", "b", "c"]
    by_hand = 3 / (3 + 1)  # mean |3 x| to mean |x|
    assert found.features[0].share == pytest.approx(by_hand, abs=0.05)
    assert found.features[0].mean_size == pytest.approx(3 * np.sqrt(2 / np.pi), rel=0.1)
    assert found.features[0].direction > 0.9
    assert found.features[1].direction < -0.9
    assert found.features[0].share_low <= found.features[0].share <= found.features[0].share_high
    assert found.fidelity > 0.95


def test_the_rows_that_are_explained_stand_for_all(monkeypatch):
    """Contributions of one row in eight say what those of every row say."""
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(4_000, 3))
    score = 3 * matrix[:, 0] - 1 * matrix[:, 1]
    asked = []
    contributions = BoostedModel.contributions
    monkeypatch.setattr(
        BoostedModel, "contributions", lambda *a: asked.append(len(a[1])) or contributions(*a)
    )
    found = []
    for most in (4_000, 500):
        monkeypatch.setattr(explanation, "SHAP_ROWS", most)
        found.append(explain_score(matrix, score, names=["a", "b", "c"], categorical=[], n_jobs=1))
    every, some = found
    assert max(asked[6:]) == 500
    assert some.fidelity == every.fidelity
    for ours, theirs in zip(some.features, every.features, strict=True):
        assert ours.feature == theirs.feature
        assert ours.share == pytest.approx(theirs.share, abs=0.02)
    for ours, theirs in zip(some.features[:2], every.features[:2], strict=True):
        assert ours.direction == pytest.approx(theirs.direction, abs=0.05)


def test_a_constant_score_has_no_explanation():
    found = explain_score(np.ones((50, 1)), np.full(50, 0.1), names=["a"], categorical=[])
    assert np.isnan(found.fidelity)
    assert found.features == []


def test_text_has_no_direction():
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 3, (500, 1)).astype(float)
    found = explain_score(codes, codes[:, 0] == 1, names=["city"], categorical=[0], n_jobs=1)
    assert np.isnan(found.features[0].direction)
    assert found.features[0].share == 1
