"""The kernels, against a sort."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from training.recommenders.top_k import Eligible, fill_popular, top_k_dense, top_k_sparse

scores_with_ties = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(1, 12)),
    elements=st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]),
)


def _eligible(allowed, barred):
    return Eligible(np.asarray(allowed, bool), sp.csr_matrix(np.asarray(barred, bool)))


def _expected(row, k, allowed, barred):
    order = [
        i
        for i in np.lexsort((np.arange(len(row)), -row))
        if row[i] > 0 and allowed[i] and not barred[i]
    ]
    return order[:k] + [-1] * (k - len(order))


@given(scores_with_ties, st.integers(1, 14), st.integers(0, 2**12 - 1), st.integers(0, 2**12 - 1))
def test_both_kernels_equal_a_full_sort(scores, k, bits, barred_bits):
    allowed = np.array([bits >> i & 1 for i in range(scores.shape[1])], bool)
    n_rows, n_items = scores.shape
    barred = np.array(
        [[barred_bits >> (row + i) & 1 for i in range(n_items)] for row in range(n_rows)], bool
    )
    eligible = _eligible(allowed, barred)
    sparse = sp.csr_matrix(scores)
    # entries in falling order of column: the kernel may not rely on sorted indices
    for row in range(len(scores)):
        part = slice(sparse.indptr[row], sparse.indptr[row + 1])
        sparse.indices[part] = sparse.indices[part][::-1].copy()
        sparse.data[part] = sparse.data[part][::-1].copy()
    expected = [
        _expected(row, k, allowed, kept_away) for row, kept_away in zip(scores, barred, strict=True)
    ]
    for items, best in (
        top_k_dense(scores, k=k, eligible=eligible),
        top_k_sparse(sparse, k=k, eligible=eligible),
    ):
        np.testing.assert_array_equal(items, expected)
        padded = np.column_stack([scores, np.full(len(scores), np.nan, np.float32)])
        np.testing.assert_array_equal(best, np.take_along_axis(padded, items, axis=1))


def test_popular_items_fill_the_end_and_skip_what_is_there():
    items = np.array([[4, -1, -1], [-1, -1, -1], [0, 1, 2], [-1, -1, -1]], np.int32)
    scores = np.where(items >= 0, np.float32(1), np.float32(np.nan))
    barred = [[0] * 5, [0] * 5, [0] * 5, [1, 0, 0, 0, 0]]
    eligible = _eligible([True, True, False, True, True], barred)
    fill_popular(items, scores, popular=np.array([4, 2, 0], np.int32), eligible=eligible)
    np.testing.assert_array_equal(items, [[4, 0, -1], [4, 0, -1], [0, 1, 2], [4, -1, -1]])
    np.testing.assert_array_equal(
        scores, [[1, -3, np.nan], [-1, -3, np.nan], [1, 1, 1], [-1, np.nan, np.nan]]
    )
