"""Assignment probabilities estimated from the features, for data that no lot was drawn for, and how far arms overlap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray
from features.errors import GateError
from training.metrics.uplift import mid_ranks
from training.uplift.base_models.registry import trainer
from training.uplift.data_config import PropensityConfig
from training.uplift.encoding import FeatureEncoding
from training.uplift.folds import make_folds
from training.uplift.rows import UpliftRows
from training.uplift.screening import screen_features

MAX_CLIPPED: Final = 0.5
"""Largest share of rows whose probability may be clipped: beyond it, hardly anybody could have been in either arm."""

N_BINS: Final = 20
"""Bins of the histogram of probabilities, equally wide between 0 and 1."""


@dataclass(frozen=True)
class Overlap:
    """How far two arms hold rows that could have been in either.

    Attributes:
        share_clipped: rows whose probability was set to the clip.
        auc: probability that a treated row has a larger one than a control row, ties half; 0.5 = the features know
            nothing of the assignment, 1 = they know it and no effect can be read.
        smallest, largest: probability of being treated, after clipping.
        n_control, n_treated: rows per arm.
        effective_control, effective_treated: rows that equal weights would need for the same precision:
            (sum of weights)^2 / sum of squared weights, weights 1 / probability of the arm the row is in.
        bin_edges: of the histogram, one more than there are bins.
        control_counts, treated_counts: rows per bin of the probability of being treated.
    """

    share_clipped: float
    auc: float
    smallest: float
    largest: float
    n_control: int
    n_treated: int
    effective_control: float
    effective_treated: float
    bin_edges: tuple[float, ...]
    control_counts: tuple[int, ...]
    treated_counts: tuple[int, ...]


def estimate_propensities(rows: UpliftRows, config: PropensityConfig) -> UpliftRows:
    """The rows with cross-fitted, clipped probabilities in place of the ones they have.

    A row's probabilities come from models of the other folds; with more than two arms from one model per arm, scaled to
    sum to 1. Outcomes play no part.

    Raises:
        GateError: the features tell the arms apart, so that more than half of the rows are clipped.

    Invariants: every probability lies within [clip, 1 - clip] with two arms; rows of one person share a fold.
    """
    used = rows.without({feature.name for feature in screen_features(rows.features)})
    encoding = FeatureEncoding.fit(used.features, source=rows.source)
    matrix = encoding.encode(used.features, source=rows.source)
    fold = make_folds(len(rows), n_folds=config.n_folds, seed=config.seed, groups=rows.group)
    models = trainer(config.model, matrix, categorical=encoding.categorical)
    raw = np.empty((len(rows), len(rows.arms)))
    first = 1 if len(rows.arms) == 2 else 0  # noqa: PLR2004 - the control has the rest
    for arm in range(first, len(rows.arms)):
        inside = (rows.arm == arm).astype(np.float64)
        for k in range(config.n_folds):
            model = models.train(inside, kind="binary", rows=fold != k)
            raw[fold == k, arm] = model.predict(matrix[fold == k])
    if first:
        raw[:, 0] = 1 - raw[:, 1]
    raw /= raw.sum(axis=1, keepdims=True)
    kept = np.clip(raw, config.clip, 1 - config.clip)
    clipped = (kept != raw).any(axis=1)
    if clipped.mean() > MAX_CLIPPED:
        raise GateError(
            rows.source,
            f"the features tell the arms apart: {clipped.mean():.0%} of the estimated probabilities lie beyond "
            f"{config.clip:g}",
            rule=f"at most {MAX_CLIPPED:.0%} may, or nobody is left who could have been in either arm",
            next_step="Leave out features that decide the assignment or follow from it, or restrict the rows to those "
            "that could have been in every arm.",
        )
    return replace(rows, probability=kept / kept.sum(axis=1, keepdims=True), clipped=clipped)


def measure_overlap(treated: BoolArray, probability: FloatArray, clipped: BoolArray) -> Overlap:
    """Overlap of two arms.

    Args:
        treated: shape (n_rows,).
        probability: that the row is treated, after clipping, shape (n_rows,), in (0, 1).
        clipped: whether it was clipped, shape (n_rows,).
    """
    edges = np.linspace(0, 1, N_BINS + 1)
    rank = 1 - mid_ranks(probability)
    n_treated = int(treated.sum())
    n_control = len(treated) - n_treated
    # the mean mid-rank of the treated rows among all rows, in (0, 1), gives the share of pairs they win
    auc = 0.5 + (float(rank[treated].mean()) - 0.5) * len(treated) / n_control
    return Overlap(
        share_clipped=float(clipped.mean()),
        auc=auc,
        smallest=float(probability.min()),
        largest=float(probability.max()),
        n_control=n_control,
        n_treated=n_treated,
        effective_control=_effective(1 / (1 - probability[~treated])),
        effective_treated=_effective(1 / probability[treated]),
        bin_edges=tuple(edges.tolist()),
        control_counts=tuple(np.histogram(probability[~treated], edges)[0].tolist()),
        treated_counts=tuple(np.histogram(probability[treated], edges)[0].tolist()),
    )


def _effective(weight: FloatArray) -> float:
    return float(weight.sum() ** 2 / np.sum(weight**2))
