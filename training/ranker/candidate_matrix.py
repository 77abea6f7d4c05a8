"""The matrix a ranker reads: a row per candidate, a column per feature, the same in training and in use."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.arrays import CodeArray, IntArray, ScoreArray
from features.builders.item import ITEM_FEATURES
from features.builders.pair import PAIR_FEATURES, pair_features
from features.builders.person import FEATURES, person_features
from features.histories.histories import AsOf
from training.ranker.periods import PERIOD_FEATURES, period_features
from training.ranker.shop import Shop

POPULARITY: Final = "popularity_rank"

_DESCRIBED: Final = tuple(
    feature.name for feature in (*PAIR_FEATURES, *PERIOD_FEATURES, *FEATURES, *ITEM_FEATURES)
)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Candidates of some rows.

    Attributes:
        row: shape (n,), row of the history, never falling.
        item: shape (n,), item code of the model, rising within a row.
        scores: shape (n, n_sources), float32, what each first-stage model gave it; NaN = it did not propose the item.
        popularity: shape (n,), float32, rank among the popular items, 1 = the most popular.
    """

    row: IntArray
    item: IntArray
    scores: ScoreArray
    popularity: ScoreArray


def feature_names(sources: Sequence[str]) -> list[str]:
    """Columns of `candidate_matrix`, in order."""
    return [*(f"{name}_score" for name in sources), POPULARITY, *_DESCRIBED]


def candidate_matrix(
    history: AsOf,
    codes: CodeArray,
    pairs: Pairs,
    shop: Shop,
    *,
    events: Collection[str],
    period_days: float,
) -> npt.NDArray[np.float32]:
    """Scores of the first stage, then pair, period, person and item features.

    Args:
        history: n_rows rows.
        codes: shape (items of the histories,), the model's code of each, -1 = unknown.
        pairs: candidates of these rows.
        shop: what is known of the items.
        events: names of the events by which a person takes an item up.
        period_days: length of a period of the habits.

    Returns:
        Shape (n_pairs, n_features), the columns of `feature_names`; NaN = missing.

    Invariants: a candidate's features depend on its row and item alone, neither on other candidates nor on other rows.
    """
    row, item = pairs.row, pairs.item
    n_sources = pairs.scores.shape[1]
    matrix = np.empty((len(row), n_sources + 1 + len(_DESCRIBED)), np.float32)
    matrix[:, :n_sources] = pairs.scores
    matrix[:, n_sources] = pairs.popularity
    habits = period_features(
        history,
        codes,
        row=row,
        item=item,
        n_items=shop.knowledge.n_items,
        events=events,
        period_days=period_days,
    )
    at = n_sources + 1
    for table in (pair_features(history, shop.knowledge, row=row, item=item), habits):
        at = _put(matrix, at, table)
    persons = person_features(history)
    for name in persons.column_names:
        matrix[:, at] = persons[name].to_numpy().astype(np.float32)[row]
        at += 1
    matrix[:, at:] = shop.items[item]
    return matrix


def _put(matrix: npt.NDArray[np.float32], at: int, table: pa.Table) -> int:
    for name in table.column_names:
        matrix[:, at] = table[name].to_numpy()
        at += 1
    return at
