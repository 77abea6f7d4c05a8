"""The layout is right in any row order, and nothing at or after a cut-off can be seen."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from features import columns as c
from features.histories.histories import AsOf, Histories, microseconds, same_order

ROWS = (
    ("b", 1, "y", "t1", 2.0),
    ("a", 3, "x", "t2", 1.0),
    ("a", 1, "z", "t3", 4.0),
    ("b", 2, "x", "t4", 8.0),
    ("c", 5, "x", "t5", 1.0),
)


def visible(view: AsOf):
    row, position = view.events()
    items = view.histories.item_ids[view.histories.item[position]]
    return [(int(r), str(i)) for r, i in zip(row, items, strict=True)]


def test_events_are_sorted_by_person_then_time(make_histories):
    histories = make_histories(*ROWS)
    assert histories.person_ids.tolist() == ["a", "b", "c"]
    assert histories.item_ids.tolist() == ["x", "y", "z"]
    assert histories.offsets.tolist() == [0, 2, 4, 5]
    assert histories.item_ids[histories.item].tolist() == ["z", "x", "y", "x", "x"]
    assert histories.value.tolist() == [4.0, 1.0, 2.0, 8.0, 1.0]


def test_categories_have_codes_in_sorted_order(make_events):
    table = make_events(*ROWS)
    place = table.schema.get_field_index(c.CATEGORY)
    names = pa.array(["shoes", None, "hats", "hats", "shoes"])
    histories = Histories.from_events(table.set_column(place, c.CATEGORY, names))
    assert histories.category_ids.tolist() == ["hats", "shoes"]
    assert histories.category.tolist() == [0, -1, 1, 0, 1]


def test_the_cut_off_is_strict(make_histories, day):
    histories = make_histories(*ROWS)
    assert visible(histories.everyone(day(2))) == [(0, "z"), (1, "y")]
    after = histories.as_of([0, 1, 2], microseconds(day(2)) + 1)
    assert visible(after) == [(0, "z"), (1, "y"), (1, "x")]


def test_an_unknown_person_has_an_empty_history(make_histories, day):
    histories = make_histories(*ROWS)
    rows = histories.person_rows(pa.array(["c", "nobody", "a"]))
    assert rows.tolist() == [2, -1, 0]
    assert visible(histories.as_of(rows, microseconds(day(9)))) == [(0, "x"), (2, "z"), (2, "x")]


def test_ages_are_in_days(make_histories, day):
    view = make_histories(*ROWS).everyone(day(4))
    assert view.age_days(*view.events()).tolist() == [3.0, 1.0, 3.0, 2.0]


def test_rows_can_be_taken_in_any_order(make_histories, day):
    view = make_histories(*ROWS).everyone(day(9))
    assert visible(view.take([1, 1])) == [(0, "y"), (0, "x"), (1, "y"), (1, "x")]


def test_arrays_round_trip(make_histories):
    histories = make_histories(*ROWS)
    back = Histories.from_arrays(
        histories.arrays(),
        person_ids=histories.person_ids,
        item_ids=histories.item_ids,
        category_ids=histories.category_ids,
    )
    for name, array in histories.arrays().items():
        np.testing.assert_array_equal(array, back.arrays()[name])


def test_an_order_is_one_transaction_at_one_time():
    time, transaction = np.array([1, 1, 1, 2]), np.array([7, 7, -1, 7], np.int32)
    assert same_order(1, 0, time, transaction)
    assert not same_order(3, 0, time, transaction)
    assert not same_order(2, 2, time, transaction)
    assert not same_order(0, -1, time, transaction)


event = st.tuples(
    st.sampled_from("abc"),
    st.integers(0, 20).map(lambda hours: hours / 4),
    st.sampled_from("xyz"),
    st.sampled_from(["t1", "t2", None]),
    st.floats(0, 9),
)


@given(past=st.lists(event, min_size=1, max_size=12), future=st.lists(event, max_size=12))
def test_future_events_change_nothing_that_is_visible(make_histories, day, past, future):
    cut = 5.25
    later = [(person, when + cut, *rest) for person, when, *rest in future]
    alone = make_histories(*past).everyone(day(cut))
    together = make_histories(*past, *later)
    rows = together.person_rows(pa.array(alone.histories.person_ids))
    assert visible(together.as_of(rows, microseconds(day(cut)))) == visible(alone)


@given(rows=st.lists(event, min_size=1, max_size=12), order=st.randoms(use_true_random=False))
def test_row_order_does_not_matter(make_events, rows, order):
    table = make_events(*rows)
    shuffled = list(range(len(rows)))
    order.shuffle(shuffled)
    first, second = Histories.from_events(table), Histories.from_events(table.take(shuffled))
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, second.arrays()[name])
