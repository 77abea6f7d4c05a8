"""Diversity and affinity as arithmetic, and against a plain loop over dicts."""

from __future__ import annotations

from collections import Counter
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.builders.categories import category_features
from features.builders.knowledge import Knowledge

WEIGHTS = {"view_list": 1, "view": 1, "cart_add": 3, "purchase": 5}


def decayed(weight, age):
    return weight * 0.5 ** (age / 30)


def test_ten_events(ten, attributes, twin, at):
    rows = twin.rows_of(ten.histories, ["a"], at(100))
    likes_p = sum(decayed(*p) for p in [(5, 97.75), (1, 24.5), (3, 19.75), (5, 10), (5, 1.5)])
    likes_q = sum(decayed(*q) for q in [(1, 39.5), (1, 19.75), (5, 10)])
    found = category_features(rows, Knowledge.of(attributes=attributes))
    assert twin.one_row(found) == pytest.approx(
        {
            "items_viewed_90d": 2,
            "items_bought_90d": 3,
            "categories_viewed_90d": 2,
            "categories_bought_90d": 2,
            "category_entropy_90d": -4 / 7 * log(4 / 7) - 3 / 7 * log(3 / 7),
            "top_category": 0,
            "top_category_share": likes_p / (likes_p + likes_q),
        }
    )


def test_without_a_catalog_no_category_is_known(ten, twin, at):
    found = category_features(twin.rows_of(ten.histories, ["a"], at(100)), Knowledge.of())
    found = twin.one_row(found)
    assert (found["items_bought_90d"], found["categories_bought_90d"]) == (3, 0)
    assert all(np.isnan(found[name]) for name in found if "top" in name or "entropy" in name)


def test_of_equals_the_lowest_code_is_on_top(diary, attributes, twin, at):
    rows = [{"person": "a", "day": 1, "name": "view", "item": item} for item in "zx"]
    view = twin.rows_of(diary(rows).histories, ["a"], at(2))
    found = twin.one_row(category_features(view, Knowledge.of(attributes=attributes)))
    assert (found["top_category"], found["top_category_share"]) == (0, 1 / 2)


@pytest.mark.parametrize("late", [0, 1])
def test_a_window_holds_its_first_moment(diary, attributes, twin, at, late):
    rows = [{"person": "a", "day": 1, "name": "purchase", "item": "x"}]
    view = twin.rows_of(diary(rows).histories, ["a"], at(91) + late)
    found = twin.one_row(category_features(view, Knowledge.of(attributes=attributes)))
    assert (found["items_bought_90d"], found["categories_bought_90d"]) == (1 - late, 1 - late)
    assert np.isnan(found["category_entropy_90d"]) == (late == 1)
    assert (found["top_category"], found["top_category_share"]) == (0, 1)


def by_hand(events, category_of):
    recent = [event for event in events if event["age"] <= 90]
    likes, counts = Counter(), Counter()
    for event in events:
        category = category_of(event)
        if category and event["name"] in WEIGHTS:
            likes[category] += decayed(WEIGHTS[event["name"]], event["age"])
            counts[category] += event["age"] <= 90
    total = sum(counts.values())
    best = max(likes.values(), default=0)

    def different(names, key):
        return len({key(event) for event in recent if event["name"] in names} - {None})

    return {
        "items_viewed_90d": different(["view", "view_list"], lambda event: event["item"]),
        "items_bought_90d": different(["purchase"], lambda event: event["item"]),
        "categories_viewed_90d": different(["view", "view_list"], category_of),
        "categories_bought_90d": different(["purchase"], category_of),
        "category_entropy_90d": -sum(n / total * log(n / total) for n in counts.values() if n)
        if total
        else np.nan,
        "top_category_share": best / sum(likes.values()) if likes else np.nan,
    }


@given(data=st.data())
def test_a_loop_over_dicts_agrees(diary, attributes, twin, at, data):
    book = diary(data.draw(twin.events()))
    knowledge = Knowledge.of(attributes=attributes)
    table = category_features(twin.rows_of(book.histories, ["a", "b"], at(95)), knowledge)
    for row, person in enumerate("ab"):
        found = twin.one_row(table, row)
        top = found.pop("top_category")
        expected = by_hand(book.before(person, 95), twin.category_of)
        assert found == pytest.approx(expected, nan_ok=True)
        assert np.isnan(top) == np.isnan(expected["top_category_share"])
