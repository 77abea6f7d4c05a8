"""The fused kernel, against a full sort of the whole product."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from training.recommenders.factor_products import top_k_product
from training.recommenders.top_k import Eligible


def _expected(scores, k, allowed, barred):
    """Codes and scores of a stable sort, -1 and NaN where fewer than k are eligible and above 0."""
    scores = np.where(allowed[None, :] & ~barred, scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(scores, order, axis=1)
    items = np.full((len(scores), k), -1)
    values = np.full((len(scores), k), np.nan)
    items[:, : order.shape[1]] = np.where(best > 0, order, -1)
    values[:, : order.shape[1]] = np.where(best > 0, best, np.nan)
    return items, values


@pytest.mark.parametrize("n_items", [1, 63, 200, 2_048, 5_000])
@pytest.mark.parametrize("n_rows", [1, 511, 700])
def test_blocks_equal_a_full_sort(n_rows, n_items):
    """Factors of small whole numbers: products are exact, and ties are everywhere."""
    rng = np.random.default_rng(n_rows + n_items)
    rows = rng.integers(-2, 3, (n_rows, 4)).astype(np.float32)
    items = rng.integers(-2, 3, (n_items, 4)).astype(np.float32)
    allowed = rng.random(n_items) < 0.9
    barred = rng.random((n_rows, n_items)) < 0.3
    eligible = Eligible(allowed, sp.csr_matrix(barred))
    found, scores = top_k_product(rows, items, k=7, eligible=eligible, threads=2)
    expected, values = _expected(rows @ items.T, 7, allowed, barred)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scores, values)
    assert (found.dtype, scores.dtype) == (np.int32, np.float32)


def test_unsorted_barred_items_are_barred_too():
    """The blocks walk along sorted items; 3,000 lies in the second block, 5 in the first."""
    items = np.ones((4_000, 1), np.float32)
    items[5], items[3_000] = 3, 4
    barred = sp.csr_matrix(
        (np.ones(2), np.array([3_000, 5]), np.array([0, 2, 2])), shape=(2, 4_000)
    )
    eligible = Eligible(np.ones(4_000, np.bool_), barred)
    found, _ = top_k_product(np.ones((2, 1), np.float32), items, k=2, eligible=eligible, threads=1)
    assert found.tolist() == [[0, 1], [3_000, 5]]


def test_threads_change_nothing():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(1_500, 8)).astype(np.float32)
    items = rng.normal(size=(3_000, 8)).astype(np.float32)
    eligible = Eligible.everything(1_500, 3_000)
    one, two = (
        top_k_product(rows, items, k=10, eligible=eligible, threads=threads) for threads in (1, 2)
    )
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_a_tie_goes_to_the_lower_code_even_when_its_factor_comes_last():
    """All products are 1; item 0 has the shortest factor, so it lies in the last block, at the very bound."""
    items = np.tile(np.array([1, 5], np.float32), (5_000, 1))
    items[0] = 1, 0
    row = np.array([[1, 0]], np.float32)
    found, _ = top_k_product(row, items, k=3, eligible=Eligible.everything(1, 5_000), threads=1)
    assert found.tolist() == [[0, 1, 2]]


def test_rows_stop_where_no_later_item_can_reach_their_list(monkeypatch):
    """Items fall in length: 1,000 times as long in the first block. The row along it stops there."""
    rng = np.random.default_rng(5)
    items = rng.random((6_000, 2)).astype(np.float32)
    items[:2_048, 0] += 1_000
    items[:2_048, 1] = 0
    rows = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    products = []
    dot = np.dot
    monkeypatch.setattr(
        "numpy.dot", lambda a, b, out: products.append((len(a), b.shape[1])) or dot(a, b, out=out)
    )
    found, scores = top_k_product(
        rows, items, k=4, eligible=Eligible.everything(3, 6_000), threads=1
    )
    expected, values = _expected(
        rows @ items.T, 4, np.ones(6_000, bool), np.zeros((3, 6_000), bool)
    )
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scores, values)
    # the short row stops too, where factors are shorter than the worst item it keeps
    assert products == [(2, 2_048), (1, 2_048)]
