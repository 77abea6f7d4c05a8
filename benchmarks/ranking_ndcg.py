"""nDCG of lists of ten, against scikit-learn's `ndcg_score` on dense matrices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.metrics import ndcg_score

from benchmarks.case import Case
from benchmarks.ranked_lists import K, make_lists
from training.metrics.ranking import ndcg_at_k

PERSONS = 10_000
ITEMS = 1_024  # a power of two: odd steps through it never meet an item twice


def case(scale: float = 1.0) -> Case[float]:
    """The mean over all persons; the peer's dense matrices are built beforehand, untimed."""
    lists = make_lists(persons=int(PERSONS * scale), items=ITEMS)
    shape = (lists.relevant.n_rows, ITEMS)
    truth: npt.NDArray[np.float32] = np.zeros(shape, np.float32)
    truth[lists.relevant.row, lists.relevant.item] = 1
    score: npt.NDArray[np.float32] = np.zeros(shape, np.float32)
    np.put_along_axis(score, lists.recommended, np.arange(K, 0, -1, dtype=np.float32)[None], axis=1)
    return Case(
        task=f"mean nDCG@{K}: {shape[0]:,} persons, {ITEMS:,} items",
        rows=shape[0],
        ours=lambda: float(ndcg_at_k(lists.recommended, lists.relevant, k=K).mean()),
        peer_name="sklearn ndcg_score",
        peer=lambda: float(ndcg_score(truth, score, k=K, ignore_ties=True)),
        require_equal=lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-9),
    )
