from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score

from training.metrics.ranking import (
    Relevant,
    average_precision_at_k,
    coverage_at_k,
    exposure_gini,
    hit_rate_at_k,
    hits,
    ndcg_at_k,
    popularity_bias,
    precision_at_k,
    recall_at_k,
    recall_capped_at_k,
    reciprocal_rank_at_k,
)

N_ITEMS = 12


@st.composite
def worlds(draw):
    """Lists of distinct items with free ends, and relevant sets, some empty."""
    n_rows = draw(st.integers(1, 6))
    k = draw(st.integers(1, 8))
    lists = np.full((n_rows, k), -1, np.int32)
    truth = []
    for row in range(n_rows):
        order = draw(st.permutations(range(N_ITEMS)))
        length = draw(st.integers(0, k))
        lists[row, :length] = order[:length]
        truth.append(draw(st.sets(st.integers(0, N_ITEMS - 1))))
    return lists, truth, k


def _relevant(truth):
    pairs = [(row, item) for row, items in enumerate(truth) for item in items]
    row, item = zip(*pairs, strict=True) if pairs else ((), ())
    return Relevant.from_pairs(row, item, n_rows=len(truth))


def _slow(lists, truth, k):
    """Definitions, one person at a time."""
    rows = []
    for items, wanted in zip(lists, truth, strict=True):
        if not wanted:
            rows.append((np.nan, np.nan, np.nan))
            continue
        found = [int(item in wanted) for item in items[:k]]
        gain = sum(hit / np.log2(rank + 2) for rank, hit in enumerate(found))
        ideal = sum(1 / np.log2(rank + 2) for rank in range(min(k, len(wanted))))
        rows.append((sum(found) / k, sum(found) / len(wanted), gain / ideal))
    return np.array(rows).T


@given(worlds())
def test_equal_to_the_definitions_one_person_at_a_time(world):
    lists, truth, k = world
    found = [
        metric(lists, _relevant(truth), k=k) for metric in (precision_at_k, recall_at_k, ndcg_at_k)
    ]
    np.testing.assert_allclose(found, _slow(lists, truth, k), rtol=1e-12)


@given(worlds(), st.randoms())
def test_the_order_of_persons_changes_nothing_and_recall_grows(world, random):
    lists, truth, k = world
    order = list(range(len(truth)))
    random.shuffle(order)
    shuffled = recall_at_k(lists[order], _relevant([truth[row] for row in order]), k=k)
    whole = recall_at_k(lists, _relevant(truth), k=k)
    np.testing.assert_array_equal(shuffled, whole[order])
    shorter = recall_at_k(lists, _relevant(truth), k=max(1, k - 1))
    assert not (shorter > whole).any()


def test_ndcg_agrees_with_scikit_learn():
    """Where the definitions agree: full lists, distinct scores, at least one relevant item."""
    rng = np.random.default_rng(3)
    truth = rng.random((40, N_ITEMS)) < 0.3
    truth[:, 0] |= ~truth.any(axis=1)
    scores = rng.permuted(np.tile(np.arange(N_ITEMS), (40, 1)), axis=1)
    lists = np.argsort(-scores, axis=1).astype(np.int32)
    relevant = Relevant.from_pairs(*np.nonzero(truth), n_rows=40)
    for k in (1, 3, 10):
        ours = ndcg_at_k(lists, relevant, k=k)
        assert ours.mean() == pytest.approx(ndcg_score(truth, scores, k=k), rel=1e-12)


def test_by_hand():
    lists = np.array([[7, 3, -1], [-1, -1, -1], [1, 2, 3]], np.int32)
    relevant = _relevant([{3, 8}, {1}, set()])
    np.testing.assert_array_equal(precision_at_k(lists, relevant, k=3), [1 / 3, 0, np.nan])
    np.testing.assert_array_equal(recall_at_k(lists, relevant, k=3), [1 / 2, 0, np.nan])
    ideal = 1 + 1 / np.log2(3)
    np.testing.assert_allclose(
        ndcg_at_k(lists, relevant, k=3), [(1 / np.log2(3)) / ideal, 0, np.nan]
    )


