"""The other direction: for an item, the persons it suits, from the same lists with the same filters."""

from __future__ import annotations

import numpy as np

from features.arrays import IntArray
from training.recommenders.base import RankedItems


def persons_for_item(ranked: RankedItems, item_id: str, *, k: int) -> IntArray:
    """Rows whose list holds an item, those it suits best first.

    Scores of different rows cannot be compared, so the order is by the item's place in the row's list, then by its score
    relative to the row's best, then by row. Popular fillers (scores below 0) do not count: they suit nobody in particular.

    Args:
        ranked: lists of n_rows rows, filtered as the persons' own lists are.
        item_id: the item.
        k: at most so many rows, >= 1.

    Returns:
        Row numbers, shape (<= k,); empty when the model does not know the item.

    Example:
        >>> lists = RankedItems(
        ...     np.array(["a", "b"], dtype=object),
        ...     np.array([[1, 0], [0, 1], [0, -1]], np.int32),
        ...     np.array([[9, 3], [2, 1], [-1, np.nan]], np.float32),
        ... )
        >>> persons_for_item(lists, "a", k=5)   # first in row 1, second in row 0, a filler in row 2
        array([1, 0])
    """
    if k < 1:
        raise ValueError(f"k is {k}; 1 or more needed")
    code = np.flatnonzero(ranked.item_ids == item_id)
    if len(code) == 0:
        return np.empty(0, np.int64)
    row, place = np.nonzero((ranked.items == code[0]) & (ranked.scores > 0))
    relative = ranked.scores[row, place] / ranked.scores[row, 0]
    order = np.lexsort((row, -relative, place))
    best: IntArray = row[order][:k].astype(np.int64)
    return best
