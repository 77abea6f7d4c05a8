"""Persons for an item: from the lists, by place."""

from __future__ import annotations

import numpy as np
import pytest

from training.recommenders.base import RankedItems
from training.recommenders.buy_again import BuyAgain, BuyAgainConfig
from training.recommenders.persons_for_item import persons_for_item

LISTS = RankedItems(
    np.array(["a", "b", "c"], dtype=object),
    np.array([[1, 0], [0, 1], [1, 0], [2, 0], [0, -1]], np.int32),
    np.array([[8, 2], [4, 3], [8, 6], [5, -1], [-1, np.nan]], np.float32),
)


def test_place_then_relative_score_then_row():
    """a: first in row 1; second in rows 0 (2/8) and 2 (6/8); a filler in rows 3 and 4."""
    assert persons_for_item(LISTS, "a", k=9).tolist() == [1, 2, 0]
    assert persons_for_item(LISTS, "a", k=2).tolist() == [1, 2]
    assert persons_for_item(LISTS, "b", k=9).tolist() == [0, 2, 1]


def test_an_unknown_item_suits_nobody():
    assert persons_for_item(LISTS, "zz", k=3).tolist() == []


def test_a_list_needs_a_length():
    with pytest.raises(ValueError, match="k is 0; 1 or more needed"):
        persons_for_item(LISTS, "a", k=0)


def test_what_is_kept_from_a_person_does_not_lead_to_them(histories, cutoff):
    everyone = histories.everyone(cutoff)
    model = BuyAgain(BuyAgainConfig()).fit(everyone)
    bought = np.flatnonzero(model.seen(everyone).toarray()[:, 0] > 0)
    plain = model.recommend(everyone, k=22)
    assert sorted(persons_for_item(plain, model.item_ids[0], k=14).tolist()) == bought.tolist()
    barred = model.recommend(everyone, k=22, barred=model.seen(everyone))
    assert len(persons_for_item(barred, model.item_ids[0], k=14)) == 0
