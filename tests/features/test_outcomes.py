"""Outcomes are counted from the decision, inclusive, to the end of the window, exclusive."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.histories.histories import Histories, microseconds
from features.outcomes import observed_outcomes
from features.tables import REVERSALS

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


def netted(make_events, taken):
    table = [dict(zip(REVERSALS.schema.names, row, strict=True)) for row in taken]
    refund = ("a", 20, None, "t1", None, "refund")  # e008
    events = make_events(*ROWS, refund)
    return Histories.from_events(events, pa.Table.from_pylist(table, REVERSALS.schema))


def test_what_was_taken_back_is_no_outcome(make_events, day):
    whole_order = netted(make_events, [("e008", "e001", 1.0, 2.0), ("e008", "e002", 1.0, 3.0)])
    outcomes = measure(whole_order, day, [0], 10)
    assert (outcomes.visits.tolist(), outcomes.revenue.tolist()) == ([1], [5])
    assert outcomes.first_day.tolist() == [2]
    one_line = netted(make_events, [("e008", "e001", 1.0, 2.0)])
    outcomes = measure(one_line, day, [0], 10)
    assert (outcomes.visits.tolist(), outcomes.revenue.tolist()) == ([2], [3 + 5])
    part_of_a_line = netted(make_events, [("e008", "e001", 0.5, 1.0)])
    assert measure(part_of_a_line, day, [0], 10).revenue.tolist() == [1 + 3 + 5]


def test_an_order_taken_back_as_a_whole_is_no_conversion(make_events, day):
    histories = netted(make_events, [("e008", "e004", 1.0, 100.0)])
    outcomes = measure(histories, day, [0], 13)
    assert (outcomes.conversion.tolist(), outcomes.first_day.tolist()) == ([0], [-1])
    assert outcomes.revenue.tolist() == [0]


def test_refunds_at_or_after_maturity_are_not_known_yet(make_events, day):
    histories = netted(make_events, [("e008", "e004", 1.0, 100.0)])
    times = np.array([microseconds(day(13))])
    for matured_at, conversion in ((day(20), 1), (day(20.01), 0)):
        outcomes = observed_outcomes(
            histories, np.array([0]), times, horizon_days=7, matured_at=matured_at
        )
        assert outcomes.conversion.tolist() == [conversion]
