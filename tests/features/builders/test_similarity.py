"""Co-occurrence is counted per person, adds up over parts, and its cosine is that of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from features.builders.similarity import CoOccurrence

BASKETS = {"a": "xxyz", "b": "xy", "c": "yz", "d": "z"}
ROWS = [
    {"person": person, "day": day, "name": "purchase", "item": item}
    for person, items in BASKETS.items()
    for day, item in enumerate(items, start=1)
]


def counted(diary, moment, persons="abcd"):
    histories = diary([row for row in ROWS if row["person"] in persons]).histories
    everyone = histories.as_of(np.arange(histories.n_persons), moment)
    return CoOccurrence.of(everyone, window_days=30)


def test_persons_of_both(diary, at):
    found = counted(diary, at(9))
    assert found.item_ids.tolist() == ["x", "y", "z"]
    assert found.persons.toarray().tolist() == [[2, 2, 1], [2, 3, 2], [1, 2, 3]]


def test_cosine_is_that_of_scikit_learn(diary, at):
    bought = np.array([[item in items for item in "xyz"] for items in BASKETS.values()], float)
    expected = cosine_similarity(bought.T)
    np.fill_diagonal(expected, 0)
    found = counted(diary, at(9)).cosine(min_persons=1)
    np.testing.assert_allclose(found.matrix.toarray(), expected)
    rarer = counted(diary, at(9)).cosine(min_persons=2).matrix.toarray()
    np.testing.assert_allclose(rarer, np.where(expected == expected[0, 2], 0, expected))


def test_parts_of_the_persons_add_up(diary, at):
    whole = counted(diary, at(9))
    parts = counted(diary, at(9), "ab") + counted(diary, at(9), "c") + counted(diary, at(9), "d")
    assert parts.item_ids.tolist() == whole.item_ids.tolist()
    assert parts.persons.toarray().tolist() == whole.persons.toarray().tolist()


def test_what_is_too_old_or_not_over_yet_does_not_count(diary, at):
    assert counted(diary, at(2)).item_ids.tolist() == ["x", "y", "z"]  # c and d began with y and z
    assert counted(diary, at(1)).item_ids.tolist() == []
    assert counted(diary, at(33)).item_ids.tolist() == ["y", "z"]  # a's third and fourth


def test_other_items_have_empty_rows(diary, at):
    wide = counted(diary, at(9)).cosine().aligned(np.array(["w", "y", "x"], dtype=object))
    assert wide.toarray()[0].tolist() == [0, 0, 0]
    assert wide.toarray()[1, 2] == pytest.approx(2 / np.sqrt(2 * 3))


def test_different_moments_are_refused(diary, at):
    with pytest.raises(ValueError, match="must be one moment"):
        counted(diary, at(9)) + counted(diary, at(8))
