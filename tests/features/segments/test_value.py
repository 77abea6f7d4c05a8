"""Worth net of refunds; tiers by rank among those who paid."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from features import columns as c
from features.histories.histories import Histories
from features.segments.value import (
    PersonValues,
    ValueConfig,
    person_values,
    rfm_table,
    value_cuts,
    value_tiers,
)
from features.tables import REVERSALS


def worth(*revenue):
    money = np.array(revenue, float)
    return PersonValues(np.arange(len(money), dtype=float), (money > 0).astype(np.int64), money)


def test_a_customer_with_only_refunds_is_worth_nothing(make_events, day):
    events = make_events(
        ("a", 1, "x", "t1", 30.0),
        ("a", 2, "x", "t1", 30.0, "refund"),
        ("b", 1, "x", "t2", 20.0),
        ("b", 1, "y", "t2", 5.0),
        ("b", 3, "x", "t3", 1.0),
        ("b", 4, "y", "t2", 5.0, "refund"),
        ("c", 2, "x", None, 9.0, "refund"),
    )
    back = pa.Table.from_pylist(
        [
            {c.REFUND_EVENT_ID: "e001", c.EVENT_ID: "e000", c.QUANTITY: 1.0, c.VALUE: 30.0},
            {c.REFUND_EVENT_ID: "e005", c.EVENT_ID: "e003", c.QUANTITY: 1.0, c.VALUE: 5.0},
        ],
        schema=REVERSALS.schema,
    )
    found = person_values(Histories.from_events(events, back), as_of=day(10))
    assert found.revenue.tolist() == [0.0, 20 + 5 - 5 + 1.0, 0.0]
    assert found.orders.tolist() == [0, 2, 0]
    assert found.recency_days[1] == 10 - 3
    assert np.isnan(found.recency_days[[0, 2]]).all()
    tiers = value_tiers(found, value_cuts([found], ValueConfig()))
    assert tiers[[0, 2]].tolist() == ["zero", "zero"]


def test_a_refund_counts_from_its_own_moment(make_events, day):
    events = make_events(("a", 1, "x", "t1", 30.0), ("a", 5, "x", "t1", 30.0, "refund"))
    back = pa.Table.from_pylist(
        [{c.REFUND_EVENT_ID: "e001", c.EVENT_ID: "e000", c.QUANTITY: 1.0, c.VALUE: 30.0}],
        schema=REVERSALS.schema,
    )
    histories = Histories.from_events(events, back)
    revenue = [person_values(histories, as_of=day(at)).revenue[0] for at in (5, 5.01)]
    assert revenue == [30.0, 0.0]


def test_tiers_are_shares_of_those_who_paid():
    values = worth(0, 0, *range(1, 11))
    cuts = value_cuts([values], ValueConfig(high_share=0.2, medium_share=0.3))
    tiers = value_tiers(values, cuts).tolist()
    assert tiers == ["zero"] * 2 + ["low"] * 5 + ["medium"] * 3 + ["high"] * 2


def test_scores_are_fifths_of_the_buyers():
    values = worth(0, *range(1, 11))
    table = rfm_table(values, value_cuts([values], ValueConfig()))
    assert table[c.RFM_MONEY].to_pylist() == [None, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert table[c.RFM_RECENCY].to_pylist() == [None, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert table[c.RFM_FREQUENCY].to_pylist() == [None] + [1] * 10


def test_nobody_who_paid_means_no_high_tier():
    values = worth(0, 0)
    assert value_tiers(values, value_cuts([values], ValueConfig())).tolist() == ["zero", "zero"]


@given(st.lists(st.integers(0, 50), min_size=2, max_size=30), st.integers(1, 29))
def test_limits_do_not_depend_on_the_parts(money, at):
    whole, parts = worth(*money), [worth(*money[at:]), worth(*money[:at])]
    once, twice = (value_cuts(p, ValueConfig()) for p in ([whole], parts))
    assert (once.high, once.medium) == (twice.high, twice.medium)
    np.testing.assert_array_equal(once.money, twice.money)


def test_a_year_forgets(make_histories, day):
    histories = make_histories(("a", 0, "x", "t1", 30.0), ("a", 100, "x", "t2", 4.0))
    assert person_values(histories, as_of=day(366)).revenue.tolist() == [4.0]
