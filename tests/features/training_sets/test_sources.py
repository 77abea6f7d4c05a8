"""Candidates by hand: own items, what is popular, what goes together; one row per item, its sources named."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features import columns as c
from features.builders.item_attributes import ItemAttributes
from features.builders.knowledge import Knowledge
from features.histories.histories import microseconds
from features.training_sets.shop import SimilarityConfig, know_shop
from features.training_sets.sources import (
    BoughtTogether,
    OwnItems,
    RecentPopular,
    gather_candidates,
)


def known(histories, at, *, min_persons=2):
    none = pa.table({c.ITEM_ID: ["q"], c.CATEGORY: ["z"], c.PRICE: [1.0], c.AVAILABILITY: [None]})
    none = none.set_column(3, c.AVAILABILITY, pa.array([None], pa.string()))
    attributes = ItemAttributes.from_items(none, known_at=at).categories_only()
    similarity = SimilarityConfig(person_share=1, min_persons=min_persons, window_days=28)
    moment = microseconds(at)
    return know_shop([histories], [moment], attributes, similarity)[moment]


def shop(make_histories):
    return make_histories(
        ("a", 8, "x", "t1", 1.0),
        ("a", 9, "y", "t2", 1.0),
        ("b", 2, "x", "t3", 1.0),
        ("b", 9, "y", "t4", 1.0),
        ("c", 9, "x", None, 1.0, "view"),
        ("d", 9, "z", "t5", 1.0),
        ("d", 11, "x", "t6", 1.0),
    )


def proposed(source, history, knowledge):
    found = source.propose(history, knowledge)
    ids = knowledge.item_ids[found.item]
    persons = history.histories.person_ids[history.person[found.row]]
    return list(zip(persons, ids, found.rank.tolist(), strict=True))


def test_own_items_by_decayed_weight(make_histories, day):
    histories = shop(make_histories)
    source = OwnItems(limit=1)
    assert proposed(source, histories.everyone(day(10)), known(histories, day(10))) == [
        ("a", "y", 1),
        ("b", "y", 1),
        ("c", "x", 1),
        ("d", "z", 1),
    ]
    everything = proposed(OwnItems(), histories.everyone(day(10)), known(histories, day(10)))
    assert everything[:2] == [("a", "y", 1), ("a", "x", 2)]


def test_popular_items_are_the_same_for_everybody(make_histories, day):
    histories = shop(make_histories)
    found = proposed(
        RecentPopular(limit=2, window_days=7),
        histories.everyone(day(10)),
        known(histories, day(10)),
    )
    # within 7 days: y twice; x once (a), z once: a tie goes to the smaller code
    assert found == [(p, i, r) for p in "abcd" for i, r in (("y", 1), ("x", 2))]


def test_items_that_go_together_with_the_last_ones(make_histories, day):
    histories = shop(make_histories)
    found = proposed(BoughtTogether(), histories.everyone(day(10)), known(histories, day(10)))
    # x and y were bought by a and b; d has only z
    assert ("c", "y", 1) in found
    assert all(person != "d" for person, *_ in found)


def test_without_similarity_nothing_goes_together(make_histories, day):
    histories = shop(make_histories)
    assert proposed(BoughtTogether(), histories.everyone(day(10)), Knowledge.of()) == []


def test_an_item_of_several_sources_is_one_candidate(make_histories, day):
    histories = shop(make_histories)
    knowledge = known(histories, day(10))
    found = gather_candidates(
        histories.everyone(day(10)), knowledge, [OwnItems(), RecentPopular(limit=1)]
    )
    names = found.source_names().to_pylist()
    items = knowledge.item_ids[found.item].tolist()
    rows = list(zip(found.row.tolist(), items, names, strict=True))
    assert rows == [
        (0, "x", "own"),
        (0, "y", "own;popular"),
        (1, "x", "own"),
        (1, "y", "own;popular"),
        (2, "x", "own"),
        (2, "y", "popular"),
        (3, "y", "popular"),
        (3, "z", "own"),
    ]
    np.testing.assert_array_equal(
        found.ranks["popular"], [np.nan, 1, np.nan, 1, np.nan, 1, 1, np.nan]
    )
