"""What an uplift score depends on: contributions of the features to a boosted model that imitates it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import FloatArray
from training.uplift.base_models.boosted import BoostedConfig, BoostedTrainer
from training.uplift.folds import make_folds

MAX_ROWS: Final = 50_000
"""Rows that the imitation learns from, evenly spaced."""

SHAP_ROWS: Final = 2_000
"""Rows, evenly spaced, whose contributions are computed: they would take most of a training's time, and a mean needs no more."""

_N_FOLDS: Final = 5


@dataclass(frozen=True)
class FeatureContribution:
    """One feature's part in the differences of the score.

    Attributes:
        feature: the column.
        mean_size: mean absolute contribution to the score (SHAP), in units of the score.
        share: of all features' mean sizes.
        share_low, share_high: smallest and largest share when a fifth of the rows is left out.
        direction: correlation of value and contribution, in [-1, 1]; NaN for text and where either is constant.
    """

    feature: str
    mean_size: float
    share: float
    share_low: float
    share_high: float
    direction: float


@dataclass(frozen=True)
class Explanation:
    """Contributions, and how far they can be trusted.

    Attributes:
        fidelity: share of the score's variance that the imitation has, on rows it has not seen; 1 = all. Below about
            .9 the contributions are those of something else. NaN for a constant score.
        features: largest first; empty for a constant score.
    """

    fidelity: float
    features: list[FeatureContribution]


def explain_score(
    matrix: FloatArray,
    score: FloatArray,
    *,
    names: Sequence[str],
    categorical: Sequence[int],
    n_jobs: int = 1,
) -> Explanation:
    """Imitate a score with one boosted regression and read its SHAP values.

    One way for every learner: differences of probabilities, stacks and linear parts have no additive contributions of
    their own. What it explains is the score, not the effect itself.

    Args:
        matrix: encoded features, shape (n_rows, n_features), NaN = missing.
        score: predicted uplift, shape (n_rows,).
        names: feature of each column.
        categorical: columns that hold codes of text levels.
        n_jobs: threads.

    Source: Lundberg and Lee (2017), by LightGBM's exact tree contributions.
    """
    rows, goal = _spaced(matrix, MAX_ROWS), _spaced(score, MAX_ROWS)
    spread = float(goal.std())
    if spread <= 1e-12 * max(1.0, float(np.abs(goal).max())):
        return Explanation(float("nan"), [])
    config = BoostedConfig(
        n_trees=100, n_leaves=15, min_child_rows=20, learning_rate=0.15, n_jobs=n_jobs
    )
    trainer = BoostedTrainer(rows, categorical=categorical, config=config)
    standard = (goal - goal.mean()) / spread
    fold = make_folds(len(rows), n_folds=_N_FOLDS, seed=0, groups=None)
    unseen, shares = np.empty(len(rows)), []
    for k in range(_N_FOLDS):
        held = fold == k
        model = trainer.train(standard, kind="continuous", rows=~held)
        unseen[held] = model.predict(rows[held])
        shares.append(_shares(model.contributions(_spaced(rows[held], SHAP_ROWS))[:, :-1]))
    shown = _spaced(rows, SHAP_ROWS)
    given = trainer.train(standard, kind="continuous").contributions(shown)[:, :-1]
    sizes, share = np.abs(given).mean(axis=0) * spread, _shares(given)
    found = [
        FeatureContribution(
            name,
            float(sizes[place]),
            float(share[place]),
            float(min(part[place] for part in shares)),
            float(max(part[place] for part in shares)),
            float("nan") if place in categorical else _direction(shown[:, place], given[:, place]),
        )
        for place, name in enumerate(names)
    ]
    fidelity = 1 - float(np.mean((standard - unseen) ** 2))
    return Explanation(fidelity, sorted(found, key=lambda feature: -feature.mean_size))


def _spaced(values: FloatArray, most: int) -> FloatArray:
    """Every so many-th entry, at most `most` of them."""
    return values[:: max(1, -(-len(values) // most))]


def _shares(contributions: FloatArray) -> FloatArray:
    sizes = np.abs(contributions).mean(axis=0)
    shares: FloatArray = sizes / max(float(sizes.sum()), 1e-300)
    return shares


def _direction(values: FloatArray, contributions: FloatArray) -> float:
    known = ~np.isnan(values)
    if known.sum() < 2 or np.ptp(values[known]) == 0 or np.ptp(contributions[known]) == 0:  # noqa: PLR2004
        return float("nan")
    return float(np.corrcoef(values[known], contributions[known])[0, 1])
