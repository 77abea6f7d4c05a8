"""Why an item is there: the own event behind it, and its marks."""

from __future__ import annotations

import numpy as np
import pytest

from features.tables import LIST_LEVELS
from serving.lists.past import Past
from serving.lists.reasons import BASES, Source, reason_codes, source_events

ROWS = (
    ("ann", 1, "fast", "t1", 1.0, "view"),
    ("ann", 2, "run-41", "t1", 1.0, "view"),
    ("ann", 3, "sock", "t2", 1.0),
    ("bob", 3, "card", "t3", 1.0),
)


@pytest.fixture(scope="module")
def past(shelf, make_histories, day):
    return Past.of(make_histories(*ROWS).everyone(day(10)), shelf)


@pytest.mark.parametrize(
    ("item", "origin", "level", "basis", "event_on"),
    [
        pytest.param("fast", None, "exact", "from_own_item", 1, id="touched itself"),
        pytest.param(
            "run-42", "run-41", "group", "from_replaced_item", 2, id="stands in for one touched"
        ),
        pytest.param("pro", None, "exact", "from_own_category", 2, id="of a category touched"),
        pytest.param("cap", None, "exact", "from_latest_event", 3, id="known to the model only"),
        pytest.param("cap", None, "best_seller", "from_no_event", None, id="popular with all"),
        pytest.param("pro", None, "pinned", "from_no_event", None, id="put there by the shop"),
        pytest.param("sock", None, "pinned", "from_own_item", 3, id="pinned, and her own"),
        pytest.param(None, None, "static", "from_no_event", None, id="no item"),
    ],
)
def test_the_own_event_behind_an_item(past, shelf, item, origin, level, basis, event_on):
    items, origins = (
        np.full((2, 1), -1, np.int32)
        if name is None
        else np.array([shelf.codes(np.array([name], dtype=object)), [-1]])
        for name in (item, origin)
    )
    levels = np.full((2, 1), LIST_LEVELS.index(level), np.int8)
    found = source_events(past, items, origins, levels).at((np.array([0]), np.array([0])))
    assert BASES[found.basis[0]] == basis
    if event_on is None:
        assert (found.position[0], found.item[0]) == (-1, -1)
    else:
        history = past.history
        age = history.age_days(np.array([0]), found.position)
        assert age.tolist() == [10 - event_on]


def test_marks_are_joined_in_order():
    none = np.zeros(3, np.bool_)
    source = Source(np.array([4, -1, -1]), np.array([2, -1, -1]), np.array([0, 4, 4], np.int8))
    level = np.array([LIST_LEVELS.index(name) for name in ("exact", "category", "static")], np.int8)
    codes = reason_codes(
        level,
        source,
        boosted=np.array([True, False, False]),
        cold=np.array([False, True, False]),
        by_default=none,
        gave_way=[none, np.array([False, True, False])],
        caps=("item_group_id", "brand"),
    )
    assert codes.to_pylist() == [
        "exact;from_own_item;boosted",
        "category;from_no_event;filled;cold_start;cap_relaxed:brand",
        "static;from_no_event",
    ]
