"""The order is that of a plain sort by person, time and event id."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from features.histories.event_ids import EventIds, IdPiece
from features.histories.person_sort import person_order

row = st.tuples(st.integers(0, 3), st.integers(0, 4))


def never(rows):
    raise AssertionError("no two events of a person at one time, yet ids were asked for")


@given(rows=st.lists(row, min_size=1, max_size=40), seed=st.integers(0, 9), data=st.data())
def test_the_order_is_that_of_a_plain_sort(rows, seed, data):
    rng = np.random.default_rng(seed)
    person, time = (np.array(values) for values in zip(*rows, strict=True))
    place = rng.permutation(4)
    ids = [f"{'e' * (number % 3)}{number}" for number in rng.permutation(len(rows))]
    split = data.draw(st.integers(0, len(rows)))
    pieces = [pa.array(part, pa.string()) for part in (ids[:split], ids[split:])]
    event_ids = EventIds([IdPiece(len(p), lambda p=p: pa.chunked_array([p])) for p in pieces])
    order = person_order(
        person.astype(np.int32), place.astype(np.int32), time.astype(np.int64), event_ids.take
    )
    expected = sorted(range(len(rows)), key=lambda at: (place[person[at]], time[at], ids[at]))
    assert order.row.tolist() == expected
    assert order.time.tolist() == time[expected].tolist()
    assert np.diff(order.offsets).tolist() == [
        (place[person] == position).sum() for position in range(4)
    ]


def test_ids_are_read_only_where_they_decide():
    person, time = np.array([0, 1, 0], np.int32), np.array([5, 5, 4])
    order = person_order(person, np.array([0, 1], np.int32), time, never)
    assert order.row.tolist() == [2, 0, 1]


def test_pieces_without_a_wanted_row_are_not_read():
    pieces = [IdPiece(2, lambda: never(None)), IdPiece(2, lambda: pa.array(["c", "d"]))]
    ids = EventIds(pieces)
    assert len(ids) == 4
    assert ids.take(np.array([3])).to_pylist() == ["d"]


def test_rows_of_ids():
    ids = EventIds([IdPiece(2, lambda: pa.array(["a", "b"])), IdPiece(1, lambda: pa.array(["c"]))])
    assert ids.rows_of(pa.chunked_array([["c", "x", "a", "c"]])).tolist() == [2, -1, 0, 2]