def test_repeat_and_novel_hits_add_up_to_all():
    lists = np.array([[0, 1, 2, 3]], np.int32)
    relevant = _relevant([{0, 2, 3, 9}])
    repeat = relevant.among(np.array([0, 0, 0, 0]), np.array([2, 2, 9, -1]))
    assert repeat.tolist() == [False, True, False, True]
    parts = [hits(lists, relevant.where(keep), k=4).sum() for keep in (repeat, ~repeat)]
    assert parts == [1, 2]
    assert recall_at_k(lists, relevant.where(repeat), k=4).tolist() == [1 / 2]


def test_coverage_and_gini_by_hand():
    lists = np.array([[0, 1], [0, -1]], np.int32)
    assert coverage_at_k(lists, n_items=4, k=2) == 2 / 4
    assert coverage_at_k(lists, n_items=4, k=1) == 1 / 4
    # exposures 0, 0, 1, 2 against each other: sum |x - y| over ordered pairs / (2 n sum)
    spread = 2 * (0 + 1 + 2 + 1 + 2 + 1)
    assert exposure_gini(lists, n_items=4, k=2) == pytest.approx(spread / (2 * 4 * 3))
    assert exposure_gini(np.array([[0], [1], [2]]), n_items=3, k=1) == pytest.approx(0)
    assert exposure_gini(np.array([[1], [1]]), n_items=5, k=1) == pytest.approx(4 / 5)
    assert np.isnan(exposure_gini(np.array([[-1]]), n_items=5, k=1))


@pytest.mark.parametrize("k", [0, 3])
def test_a_k_outside_the_lists_is_refused(k):
    with pytest.raises(ValueError, match=f"k is {k}; lists hold 2 items"):
        hits(np.array([[1, 2]]), _relevant([{1}]), k=k)


def test_another_number_of_rows_is_refused():
    with pytest.raises(ValueError, match="1 lists for 2 rows"):
        hits(np.array([[1, 2]]), _relevant([{1}, {2}]), k=1)


def _slow_first_hits(lists, truth, k):
    """Hit rate, reciprocal rank, capped recall and average precision, one person at a time."""
    rows = []
    for items, wanted in zip(lists, truth, strict=True):
        if not wanted:
            rows.append((np.nan,) * 4)
            continue
        ranks = [rank for rank, item in enumerate(items[:k], start=1) if item in wanted]
        most = min(k, len(wanted))
        precision = sum(number / rank for number, rank in enumerate(ranks, start=1))
        first = 1 / ranks[0] if ranks else 0
        rows.append((float(bool(ranks)), first, len(ranks) / most, precision / most))
    return np.array(rows).T


@given(worlds())
def test_first_hits_equal_the_definitions(world):
    lists, truth, k = world
    relevant = _relevant(truth)
    metrics = (hit_rate_at_k, reciprocal_rank_at_k, recall_capped_at_k, average_precision_at_k)
    found = [metric(lists, relevant, k=k) for metric in metrics]
    np.testing.assert_allclose(found, _slow_first_hits(lists, truth, k))


def test_average_precision_of_a_whole_list_is_that_of_scikit_learn():
    """scikit-learn knows no cut-off: with every item ranked and k = number of items both divide by n."""
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(40, 15))
    truth = rng.random((40, 15)) < 0.3
    truth[:, 0] |= ~truth.any(axis=1)
    lists = np.argsort(-scores, axis=1).astype(np.int32)
    relevant = _relevant([set(np.flatnonzero(row).tolist()) for row in truth])
    ours = average_precision_at_k(lists, relevant, k=15).mean()
    assert ours == pytest.approx(label_ranking_average_precision_score(truth, scores))


def test_popularity_bias_by_hand():
    """Items 0, 1, 2 with 6, 3, 0 persons, 3 on average; shown 0, 0, 1."""
    lists = np.array([[0, -1], [0, 1]], np.int32)
    popularity = np.array([6.0, 3.0, 0.0])
    assert popularity_bias(lists, popularity, k=2) == pytest.approx((6 + 6 + 3) / 3 / 3)
    assert popularity_bias(lists, popularity, k=1) == pytest.approx(6 / 3)
    assert np.isnan(popularity_bias(np.full((2, 2), -1, np.int32), popularity, k=2))
