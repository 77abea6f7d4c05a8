"""Figures of shopping, beside counts done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from features.simulate.marginals import marginals


def test_counts_of_two_persons(make_histories):
    found = marginals(
        make_histories(
            ("a", 0, "x", None, None, "view"),
            ("a", 0.1, "x", None, None, "cart_add"),
            ("a", 1, "x", "1", 5.0),
            ("a", 1, "y", "1", 5.0),
            ("a", 5, "x", "2", 5.0),
            ("b", 2, "x", None, None, "view"),
            ("b", 10, "y", None, None, "view"),
        )
    )
    assert (found.persons, found.events, found.days) == (2, 7, 10)
    assert found.carts_per_view == pytest.approx(1 / 3)
    assert found.lines_per_cart == 3
    assert (found.viewers_with_cart, found.carters_with_order) == (1 / 2, 1)
    assert found.lines_per_order == 3 / 2
    assert found.orders_of_one == 1 / 2
    assert found.buyers_who_return == 1
    assert found.gap_quartiles == (4, 4, 4)
    assert found.view_shares == pytest.approx((2 / 3, 2 / 3))


def test_what_cannot_be_counted_is_missing(make_histories):
    found = marginals(make_histories(("a", 0, None, None, None, "page_view")))
    assert np.isnan([found.carts_per_view, found.lines_per_order, *found.gap_quartiles]).all()
    assert np.isnan(found.order_shares).all()
