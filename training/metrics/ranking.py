"""Ranking metrics on lists of items: one value per person, then the mean over all evaluated persons.

Conventions, the same for every metric here. A person with no relevant item is not evaluated: NaN, left out of the mean
and counted by the caller. A person who got no recommendation counts 0. A relevant item the model could not know stays
in the denominator. Relevance is binary.

`repeat` and `novel` targets restrict the *relevant set*, never the list: the list is what the person would be shown,
and one list has to serve both. So `repeat` plus `novel` hits are the `all` hits, and a list of repeat items scores 0 on
`novel` rather than being scored on a list nobody would see.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from features.arrays import BoolArray, CodeArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Relevant:
    """Relevant items per person, ragged.

    Attributes:
        row: shape (n_pairs,), person row, rising.
        item: shape (n_pairs,), item code >= 0, rising within a row, no pair twice.
        n_rows: number of persons, with or without relevant items.
    """

    row: IntArray
    item: IntArray
    n_rows: int

    @classmethod
    def from_pairs(cls, row: npt.ArrayLike, item: npt.ArrayLike, *, n_rows: int) -> Relevant:
        """From (row, item) pairs in any order; repeated pairs count once."""
        items = np.asarray(item, np.int64)
        shape = (n_rows, 1 + items.max(initial=0))
        held = np.ones(len(items), np.bool_)
        pairs = sp.coo_matrix((held, (np.asarray(row, np.int64), items)), shape=shape).tocsr()
        pairs.sum_duplicates()
        rows = np.repeat(np.arange(n_rows), np.diff(pairs.indptr))
        return cls(rows, pairs.indices.astype(np.int64), n_rows)

    def where(self, keep: BoolArray) -> Relevant:
        """The pairs chosen by a mask, shape (n_pairs,)."""
        return Relevant(self.row[keep], self.item[keep], self.n_rows)

    @cached_property
    def offsets(self) -> IntArray:
        """Pairs of row r are `offsets[r]:offsets[r + 1]`, shape (n_rows + 1,)."""
        return np.searchsorted(self.row, np.arange(self.n_rows + 1))

    def counts(self) -> IntArray:
        """Number of relevant items per person, shape (n_rows,)."""
        return np.diff(self.offsets)

    def among(self, row: IntArray, item: IntArray | CodeArray) -> BoolArray:
        """Whether each relevant pair is one of the given pairs, shape (n_pairs,)."""
        known = item >= 0
        width = 1 + max(self.item.max(initial=0), np.max(item, initial=0))
        found: BoolArray = np.isin(self.row * width + self.item, row[known] * width + item[known])
        return found


def hits(recommended: CodeArray, relevant: Relevant, *, k: int) -> BoolArray:
    """Whether each of the first k recommended items is relevant.

    Args:
        recommended: item codes, shape (n_rows, >= k), best first, no item twice in a row; -1 = no recommendation.
        relevant: relevant items of the same rows.
        k: length of the list judged, >= 1.

    Returns:
        Shape (n_rows, k).

    Raises:
        ValueError: k < 1, fewer than k columns, or another number of rows.
    """
    if not 1 <= k <= recommended.shape[1]:
        raise ValueError(f"k is {k}; lists hold {recommended.shape[1]} items, so 1 <= k is needed")
    if len(recommended) != relevant.n_rows:
        raise ValueError(f"{len(recommended)} lists for {relevant.n_rows} rows of relevant items")
    found: BoolArray = _found(recommended[:, :k], relevant.offsets, relevant.item)
    return found


def precision_at_k(recommended: CodeArray, relevant: Relevant, *, k: int) -> FloatArray:
    """Hits in the first k, divided by k (also where fewer than k were recommended or are relevant).

    Returns:
        Shape (n_rows,), in [0, 1]; NaN where a person has no relevant item.

    Example:
        >>> relevant = Relevant.from_pairs([0, 0, 0], [1, 3, 9], n_rows=1)
        >>> precision_at_k(np.array([[1, 2]]), relevant, k=2)
        array([0.5])
    """
    return _evaluated(hits(recommended, relevant, k=k).sum(axis=1) / k, relevant)


def recall_at_k(recommended: CodeArray, relevant: Relevant, *, k: int) -> FloatArray:
    """Share of a person's relevant items found in the first k; the denominator is their number, not min(k, it).

    Returns:
        Shape (n_rows,), in [0, 1]; NaN where a person has no relevant item. With more than k relevant items 1 cannot be
        reached.

    Invariants: never falls as k grows.

    Example:
        >>> relevant = Relevant.from_pairs([0, 0, 0], [1, 3, 9], n_rows=1)
        >>> recall_at_k(np.array([[1, 2]]), relevant, k=2)
        array([0.33333333])
    """
    found = hits(recommended, relevant, k=k).sum(axis=1)
    return _evaluated(found / np.maximum(relevant.counts(), 1), relevant)


def ndcg_at_k(recommended: CodeArray, relevant: Relevant, *, k: int) -> FloatArray:
    """Discounted gain of the hits over that of an ideal list of min(k, number of relevant items) hits.

    Gain is 1 per hit, the discount at rank r (from 1) is 1 / log2(r + 1).

    Returns:
        Shape (n_rows,), in [0, 1]; NaN where a person has no relevant item.

    Source: Järvelin and Kekäläinen (2002), binary relevance.

    Example:
        >>> relevant = Relevant.from_pairs([0, 0, 0], [1, 3, 9], n_rows=1)
        >>> ndcg_at_k(np.array([[1, 2]]), relevant, k=2)   # 1 / (1 + 1 / log2(3))
        array([0.61314719])
    """
    discount = 1 / np.log2(np.arange(2, k + 2))
    gain = hits(recommended, relevant, k=k) @ discount
    ideal = np.concatenate([[1.0], np.cumsum(discount)])[np.minimum(relevant.counts(), k)]
    return _evaluated(gain / ideal, relevant)


def hit_rate_at_k(recommended: CodeArray, relevant: Relevant, *, k: int) -> FloatArray:
    """1 where any of the first k is relevant, else 0; with one relevant item per row this is recall.

    Session papers call it P@k.

    Returns:
        Shape (n_rows,), 0 or 1; NaN where a person has no relevant item.

    Example:
        >>> relevant = Relevant.from_pairs([0, 0, 1], [1, 3, 5], n_rows=2)
        >>> hit_rate_at_k(np.array([[1, 3], [1, 3]]), relevant, k=2)
        array([1., 0.])
    """
    any_hit = np.asarray(hits(recommended, relevant, k=k).any(axis=1), np.float64)
    return _evaluated(any_hit, relevant)


def reciprocal_rank_at_k(recommended: CodeArray, relevant: Relevant, *, k: int) -> FloatArray:
    """1 / rank of the first hit among the first k, 0 without one; its mean is MRR@k.

    Returns:
        Shape (n_rows,), in [0, 1]; NaN where a person has no relevant item.

    Example:
        >>> relevant = Relevant.from_pairs([0, 0], [3, 9], n_rows=1)
        >>> reciprocal_rank_at_k(np.array([[1, 3, 9]]), relevant, k=3)
        array([0.5])
    """
    found = hits(recommended, relevant, k=k)
    first: FloatArray = found.any(axis=1) / np.add(1.0, found.argmax(axis=1), dtype=np.float64)
    return _evaluated(first, relevant)


def recall_capped_at_k(recommended: CodeArray, relevant: Relevant, *, k: int) -> FloatArray:
    """Hits in the first k over min(k, number of relevant items), so that 1 can always be reached.

    Returns:
        Shape (n_rows,), in [0, 1]; NaN where a person has no relevant item.

    Example:
        >>> relevant = Relevant.from_pairs([0, 0, 0], [1, 3, 9], n_rows=1)
        >>> recall_capped_at_k(np.array([[1, 2]]), relevant, k=2)
        array([0.5])
    """
    found = hits(recommended, relevant, k=k).sum(axis=1)
    return _evaluated(found / np.clip(relevant.counts(), 1, k), relevant)


def average_precision_at_k(recommended: CodeArray, relevant: Relevant, *, k: int) -> FloatArray:
    """Sum over hits in the first k of (hits so far / rank), over min(k, number of relevant items); its mean is MAP@k.

    Returns:
        Shape (n_rows,), in [0, 1]; NaN where a person has no relevant item.

    Example:
        >>> relevant = Relevant.from_pairs([0, 0, 0], [1, 3, 9], n_rows=1)
        >>> average_precision_at_k(np.array([[1, 2, 9]]), relevant, k=3)   # (1 / 1 + 2 / 3) / 3
        array([0.55555556])
    """
    found = hits(recommended, relevant, k=k)
    precision = found.cumsum(axis=1) / np.arange(1, k + 1)
    total = (precision * found).sum(axis=1)
    return _evaluated(total / np.clip(relevant.counts(), 1, k), relevant)


def coverage_at_k(recommended: CodeArray, *, n_items: int, k: int) -> float:
    """Share of the recommendable items that appear in the first k of at least one list.

    Args:
        recommended: item codes below `n_items`, shape (n_rows, >= k); -1 = no recommendation.
        n_items: number of recommendable items, >= 1.
        k: length of the list judged.
    """
    return float((_exposures(recommended, n_items=n_items, k=k) > 0).mean())


def exposure_gini(recommended: CodeArray, *, n_items: int, k: int) -> float:
    """Gini coefficient of how often each recommendable item appears in the first k.

    Returns:
        0 when every item is shown equally often, (n_items - 1) / n_items when one item takes every place; NaN when
        nothing is recommended. Items never shown count as 0 exposures.
    """
    shown = np.sort(_exposures(recommended, n_items=n_items, k=k))
    if shown.sum() == 0:
        return float("nan")
    rank = np.arange(1, n_items + 1)
    return float((2 * rank - n_items - 1) @ shown / (n_items * shown.sum()))


def popularity_bias(recommended: CodeArray, popularity: FloatArray, *, k: int) -> float:
    """Mean popularity of the items in the first k over the mean popularity of all items.

    Args:
        recommended: item codes, shape (n_rows, >= k); -1 = no recommendation.
        popularity: persons per item before the cut-off, shape (n_items,).
        k: length of the list judged.

    Returns:
        1 when lists are drawn from all items alike; NaN when nothing is recommended or nothing is popular.
    """
    shown = recommended[:, :k]
    shown = shown[shown >= 0]
    if len(shown) == 0 or popularity.sum() == 0:
        return float("nan")
    return float(popularity[shown].mean() / popularity.mean())


def _exposures(recommended: CodeArray, *, n_items: int, k: int) -> IntArray:
    shown = recommended[:, :k]
    return np.bincount(shown[shown >= 0], minlength=n_items).astype(np.int64)


@numba.njit(cache=True, nogil=True)
def _found(recommended: CodeArray, offsets: IntArray, item: IntArray) -> BoolArray:
    """Whether each recommended item is among the row's own: few enough that looking at each without a branch is fastest."""
    found = np.zeros(recommended.shape, np.bool_)
    for row in range(recommended.shape[0]):
        own = item[offsets[row] : offsets[row + 1]]
        for rank in range(recommended.shape[1]):
            wanted = recommended[row, rank]
            same = False
            for place in range(len(own)):
                same |= own[place] == wanted
            found[row, rank] = same
    return found


def _evaluated(values: npt.NDArray[np.float64], relevant: Relevant) -> FloatArray:
    return np.where(relevant.counts() > 0, values, np.nan)
