"""The cross-fitted doubly robust score: one number per row whose mean over any set of rows is the effect there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import InputError
from training.uplift.base import BoosterConfig, OutcomeKind
from training.uplift.outcome_models import OutcomeTrainer, make_folds, predict_outcome


@dataclass(frozen=True, eq=False)
class DoublyRobustScores:
    """Scores and what they were made of, one entry per row.

    Attributes:
        effect: the score G, in units of the outcome.
        control, treated: out-of-fold expected outcome without and with treatment.
        fold: fold whose models did not see the row's group.
    """

    effect: FloatArray
    control: FloatArray
    treated: FloatArray
    fold: IntArray


def effect_scores(
    outcome: FloatArray,
    treated: BoolArray,
    probability: FloatArray,
    *,
    expected_control: FloatArray | float = 0.0,
    expected_treated: FloatArray | float = 0.0,
) -> FloatArray:
    """Score G_i = mu1 - mu0 + Z (Y - mu1) / e - (1 - Z) (Y - mu0) / (1 - e).

    Args:
        outcome: Y, shape (n_rows,).
        treated: Z, shape (n_rows,).
        probability: e, known probability that the row is treated, shape (n_rows,), in (0, 1).
        expected_control: mu0, from models that did not see the row, shape (n_rows,) or one number.
        expected_treated: mu1, likewise; mu0 = mu1 = 0 gives the inverse-probability-weighted score.

    Returns:
        Shape (n_rows,). With a known e its expectation given X is the effect at X for any mu; a poor mu costs
        variance, not bias.

    Source: Robins, Rotnitzky and Zhao (1994), augmented inverse probability weighting.
    """
    mu0, mu1 = np.asarray(expected_control), np.asarray(expected_treated)
    residual = np.where(
        treated, (outcome - mu1) / probability, -(outcome - mu0) / (1 - probability)
    )
    return np.asarray(mu1 - mu0 + residual, dtype=np.float64)


def doubly_robust_scores(
    matrix: FloatArray,
    outcome: FloatArray,
    treated: BoolArray,
    *,
    probability: FloatArray,
    kind: OutcomeKind,
    categorical: list[int],
    config: BoosterConfig,
    n_folds: int,
    seed: int,
    groups: IntArray | None = None,
) -> DoublyRobustScores:
    """Cross-fit outcome models and score every row.

    Args:
        matrix: encoded features, shape (n_rows, n_features), NaN = missing.
        outcome: shape (n_rows,), finite.
        treated: shape (n_rows,), True = treated arm.
        probability: known probability that the row is treated, shape (n_rows,), in (0, 1).
        kind: of the outcome.
        categorical: matrix columns that hold codes of text levels.
        config: booster settings of the outcome models.
        n_folds: folds, at least 2.
        seed: of the folds.
        groups: rows of one group share a fold, shape (n_rows,); None = independent rows.

    Raises:
        InputError: a fold's training rows lack an arm.
    """
    fold = make_folds(len(outcome), n_folds=n_folds, seed=seed, groups=groups)
    trainer = OutcomeTrainer(matrix, outcome, kind=kind, categorical=categorical, config=config)
    mu0, mu1 = np.empty(len(outcome)), np.empty(len(outcome))
    for k in range(n_folds):
        held, seen = fold == k, fold != k
        for arm, expected in ((~treated, mu0), (treated, mu1)):
            if not (seen & arm).any():
                raise InputError(
                    "evaluation rows",
                    f"an arm has too few rows for {n_folds} folds",
                    rule="every fold needs both arms elsewhere",
                    next_step="Use more data or fewer folds ('n_folds').",
                )
            model = trainer.train(seen & arm)
            expected[held] = predict_outcome(model, matrix[held], n_jobs=config.n_jobs)
    effect = effect_scores(
        outcome, treated, probability, expected_control=mu0, expected_treated=mu1
    )
    return DoublyRobustScores(effect, mu0, mu1, fold)
