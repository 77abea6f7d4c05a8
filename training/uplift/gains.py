"""What learners know of the effect: the loss of one constant effect minus theirs, on rows they have not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from features.arrays import FloatArray
from training.uplift.base import TrialRows
from training.uplift.doubly_robust import DoublyRobustScores
from training.uplift.learners.base import UpliftLearner

ScoredRows = tuple[TrialRows, DoublyRobustScores]
"""Rows of one contrast, and their cross-fitted scores."""


def running_gains(
    contrasts: Sequence[ScoredRows], fit: Callable[[TrialRows], UpliftLearner[Any]]
) -> Iterator[float]:
    """Doubly robust loss of one constant effect minus that of a learner, after each fold of the scores.

    Every row is predicted by a learner fitted on the other folds, and compared with the mean score of those folds; the
    loss is the squared distance to the row's score, whose expectation is the squared error of the effect plus a
    constant.

    Args:
        contrasts: at least one, all with the same number of folds.
        fit: fits the learner on rows of one contrast.

    Yields:
        Mean over the rows of the folds so far, then over the contrasts; squared units of the outcome. Above 0 = the
        learner knows something of who reacts.
    """
    gains: list[list[FloatArray]] = [[] for _ in contrasts]
    for fold in np.unique(contrasts[0][1].fold):
        for found, (rows, scores) in zip(gains, contrasts, strict=True):
            held = scores.fold == fold
            predicted = fit(rows.subset(~held)).predict(rows.matrix[held])
            constant = scores.effect[held] - scores.effect[~held].mean()
            found.append(constant**2 - (scores.effect[held] - predicted) ** 2)
        yield float(np.mean([np.concatenate(found).mean() for found in gains]))
