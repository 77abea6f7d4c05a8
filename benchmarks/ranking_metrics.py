"""Precision, recall and nDCG of lists of ten, against a loop over persons with sets."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.case import Case
from benchmarks.ranked_lists import K, Lists, make_lists
from features.arrays import FloatArray
from training.metrics.ranking import ndcg_at_k, precision_at_k, recall_at_k

PERSONS = 100_000
ITEMS = 32_768


def case(scale: float = 1.0) -> Case[FloatArray]:
    """One row per metric, one column per person; the loop's sets are built beforehand, untimed."""
    lists = make_lists(persons=int(PERSONS * scale), items=ITEMS)
    starts = np.searchsorted(lists.relevant.row, np.arange(1, lists.relevant.n_rows))
    wanted = [set(items.tolist()) for items in np.split(lists.relevant.item, starts)]
    return Case(
        task=f"three ranking metrics @{K}: {lists.relevant.n_rows:,} persons",
        rows=lists.relevant.n_rows,
        ours=lambda: _ours(lists),
        peer_name="Python loop over persons",
        peer=lambda: _with_loop(lists.recommended.tolist(), wanted),
        require_equal=lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-12),
    )


def _ours(lists: Lists) -> FloatArray:
    metrics = (precision_at_k, recall_at_k, ndcg_at_k)
    return np.array([metric(lists.recommended, lists.relevant, k=K) for metric in metrics])


def _with_loop(recommended: list[list[int]], wanted: list[set[int]]) -> FloatArray:
    discount = [1 / math.log2(rank + 1) for rank in range(1, K + 1)]
    ideal = [sum(discount[:count]) for count in range(K + 1)]
    found = []
    for items, relevant in zip(recommended, wanted, strict=True):
        hit = [item in relevant for item in items]
        gain = sum(share for share, is_hit in zip(discount, hit, strict=True) if is_hit)
        found.append((sum(hit) / K, sum(hit) / len(relevant), gain / ideal[min(len(relevant), K)]))
    return np.array(found).T
