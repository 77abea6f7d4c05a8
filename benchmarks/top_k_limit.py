"""The same lists against the matrix product alone, every score computed and thrown away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import threadpoolctl

from benchmarks.case import Case
from benchmarks.factors import THREADS, Factors, K, fitted_factors, shapeless_factors
from features.arrays import ScoreArray
from training.recommenders.factor_products import top_k_product

_ROWS = 512
_ITEMS = 2_048


def case(scale: float = 1.0) -> Case[ScoreArray]:
    """Scores of the lists of all persons; the peer returns the last block of the product."""
    return _beside_the_product(fitted_factors(scale), "the same")


def worst_case(scale: float = 1.0) -> Case[ScoreArray]:
    """The same where no item can be skipped."""
    return _beside_the_product(shapeless_factors(scale), "the same of random factors")


def _beside_the_product(factors: Factors, task: str) -> Case[ScoreArray]:
    return Case(
        task=f"{task}: {len(factors.persons):,} persons",
        rows=len(factors.persons),
        ours=lambda: top_k_product(
            factors.persons, factors.items, k=K, eligible=factors.eligible, threads=THREADS
        )[1],
        peer_name="the matrix product alone",
        peer=lambda: _product_alone(factors),
        require_equal=lambda one, other: _require_reached(one, other, factors),
    )


def _product_alone(factors: Factors) -> ScoreArray:
    def work(first: int) -> ScoreArray:
        rows = factors.persons[first : first + _ROWS]
        buffer = np.empty(len(rows) * _ITEMS, np.float32)
        for start in range(0, len(factors.items), _ITEMS):
            block = factors.items[start : start + _ITEMS]
            product = buffer[: len(rows) * len(block)].reshape(len(rows), -1)
            np.dot(rows, block.T, out=product)
        return product

    with threadpoolctl.threadpool_limits(1, "blas"), ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, range(0, len(factors.persons), _ROWS)))[-1]


def _require_reached(scores: ScoreArray, block: ScoreArray, factors: Factors) -> None:
    """No unseen item of the block scores more than the last of a row's list, unless it is in the list."""
    first = len(scores) - len(block)
    start = factors.items.shape[0] - block.shape[1]
    unseen = factors.seen[first:, start:].toarray() == 0
    best = np.max(np.where(unseen, block, -np.inf), axis=1)
    listed = np.isclose(scores[first:], best[:, None], rtol=1e-4).any(axis=1)
    assert np.all(listed | (best <= scores[first:, -1]))  # noqa: S101
