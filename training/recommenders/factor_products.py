"""Exact top-k of products of factors, without ever holding all scores: blocks of the product, masked and merged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import threadpoolctl

from features.arrays import CodeArray, IntArray, ScoreArray
from training.recommenders.top_k import NO_ITEM, Eligible

_ROWS: Final = 512
_ITEMS: Final = 2_048
_STRIP: Final = 64
"""Scores compared with a row's worst kept one in one go: most strips hold nothing better."""

_BARRED: Final = np.float32(np.finfo(np.float32).min)
"""Finite, since the kernels are compiled for finite numbers."""


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
    """
    kept = np.flatnonzero(eligible.allowed).astype(np.int32)
    everything = len(kept) == len(items)
    columns = np.ascontiguousarray(items.T if everything else items[kept].T)
    barred = sp.csr_matrix(eligible.barred if everything else eligible.barred[:, kept])
    if not barred.has_sorted_indices:
        barred = barred.sorted_indices()
    found = np.full((len(rows), k), NO_ITEM, np.int32)
    scores = np.zeros((len(rows), k), np.float32)

    def work(first: int) -> None:
        part = slice(first, first + _ROWS)
        pointers = barred.indptr[first : first + _ROWS + 1]
        _best_of(rows[part], columns, pointers, barred.indices, found[part], scores[part])

    with threadpoolctl.threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(0, len(rows), _ROWS)))
    scores[found == NO_ITEM] = np.nan
    return (found if everything else np.append(kept, np.int32(NO_ITEM))[found]), scores


def _best_of(
    rows: ScoreArray,
    columns: ScoreArray,
    indptr: npt.NDArray[np.int32],
    barred: npt.NDArray[np.int32],
    found: CodeArray,
    scores: ScoreArray,
) -> None:
    """One block of rows against all items, a block of items at a time in one buffer that stays in the cache."""
    n_items = columns.shape[1]
    buffer = np.empty(len(rows) * min(_ITEMS, n_items), np.float32)
    cursor = indptr[:-1].astype(np.int64)
    for first in range(0, n_items, _ITEMS):
        stop = min(first + _ITEMS, n_items)
        product = buffer[: len(rows) * (stop - first)].reshape(len(rows), stop - first)
        np.dot(rows, columns[:, first:stop], out=product)
        _bar(product, cursor, indptr, barred, first, stop)
        _merge(product, first, found, scores)


@numba.njit(cache=True, nogil=True)
def _bar(
    product: ScoreArray,
    cursor: IntArray,
    indptr: npt.NDArray[np.int32],
    barred: npt.NDArray[np.int32],
    first: int,
    stop: int,
) -> None:
    for row in range(product.shape[0]):
        while cursor[row] < indptr[row + 1] and barred[cursor[row]] < stop:
            # the items of a row are sorted; were they not, nothing outside the block may be written
            if barred[cursor[row]] >= first:
                product[row, barred[cursor[row]] - first] = _BARRED
            cursor[row] += 1


@numba.njit(cache=True, nogil=True, fastmath=True)
def _merge(product: ScoreArray, base: int, found: CodeArray, scores: ScoreArray) -> None:
    n_rows, n_items = product.shape
    k = scores.shape[1]
    for row in range(n_rows):
        worst = scores[row, k - 1]
        for strip in range(0, n_items, _STRIP):
            stop = min(strip + _STRIP, n_items)
            best = product[row, strip]
            for item in range(strip + 1, stop):
                best = max(best, product[row, item])
            if best <= worst:
                continue
            for item in range(strip, stop):
                score = product[row, item]
                if score > worst:
                    place = k - 1
                    # of equal scores the one met first, with the lower code, stays in front
                    while place > 0 and scores[row, place - 1] < score:
                        scores[row, place] = scores[row, place - 1]
                        found[row, place] = found[row, place - 1]
                        place -= 1
                    scores[row, place] = score
                    found[row, place] = base + item
                    worst = scores[row, k - 1]
