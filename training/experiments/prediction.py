"""Outcomes as predicted from what was known before assignment, out of fold: the covariate of the strongest CUPED."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.arrays import FloatArray, IntArray
from training.uplift.base import OutcomeKind
from training.uplift.base_models.registry import AnyBaseConfig, trainer
from training.uplift.encoding import FeatureEncoding
from training.uplift.folds import make_folds


def predict_out_of_fold(
    outcome: FloatArray,
    covariates: pa.Table,
    *,
    config: AnyBaseConfig,
    kind: OutcomeKind,
    groups: IntArray | None,
    n_folds: int,
    seed: int,
    source: str,
) -> FloatArray:
    """Expected outcome of each row from models that have not seen its cluster, shape (n_rows,).

    The arm is not among the features, so the prediction is as good as known before assignment and CUPED with it stays
    unbiased; the model's quality costs variance only.

    Args:
        outcome: shape (n_rows,), both arms.
        covariates: columns known before assignment.
        config: of the model.
        kind: of the outcome.
        groups: rows of one group share a fold, shape (n_rows,); None = independent rows.
        n_folds: folds, at least 2.
        seed: of the folds.
        source: where the rows come from, for messages.
    """
    encoding = FeatureEncoding.fit(covariates, source=source)
    matrix = encoding.encode(covariates, source=source)
    models = trainer(config, matrix, categorical=encoding.categorical)
    fold = make_folds(len(outcome), n_folds=n_folds, seed=seed, groups=groups)
    expected = np.empty(len(outcome))
    for k in range(n_folds):
        held = fold == k
        seen = outcome[~held]
        if np.ptp(seen) == 0:
            expected[held] = seen[0]
            continue
        model = models.train(outcome, kind=kind, rows=~held)
        expected[held] = model.predict(matrix[held])
    return expected
