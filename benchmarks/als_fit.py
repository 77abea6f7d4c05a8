"""Alternating least squares, against implicit, to the same loss."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import threadpoolctl
from implicit.cpu._als import calculate_loss
from implicit.cpu.als import AlternatingLeastSquares

from benchmarks.case import Case
from features.arrays import ScoreArray
from training.recommenders.als_solver import alternating_least_squares

ENTRIES = 1_000_000
PERSONS = 60_000
ITEMS = 12_000
FACTORS = 64
_ITERATIONS = 2
_PENALTY = 0.05
_THREADS = 2


def case(scale: float = 1.0) -> Case[ScoreArray]:
    """Factors of persons and items after two iterations."""
    confidence = _confidence(scale)
    return Case(
        task=f"ALS, {FACTORS} factors, {_ITERATIONS} iterations: {confidence.nnz:,} entries",
        rows=confidence.nnz,
        ours=lambda: np.concatenate(
            alternating_least_squares(
                confidence,
                factors=FACTORS,
                regularization=_PENALTY,
                iterations=_ITERATIONS,
                seed=0,
                threads=_THREADS,
            )
        ),
        peer_name="implicit, BLAS 1",
        peer=lambda: _with_implicit(confidence),
        require_equal=lambda one, other: np.testing.assert_allclose(
            _loss(confidence, one), _loss(confidence, other), rtol=1e-5
        ),
    )


def _confidence(scale: float) -> sp.csr_matrix:
    """Popular items more often than others; the same in every run."""
    rng = np.random.default_rng(4)
    entries, persons = int(ENTRIES * scale), max(300, int(PERSONS * scale))
    items = max(200, int(ITEMS * scale))
    row = rng.integers(persons, size=entries)
    column = (items * rng.random(entries) ** 2).astype(np.int64)
    shape = (persons, items)
    matrix = sp.coo_matrix((np.ones(entries, np.float32), (row, column)), shape=shape).tocsr()
    matrix.data = (1 + 10 * np.log1p(matrix.data)).astype(np.float32)
    return matrix


def _with_implicit(confidence: sp.csr_matrix) -> ScoreArray:
    with threadpoolctl.threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=FACTORS,
            regularization=_PENALTY,
            iterations=_ITERATIONS,
            num_threads=_THREADS,
            random_state=0,
        )
        model.fit(confidence, show_progress=False)
    return np.concatenate([model.user_factors, model.item_factors])


def _loss(confidence: sp.csr_matrix, factors: ScoreArray) -> float:
    rows, columns = np.split(factors, [confidence.shape[0]])
    loss: float = calculate_loss(confidence, rows.copy(), columns.copy(), _PENALTY, num_threads=1)
    return loss
