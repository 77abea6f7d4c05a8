"""Our alternating least squares, against the implicit library and against exact solutions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import threadpoolctl
from implicit.cpu._als import calculate_loss
from implicit.cpu.als import AlternatingLeastSquares

from training.recommenders.als import Als, AlsConfig
from training.recommenders.als_solver import alternating_least_squares


@pytest.fixture(scope="module")
def confidence():
    """6,000 rows by 2,000 columns with popular columns, an empty row and an empty column."""
    rng = np.random.default_rng(8)
    row = rng.integers(1, 6_000, 100_000)
    column = (1_999 * rng.random(100_000) ** 2).astype(np.int64)
    shape = (6_000, 2_000)
    matrix = sp.coo_matrix((np.ones(len(row), np.float32), (row, column)), shape=shape).tocsr()
    matrix.data = (1 + 10 * np.log1p(matrix.data)).astype(np.float32)
    return matrix


def _implicit(confidence, *, iterations):
    with threadpoolctl.threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=32, regularization=0.3, iterations=iterations, num_threads=2, random_state=0
        )
        model.fit(confidence, show_progress=False)
    return model.user_factors, model.item_factors


def _ours(confidence, *, iterations, threads=2):
    return alternating_least_squares(
        confidence, factors=32, regularization=0.3, iterations=iterations, seed=0, threads=threads
    )


@pytest.mark.parametrize("iterations", [1, 3, 10])
def test_the_loss_is_that_of_implicit(confidence, iterations):
    losses = [
        calculate_loss(confidence, rows, columns, 0.3, num_threads=1)
        for rows, columns in (
            _ours(confidence, iterations=iterations),
            _implicit(confidence, iterations=iterations),
        )
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_three_factors_are_solved_exactly(confidence):
    """Conjugate gradients end after as many steps as there are factors: then (Y'CY + penalty) x = Y'C p."""
    rows, _ = alternating_least_squares(
        confidence, factors=3, regularization=0.3, iterations=1, seed=1, threads=2
    )
    generator = np.random.default_rng(1)
    generator.random((6_000, 3), dtype=np.float32)
    first = generator.random((2_000, 3), dtype=np.float32).astype(np.float64) * 0.01
    for row in (1, 17, 600):
        weights = confidence[row]
        y, c = first[weights.indices], weights.data.astype(np.float64)
        left = first.T @ first + 0.3 * np.eye(3) + (y.T * (c - 1)) @ y
        np.testing.assert_allclose(rows[row], np.linalg.solve(left, y.T @ c), rtol=1e-4)


def test_rows_and_columns_without_entries_get_zeros(confidence):
    rows, columns = _ours(confidence, iterations=2)
    assert confidence[0].nnz == 0
    assert confidence[:, 1_999].nnz == 0
    np.testing.assert_array_equal(rows[0], 0)
    np.testing.assert_array_equal(columns[1_999], 0)


def test_threads_change_nothing(confidence):
    one, two = (_ours(confidence, iterations=2, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_implicit_stays_selectable(histories, cutoff):
    everyone = histories.everyone(cutoff)
    ours, theirs = (
        Als(AlsConfig(factors=3, seed=1, solver=solver)).fit(everyone)
        for solver in ("gathered", "implicit")
    )
    np.testing.assert_allclose(ours._factors, theirs._factors, rtol=1e-3, atol=1e-4)
    assert not np.array_equal(ours._factors, theirs._factors)
    np.testing.assert_array_equal(
        ours.recommend(everyone, k=5).items, theirs.recommend(everyone, k=5).items
    )
