"""Alternating least squares by conjugate gradients, on rows gathered once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import threadpoolctl

from features.arrays import IntArray, ScoreArray

_STEPS: Final = 3
"""Conjugate-gradient steps per row and alternation, as in the implicit library."""

_SMALL: Final = np.float32(1e-20)
"""A squared residual below this is solved."""

_ONE: Final = np.float32(1)
_NONE: Final = np.float32(0)
_FIRST_SPREAD: Final = np.float32(0.01)
_CHUNKS_PER_THREAD: Final = 64


def alternating_least_squares(
    confidence: sp.csr_matrix,
    *,
    factors: int,
    regularization: float,
    iterations: int,
    seed: int,
    threads: int,
) -> tuple[ScoreArray, ScoreArray]:
    """Factors that minimise the confidence-weighted squared error of 1 on stored entries and 0 elsewhere.

    Loss = sum over all cells of c (p - x.y)^2 + regularization (sum |x|^2 + sum |y|^2), where p is 1 and c the entry on
    stored entries, and p is 0 and c is 1 elsewhere. Each row is moved `_STEPS` conjugate-gradient steps from where it
    was. Rows without entries get zeros.

    Args:
        confidence: CSR float32, shape (n_rows, n_columns), entries >= 1.
        factors: length of a factor.
        regularization: ridge penalty, > 0.
        iterations: alternations, rows first.
        seed: of the first factors, uniform in [0, 0.01).
        threads: the result does not depend on it.

    Returns:
        Row factors, shape (n_rows, factors), and column factors, shape (n_columns, factors).

    Source: Hu, Koren and Volinsky (2008); Takács, Pilászy and Tikk (2011) for the conjugate gradients. First factors and
    steps are those of the implicit library, so that losses agree.
    """
    generator = np.random.default_rng(seed)
    n_rows, n_columns = confidence.shape
    rows = generator.random((n_rows, factors), dtype=np.float32) * _FIRST_SPREAD
    columns = generator.random((n_columns, factors), dtype=np.float32) * _FIRST_SPREAD
    across = confidence.T.tocsr()
    with threadpoolctl.threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for _ in range(iterations):
            _solve(confidence, rows, columns, regularization, pool=pool, threads=threads)
            _solve(across, columns, rows, regularization, pool=pool, threads=threads)
    return rows, columns


def _solve(
    confidence: sp.csr_matrix,
    rows: ScoreArray,
    columns: ScoreArray,
    regularization: float,
    *,
    pool: ThreadPoolExecutor,
    threads: int,
) -> None:
    """Move every row factor, in place."""
    penalty = np.float32(regularization) * np.eye(columns.shape[1], dtype=np.float32)
    gram = columns.T @ columns + penalty
    ends = _chunks(confidence.indptr, threads * _CHUNKS_PER_THREAD)

    def work(number: int) -> None:
        _descend(
            confidence.indptr,
            confidence.indices,
            confidence.data,
            rows,
            columns,
            gram,
            ends[number],
            ends[number + 1],
        )

    list(pool.map(work, range(len(ends) - 1)))


def _chunks(indptr: npt.NDArray[np.int32], wanted: int) -> IntArray:
    """Row numbers that cut the rows into runs with about the same number of entries."""
    shares = np.linspace(0, indptr[-1], wanted + 1)
    ends = np.searchsorted(indptr, shares)
    ends[0], ends[-1] = 0, len(indptr) - 1
    return np.unique(ends).astype(np.int64)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _descend(
    indptr: npt.NDArray[np.int32],
    indices: npt.NDArray[np.int32],
    confidence: ScoreArray,
    rows: ScoreArray,
    columns: ScoreArray,
    gram: ScoreArray,
    first: int,
    stop: int,
) -> None:
    factors = columns.shape[1]
    longest = np.max(indptr[first + 1 : stop + 1] - indptr[first:stop])
    room = np.empty((longest, factors), np.float32)
    residual = np.empty(factors, np.float32)
    direction = np.empty(factors, np.float32)
    image = np.empty(factors, np.float32)
    for row in range(first, stop):
        begin, end = indptr[row], indptr[row + 1]
        if begin == end:
            rows[row, :] = 0
            continue
        gathered = room[: end - begin]
        for entry in range(begin, end):
            column = indices[entry]
            for f in range(factors):
                gathered[entry - begin, f] = columns[column, f]
        weight = confidence[begin:end]
        _apply(gathered, weight, gram, rows[row], residual, -_ONE, _ONE)
        square = _square(residual)
        if square < _SMALL:
            continue
        direction[:] = residual
        for _ in range(_STEPS):
            _apply(gathered, weight, gram, direction, image, _ONE, _NONE)
            step = square / _dot(direction, image)
            for f in range(factors):
                rows[row, f] += step * direction[f]
                residual[f] -= step * image[f]
            after = _square(residual)
            if after < _SMALL:
                break
            for f in range(factors):
                direction[f] = residual[f] + after / square * direction[f]
            square = after


@numba.njit(cache=True, nogil=True, fastmath=True)
def _apply(
    gathered: ScoreArray,
    weight: ScoreArray,
    gram: ScoreArray,
    x: ScoreArray,
    result: ScoreArray,
    sign: Any,
    target: Any,
) -> None:
    """Result = sign * (gram + sum of (c - 1) y y') x + target * sum of c y, over the row's columns y and confidences c.

    Columns are taken in pairs: the result is read and written half as often.
    """
    _times(gram, x, result, sign)
    paired = len(weight) - len(weight) % 2
    for entry in range(0, paired, 2):
        one, other = np.float32(0), np.float32(0)
        for f in range(len(x)):
            one += gathered[entry, f] * x[f]
            other += gathered[entry + 1, f] * x[f]
        one = _pull(weight[entry], one, sign, target)
        other = _pull(weight[entry + 1], other, sign, target)
        for f in range(len(x)):
            result[f] += one * gathered[entry, f] + other * gathered[entry + 1, f]
    for entry in range(paired, len(weight)):
        pull = _pull(weight[entry], _dot(gathered[entry], x), sign, target)
        for f in range(len(x)):
            result[f] += pull * gathered[entry, f]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _pull(c: Any, product: Any, sign: Any, target: Any) -> Any:
    return target * c + sign * (c - np.float32(1)) * product


@numba.njit(cache=True, nogil=True, fastmath=True)
def _times(gram: ScoreArray, x: ScoreArray, result: ScoreArray, sign: Any) -> None:
    """Result = sign * gram x; gram is symmetric, so its rows are added up, four at a time."""
    result[:] = 0
    whole = len(x) - len(x) % 4
    for row in range(0, whole, 4):
        a, b, c, d = sign * x[row], sign * x[row + 1], sign * x[row + 2], sign * x[row + 3]
        for f in range(len(x)):
            upper = a * gram[row, f] + b * gram[row + 1, f]
            result[f] += upper + c * gram[row + 2, f] + d * gram[row + 3, f]
    for row in range(whole, len(x)):
        for f in range(len(x)):
            result[f] += sign * x[row] * gram[row, f]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _dot(one: ScoreArray, other: ScoreArray) -> Any:
    total = np.float32(0)
    for f in range(len(one)):
        total += one[f] * other[f]
    return total


@numba.njit(cache=True, nogil=True, fastmath=True)
def _square(vector: ScoreArray) -> Any:
    return _dot(vector, vector)
