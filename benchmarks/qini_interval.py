"""The interval of the Qini area: influence function, against resampling rows."""

from __future__ import annotations

import numpy as np

from benchmarks.case import Case
from features.arrays import FloatArray
from training.metrics.uplift import qini_area

ROWS = 100_000
REPLICATES = 200
TOLERANCE = 4 / np.sqrt(2 * REPLICATES)
"""Four standard errors of a standard deviation that is estimated from so many replicates."""


def case(scale: float = 1.0) -> Case[FloatArray]:
    """Area and standard error, the score without ties."""
    rng = np.random.default_rng(11)
    rows = int(ROWS * scale)
    score = rng.permutation(rows) / rows
    effect = score + rng.normal(size=rows)

    def ours() -> FloatArray:
        found = qini_area(effect, score)
        return np.array([found.value, found.se])

    return Case(
        task=f"Qini area with its standard error: {rows:,} rows",
        rows=rows,
        ours=ours,
        peer_name=f"bootstrap of rows, {REPLICATES} replicates",
        peer=lambda: _with_bootstrap(effect, score),
        require_equal=_require_equal,
    )


def _with_bootstrap(effect: FloatArray, score: FloatArray) -> FloatArray:
    """Sort and sum each resample anew, as one does around a metric that knows no interval."""
    rng = np.random.default_rng(13)
    areas = np.empty(REPLICATES)
    for replicate in range(REPLICATES):
        rows = rng.integers(len(score), size=len(score))
        areas[replicate] = _area(effect[rows], score[rows])
    return np.array([_area(effect, score), areas.std(ddof=1)])


def _area(effect: FloatArray, score: FloatArray) -> float:
    """Between the gain curve and its diagonal; a row that was drawn twice is two tied rows, a straight line."""
    order = np.argsort(-score)
    ranked = score[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) + 1
    share = np.append(0, ends) / len(score)
    gain = np.append(0.0, np.cumsum(effect[order])[ends - 1]) / len(score)
    return float(np.trapezoid(gain - share * gain[-1], share))


def _require_equal(one: FloatArray, other: FloatArray) -> None:
    np.testing.assert_allclose(one[0], other[0], rtol=1e-9)
    np.testing.assert_allclose(one[1], other[1], rtol=TOLERANCE)
