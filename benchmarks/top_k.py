"""Exact lists of ten from factors, seen items removed, against implicit."""

from __future__ import annotations

import numpy as np
import threadpoolctl
from implicit.cpu.als import AlternatingLeastSquares

from benchmarks.case import Case
from benchmarks.factors import FACTORS, THREADS, Factors, K, fitted_factors
from features.arrays import ScoreArray
from training.recommenders.factor_products import top_k_product

_BATCH = 1_000


def case(scale: float = 1.0) -> Case[ScoreArray]:
    """Scores of the lists of all persons."""
    factors = fitted_factors(scale)
    return Case(
        task=f"top {K} of {len(factors.items):,} items, seen ones removed: {len(factors.persons):,} persons",
        rows=len(factors.persons),
        ours=lambda: top_k_product(
            factors.persons, factors.items, k=K, eligible=factors.eligible, threads=THREADS
        )[1],
        peer_name="implicit recommend, BLAS 1",
        peer=lambda: _with_implicit(factors),
        require_equal=_require_equal,
    )


def _require_equal(ours: ScoreArray, theirs: ScoreArray) -> None:
    """The same scores; where the library goes on with scores below 0 our lists end."""
    np.testing.assert_allclose(np.nan_to_num(ours), np.maximum(theirs, 0), rtol=1e-4, atol=1e-6)


def _with_implicit(factors: Factors) -> ScoreArray:
    scores = []
    with threadpoolctl.threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=FACTORS, num_threads=THREADS)
        model.user_factors, model.item_factors = factors.persons, factors.items
        for first in range(0, len(factors.persons), _BATCH):
            batch = np.arange(first, min(first + _BATCH, len(factors.persons)))
            scores.append(model.recommend(batch, factors.seen[batch], N=K)[1])
    return np.concatenate(scores)
