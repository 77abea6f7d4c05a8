"""The cross-fitted doubly robust score: one number per row whose mean over any set of rows is the effect there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import InputError
from training.uplift.base import TrialRows
from training.uplift.base_models.base import BaseModel, Trainer
from training.uplift.base_models.registry import AnyBaseConfig, trainer
from training.uplift.folds import make_folds


@dataclass(frozen=True, eq=False)
class DoublyRobustScores:
    """Scores and what they were made of, one entry per row.

    Attributes:
        effect: the score G, in units of the outcome.
        control, treated: out-of-fold expected outcome without and with treatment.
        fold: fold whose models did not see the row's group.
        control_models: the models behind `control`, one per fold.
    """

    effect: FloatArray
    control: FloatArray
    treated: FloatArray
    fold: IntArray
    control_models: tuple[BaseModel, ...]


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
    rows: TrialRows,
    *,
    config: AnyBaseConfig,
    n_folds: int,
    seed: int,
    shared: Trainer | None = None,
) -> DoublyRobustScores:
    """Cross-fit outcome models and score every row.

    Args:
        rows: rows of one contrast.
        config: base model of the outcome models.
        n_folds: folds, at least 2.
        seed: of the folds.
        shared: a trainer over the same rows, to save the binning; None = one is made.

    Raises:
        InputError: a fold's training rows lack an arm.
    """
    fold = make_folds(len(rows), n_folds=n_folds, seed=seed, groups=rows.groups)
    models = shared or trainer(config, rows.matrix, categorical=rows.categorical)
    weight = rows.arm_weights()
    mu0, mu1 = np.empty(len(rows)), np.empty(len(rows))
    controls: list[BaseModel] = []
    for k in range(n_folds):
        held, seen = fold == k, fold != k
        for arm in (~rows.treated, rows.treated):
            _require_rows(seen & arm, n_folds=n_folds)
        control, treated = (
            models.train(rows.outcome, kind=rows.kind, rows=seen & arm, weight=weight)
            for arm in (~rows.treated, rows.treated)
        )
        unseen = rows.matrix[held]
        mu0[held], mu1[held] = control.predict(unseen), treated.predict(unseen)
        controls.append(control)
    effect = effect_scores(
        rows.outcome, rows.treated, rows.probability, expected_control=mu0, expected_treated=mu1
    )
    return DoublyRobustScores(effect, mu0, mu1, fold, tuple(controls))


def _require_rows(seen: BoolArray, *, n_folds: int) -> None:
    if not seen.any():
        raise InputError(
            "cross-fitting",
            f"an arm has too few rows for {n_folds} folds",
            rule="every fold needs both arms elsewhere",
            next_step="Use more data or fewer folds ('n_folds').",
        )
