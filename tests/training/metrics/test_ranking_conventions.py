"""The same lists in other libraries: equal where the definitions agree, and by how much they differ where not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from implicit.evaluation import ranking_metrics_at_k

from training.metrics.ranking import (
    Relevant,
    average_precision_at_k,
    coverage_at_k,
    hit_rate_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    recall_capped_at_k,
    reciprocal_rank_at_k,
)

K = 4
LISTS = np.array([[7, 3, 9, 1], [2, 4, 6, 8], [5, 1, -1, -1], [-1, -1, -1, -1]], np.int32)
"""A hit at rank 2; four hits; a list of two with a hit at rank 2; nobody recommended anything."""

WANTED = ({3, 8}, {1, 2, 3, 4, 6, 8}, {1}, {2})
COUNTS = np.array([2, 6, 1, 1])
N_ITEMS = 11

SECOND = 0.630929753571  # 1 / log2(3)
RECTOOLS = {
    # RecTools 0.19.0, calc_per_user at k = 4
    "Precision": [0.25, 1.0, 0.25, 0.0],
    "Precision(r_precision)": [0.5, 1.0, 1.0, 0.0],
    "Recall": [0.5, 0.666666666667, 1.0, 0.0],
    "NDCG(divide_by_achievable)": [0.386852807235, 1.0, SECOND, 0.0],
    "NDCG": [0.246302388741, 1.0, 0.246302388741, 0.0],
    "MRR": [0.5, 1.0, 0.5, 0.0],
    "HitRate": [1.0, 1.0, 1.0, 0.0],
    "MAP": [0.25, 0.666666666667, 0.5, 0.0],
    "MAP(divide_by_k)": [0.125, 1.0, 0.125, 0.0],
}
RECTOOLS_COVERAGE = 0.9  # CatalogCoverage(k=4, normalize=True), catalog 1 ... 10


def _relevant(wanted):
    pairs = [(row, item) for row, items in enumerate(wanted) for item in items]
    return Relevant.from_pairs(*zip(*pairs, strict=True), n_rows=len(wanted))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (precision_at_k, "Precision"),
        (recall_at_k, "Recall"),
        (recall_capped_at_k, "Precision(r_precision)"),
        (ndcg_at_k, "NDCG(divide_by_achievable)"),
        (reciprocal_rank_at_k, "MRR"),
        (hit_rate_at_k, "HitRate"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_equal_to_rectools_where_definitions_agree(ours, theirs):
    np.testing.assert_allclose(ours(LISTS, _relevant(WANTED), k=K), RECTOOLS[theirs], rtol=1e-11)


def test_average_precision_differs_from_rectools_by_its_denominator_alone():
    ours = average_precision_at_k(LISTS, _relevant(WANTED), k=K) * np.minimum(COUNTS, K)
    np.testing.assert_allclose(ours / COUNTS, RECTOOLS["MAP"], rtol=1e-11)
    np.testing.assert_allclose(ours / K, RECTOOLS["MAP(divide_by_k)"], rtol=1e-11)


def test_rectools_compares_with_k_hits_by_default_whoever_has_fewer_relevant_items():
    ideal = np.cumsum(1 / np.log2(np.arange(2, K + 2)))
    ours = ndcg_at_k(LISTS, _relevant(WANTED), k=K)
    found = ours * ideal[np.minimum(COUNTS, K) - 1] / ideal[-1]
    np.testing.assert_allclose(found, RECTOOLS["NDCG"], rtol=1e-11)


def test_coverage_is_that_of_rectools():
    assert coverage_at_k(LISTS - (LISTS > 0), n_items=10, k=K) == RECTOOLS_COVERAGE


class _Shown:
    """A model of implicit's protocol that recommends given lists."""

    def __init__(self, lists):
        self._lists = lists

    def recommend(self, persons, _rows, N, **_options):  # noqa: N803 - their name
        return self._lists[persons, :N], np.zeros((len(persons), N), np.float32)


def _implicit(lists, wanted, n_items, k):
    relevant = _relevant(wanted)
    shape = (len(wanted), n_items)
    held = sp.csr_matrix(
        (np.ones(len(relevant.row), np.float32), (relevant.row, relevant.item)), shape
    )
    nothing = sp.csr_matrix(shape, dtype=np.float32)
    return ranking_metrics_at_k(
        _Shown(lists), nothing, held, K=k, show_progress=False, num_threads=1
    )


@pytest.mark.parametrize("seed", range(5))
def test_equal_to_implicit_where_definitions_agree(seed):
    """Its MAP and nDCG are ours; its precision is hits over min(k, relevant items), pooled over persons."""
    rng = np.random.default_rng(seed)
    lists = np.argsort(rng.random((60, 30)), axis=1)[:, :10].astype(np.int32)
    lists[rng.random(60) < 0.2, 6:] = -1
    wanted = [set(rng.choice(30, rng.integers(1, 16), replace=False).tolist()) for _ in range(60)]
    relevant = _relevant(wanted)
    theirs = _implicit(lists, wanted, 30, 10)
    assert ndcg_at_k(lists, relevant, k=10).mean() == pytest.approx(theirs["ndcg"], rel=1e-9)
    assert average_precision_at_k(lists, relevant, k=10).mean() == pytest.approx(
        theirs["map"], rel=1e-9
    )
    most = np.minimum(relevant.counts(), 10)
    pooled = (recall_capped_at_k(lists, relevant, k=10) * most).sum() / most.sum()
    assert pooled == pytest.approx(theirs["precision"], rel=1e-9)


def test_the_same_lists_under_each_librarys_name():
    """The table of training/metrics/README.md."""
    relevant, implicit = _relevant(WANTED), _implicit(LISTS, WANTED, N_ITEMS, K)
    ours = {
        "precision": precision_at_k(LISTS, relevant, k=K).mean(),
        "ndcg": ndcg_at_k(LISTS, relevant, k=K).mean(),
        "map": average_precision_at_k(LISTS, relevant, k=K).mean(),
        "recall": recall_at_k(LISTS, relevant, k=K).mean(),
    }
    assert {name: round(value, 3) for name, value in ours.items()} == {
        "precision": 0.375,
        "ndcg": 0.504,
        "map": 0.438,
        "recall": 0.542,
    }
    assert [round(implicit[name], 3) for name in ("precision", "ndcg", "map")] == [
        0.75,
        0.504,
        0.438,
    ]
    named = ("Precision", "NDCG", "MAP", "Recall")
    assert [round(np.mean(RECTOOLS[name]), 3) for name in named] == [0.375, 0.373, 0.354, 0.542]
