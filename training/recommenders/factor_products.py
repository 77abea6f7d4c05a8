"""Exact top-k of products of factors: items by falling norm, block by block, until no later item can reach a list."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import scipy.sparse as sp
import threadpoolctl

from features.arrays import BoolArray, CodeArray, ScoreArray
from training.recommenders.kept_lists import closed, merge, open_lists
from training.recommenders.top_k import Eligible

_ROWS: Final = 512
_ITEMS: Final = 2_048
"""Rows and items of a block: its product stays in the cache of a processor."""

_SLACK: Final = np.float32(1.001)
"""A product is at most the norms' product; rounding adds far less than a thousandth."""


@dataclass(frozen=True, eq=False)
class _Candidates:
    """The items that anybody may get, those with the largest factors first.

    Attributes:
        codes: shape (n,).
        factors: shape (n, n_factors).
        norm: length of each factor, shape (n,), falling.
        allowed: shape (n_items,).
    """

    codes: CodeArray
    factors: ScoreArray
    norm: ScoreArray
    allowed: BoolArray

    @classmethod
    def of(cls, items: ScoreArray, allowed: BoolArray) -> Self:
        norm = np.linalg.norm(items, axis=1)
        order = np.argsort(-norm, kind="stable")
        order = order[allowed[order]]
        return cls(order.astype(np.int32), items[order], norm[order], allowed)


def top_k_product(
    rows: ScoreArray, items: ScoreArray, *, k: int, eligible: Eligible, threads: int
) -> tuple[CodeArray, ScoreArray]:
    """The k eligible items with the largest products above 0, for each row.

    Args:
        rows: factors, shape (n_rows, n_factors).
        items: factors, shape (n_items, n_factors).
        k: length of a list, >= 1.
        eligible: shape (n_rows, n_items).
        threads: blocks of rows worked on at a time; the result does not depend on it.

    Returns:
        Items and scores, each (n_rows, k): best first, ties by item code rising, then -1 and NaN.

    Source: the bound of Teflioudi, Gemulla and Mykytiuk (2015), LEMP: a product is at most the product of the lengths.
    """
    candidates = _Candidates.of(items, eligible.allowed)
    barred = eligible.sorted_barred()
    found, scores = open_lists(len(rows), k)

    def work(first: int) -> None:
        part = slice(first, min(first + _ROWS, len(rows)))
        _best_of(rows[part], candidates, barred[part], found[part], scores[part])

    with threadpoolctl.threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(0, len(rows), _ROWS)))
    return found, closed(found, scores)


def _best_of(
    rows: ScoreArray,
    candidates: _Candidates,
    barred: sp.csr_matrix,
    found: CodeArray,
    scores: ScoreArray,
) -> None:
    """Lists of one block of rows; rows that no later item can enter are left out of the products that follow."""
    reach = np.linalg.norm(rows, axis=1) * _SLACK
    buffer = np.empty(len(rows) * _ITEMS, np.float32)
    open_rows = np.arange(len(rows))
    for first in range(0, len(candidates.codes), _ITEMS):
        open_rows = open_rows[reach[open_rows] * candidates.norm[first] >= scores[open_rows, -1]]
        if len(open_rows) == 0:
            return
        codes = candidates.codes[first : first + _ITEMS]
        product = buffer[: len(open_rows) * len(codes)].reshape(len(open_rows), len(codes))
        factors = candidates.factors[first : first + _ITEMS]
        np.dot(rows[open_rows], factors.T, out=product)
        merge(
            product,
            codes,
            open_rows,
            candidates.allowed,
            barred.indptr,
            barred.indices,
            found,
            scores,
        )
