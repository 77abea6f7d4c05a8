"""Outcomes are counted from the decision, inclusive, to the end of the window, exclusive."""

from __future__ import annotations

import numpy as np

from features.histories import microseconds
from features.outcomes import observed_outcomes

ROWS = (
    ("a", 3, "x", "t0", 9.0),
    ("a", 10, "x", "t1", 2.0),
    ("a", 10, "y", "t1", 3.0),
    ("a", 12.5, "x", "t2", 5.0),
    ("a", 17, "x", "t3", 100.0),
    ("b", 16.9, "x", None, 7.0),
    ("b", 16.95, "y", None, None),
    ("b", 11, "y", None, 1.0, "view"),
)


def measure(histories, day, persons, start):
    times = np.full(len(persons), microseconds(day(start)))
    return observed_outcomes(histories, np.array(persons), times, horizon_days=7)


def test_orders_and_money_inside_the_window(make_histories, day):
    outcomes = measure(make_histories(*ROWS), day, [0, 1, -1], 10)
    assert outcomes.visits.tolist() == [2, 2, 0]
    assert outcomes.conversion.tolist() == [1, 1, 0]
    assert outcomes.revenue.tolist() == [2 + 3 + 5, 7, 0]
    assert outcomes.first_day.tolist() == [0, 6, -1]


def test_the_end_of_the_window_is_exclusive(make_histories, day):
    assert measure(make_histories(*ROWS), day, [0], 10.5).revenue.tolist() == [5 + 100]


def test_one_order_is_a_conversion(make_histories, day):
    outcomes = measure(make_histories(*ROWS), day, [0], 13)
    assert (outcomes.visits.tolist(), outcomes.conversion.tolist()) == ([1], [1])
    assert outcomes.first_day.tolist() == [17 - 13]
