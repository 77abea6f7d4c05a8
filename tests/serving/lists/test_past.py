"""Pairs of row and item, read off histories that the shelf knows only in part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.lists.past import Pairs, Past

ROWS = (
    ("ann", 1, "fast", "t1", 1.0, "view"),
    ("ann", 2, "cap", "t2", 1.0),
    ("ann", 3, "fast", "t3", 1.0, "view"),
    ("ann", 4, "unknown", "t4", 1.0),
    ("ann", 9, "sock", "t5", 1.0, "cart_add"),
    ("bob", 2, "sock", "b1", 1.0),
    ("bob", 4, "sock", "b2", 1.0),
    ("bob", 6, "sock", "b3", 1.0),
    ("bob", 6, "boot", "b3", 1.0),
    ("cat", 5, None, None, 1.0, "page_view"),
)


@pytest.fixture(scope="module")
def past(shelf, make_histories, day):
    return Past.of(make_histories(*ROWS).everyone(day(10)), shelf)


def held(past, pairs):
    row, item = np.divmod(pairs.key, pairs.width)
    return [
        (past.history.histories.person_ids[r], past.shelf.item_ids[i])
        for r, i in zip(row, item, strict=True)
    ]


def test_only_purchases_are_bought_and_only_lately(past):
    assert held(past, past.bought()) == [("ann", "cap"), ("bob", "boot"), ("bob", "sock")]
    assert held(past, past.bought(days=4)) == [("bob", "boot"), ("bob", "sock")]
    assert held(past, past.bought(days=3.9)) == []


def test_the_cart_holds_what_was_neither_bought_nor_forgotten(past):
    assert held(past, past.in_cart(days=30)) == [("ann", "sock")]
    assert held(past, past.in_cart(days=0.5)) == []


def test_newest_items_first_and_each_once(past):
    names = [
        [past.shelf.item_ids[i] if i >= 0 else None for i in row] for row in past.newest(count=2)
    ]
    assert names[0] == ["sock", "fast"]
    assert sorted(names[1]) == ["boot", "sock"]  # of one moment
    assert names[2] == [None, None]


def test_the_last_event_of_a_pair_and_of_a_row(past):
    pairs, last = past.touched()
    time = past.history.histories.time
    when = dict(zip(held(past, pairs), time[last], strict=True))
    assert when["ann", "fast"] > when["ann", "cap"]
    assert past.last()[2] == -1
    assert (
        past.item_at(past.last())[:1].tolist()
        == past.shelf.codes(np.array(["sock"], dtype=object)).tolist()
    )


@pytest.mark.parametrize(
    ("at", "due"),
    [(7.5, False), (7.6, True), (8, True), (9.5, True), (9.7, False)],
    ids=["too early", "after 0.8 of the gap", "on time", "late", "given up"],
)
def test_an_item_bought_every_two_days_is_due_after_most_of_two_days(
    shelf, make_histories, day, at, due
):
    """bob bought socks on days 2, 4 and 6; due from 6 + 0.8 x 2 to 6 + 1.8 x 2; boots he bought once."""
    past = Past.of(make_histories(*ROWS).everyone(day(at)).take([1]), shelf)
    names = [shelf.item_ids[i] for i in past.due(share=0.8).key % len(shelf)]
    assert names == (["sock"] if due else [])


def test_a_single_event_is_a_cold_start(shelf, make_histories, day):
    past = Past.of(
        make_histories(*ROWS, ("dan", 1, "cap", None, 1.0, "view")).everyone(day(10)), shelf
    )
    assert past.single_event().tolist() == [False, False, True, True]


def test_the_dearest_owned_of_each_category(shelf, make_histories, day):
    rows = [
        ("ann", d, item, f"t{d}", 1.0)
        for d, item in enumerate(["fast", "pro", "cap", "card"], start=1)
    ]
    past = Past.of(make_histories(*rows).everyone(day(10)), shelf)
    pairs, dearest = past.dearest(days=30)
    code = {
        name: shelf.node[shelf.codes(np.array([name], dtype=object))[0]] for name in ("fast", "cap")
    }
    found = dict(zip((pairs.key % pairs.width).tolist(), dearest.tolist(), strict=True))
    assert found == {code["fast"]: 120.0, code["cap"]: 15.0}


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 5)), max_size=20),
    st.lists(st.lists(st.integers(-1, 5), min_size=2, max_size=2), min_size=4, max_size=4),
)
def test_pairs_are_a_set(pairs, asked):
    row, item = np.array(pairs, np.int64).reshape(-1, 2).T
    known = {(r, i) for r, i in pairs if i >= 0}
    found = Pairs.of(row, item, width=6)
    items = np.array(asked, np.int32)
    assert found.hold(items).tolist() == [
        [(r, i) in known for i in line] for r, line in enumerate(asked)
    ]
    offsets, codes = found.rows(4)
    assert {(r, i) for r in range(4) for i in codes[offsets[r] : offsets[r + 1]].tolist()} == known
