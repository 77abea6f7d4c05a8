"""The cart by hand: removed or purchased lines are not left; the order of tags within a moment does not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import columns as c
from features.histories.histories import Histories
from features.segments.cart import open_carts


def left(histories, day, at=10, window=30):
    cart = open_carts(histories.everyone(day(at)), window_days=window)
    lines = zip(
        histories.person_ids[cart.row],
        histories.item_ids[cart.item],
        cart.units.tolist(),
        cart.value.tolist(),
        cart.checked_out.tolist(),
        strict=True,
    )
    return list(lines)


@pytest.fixture(scope="module")
def with_quantities(make_events):
    """Histories whose last tuple element is the quantity."""

    def make(*rows):
        events = make_events(*(row[:-1] for row in rows))
        place = events.schema.get_field_index(c.QUANTITY)
        quantities = [[row[-1] for row in rows]]
        field = events.schema.field(place)
        return Histories.from_events(events.set_column(place, field, quantities))

    return make


def test_bought_and_removed_lines_are_not_left(make_histories, day):
    histories = make_histories(
        ("a", 5, "x", None, 4.0, "cart_add"),
        ("a", 5, "y", None, 6.0, "cart_add"),
        ("a", 6, "x", "t1", 4.0, "purchase"),
        ("b", 5, "x", None, 4.0, "cart_add"),
        ("b", 6, "x", None, 4.0, "cart_remove"),
        ("c", 5, "z", None, 3.0, "cart_add"),
        ("c", 6, "z", None, 3.0, "cart_remove"),
        ("c", 7, "z", None, 3.0, "cart_add"),
    )
    assert left(histories, day) == [("a", "y", 1.0, 6.0, False), ("c", "z", 1.0, 3.0, False)]


def test_a_line_is_worth_what_is_left_of_it(with_quantities, day):
    histories = with_quantities(
        ("a", 1, "x", None, 10.0, "cart_add", 5.0),
        ("a", 2, "x", None, 9.0, "cart_add", 3.0),
        ("a", 3, "x", None, None, "cart_remove", 6.0),
        ("b", 1, "y", None, 8.0, "cart_add", 2.0),
        ("b", 2, "y", None, None, "cart_remove", None),
        ("c", 1, "y", None, None, "cart_add", None),
        ("d", 1, "y", None, 1.0, "cart_add", 0.0),
    )
    found = left(histories, day)
    assert found[0] == ("a", "x", 5 + 3 - 6.0, (5 + 3 - 6) * 9 / 3, False)
    assert found[1][:3] == ("c", "y", 1.0)
    assert np.isnan(found[1][3])
    assert len(found) == 2


def test_a_purchase_without_item_takes_the_whole_cart(make_histories, day):
    histories = make_histories(
        ("a", 5, "x", None, 4.0, "cart_add"),
        ("a", 5, "y", None, 6.0, "cart_add"),
        ("a", 6, None, "t1", 10.0, "purchase"),
        ("b", 5, "x", None, 4.0, "cart_add"),
    )
    assert left(histories, day) == [("b", "x", 1.0, 4.0, False)]


def test_checkout_counts_for_what_lay_in_the_cart(make_histories, day):
    histories = make_histories(
        ("a", 5, "x", None, 4.0, "cart_add"),
        ("a", 6, None, None, None, "checkout"),
        ("a", 7, "y", None, 6.0, "cart_add"),
        ("b", 4, None, None, None, "checkout"),
        ("b", 5, "x", None, 4.0, "cart_add"),
    )
    assert left(histories, day) == [
        ("a", "x", 1.0, 4.0, True),
        ("a", "y", 1.0, 6.0, False),
        ("b", "x", 1.0, 4.0, False),
    ]
    cart = open_carts(histories.everyone(day(10)), window_days=30)
    assert (cart.checkout == histories.time[histories.event == 7]).all()


@pytest.mark.parametrize("names", [("purchase", "cart_add"), ("cart_add", "purchase")])
def test_within_a_moment_a_purchase_follows_its_addition(make_histories, day, names):
    rows = [("a", 5, "x", "t", 4.0, name) for name in names]
    assert left(make_histories(*rows, ("a", 4, "y", None, 1.0, "view")), day) == []


def test_neither_the_forgotten_nor_the_future_counts(make_histories, day):
    histories = make_histories(
        ("a", 1, "x", None, 4.0, "cart_add"),
        ("b", 8, "x", None, 4.0, "cart_add"),
        ("b", 10, "x", "t", 4.0, "purchase"),
    )
    assert left(histories, day, at=10, window=5) == [("b", "x", 1.0, 4.0, False)]


NAMES = ("cart_add", "cart_remove", "checkout", "purchase", "view")


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.integers(0, 12),
            st.sampled_from("xyz"),
            st.sampled_from(NAMES),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_the_replay_is_that_of_a_dictionary(make_histories, day, rows):
    """A plain reading: a dictionary per person, events by (day, order within a moment)."""
    histories = make_histories(
        *((person, at, item, f"t{n}", 2.0, name) for n, (person, at, item, name) in enumerate(rows))
    )
    found = {(person, item): units for person, item, units, *_ in left(histories, day)}
    carts = {}
    for person, at, item, name in sorted(rows, key=lambda r: (r[1], NAMES.index(r[3]))):
        if at >= 10:
            continue
        if name == "cart_add":
            carts[person, item] = carts.get((person, item), 0) + 1
        elif name == "cart_remove" and carts.get((person, item), 0) > 1:
            carts[person, item] -= 1
        elif name in ("cart_remove", "purchase"):
            carts.pop((person, item), None)
    assert found == carts
