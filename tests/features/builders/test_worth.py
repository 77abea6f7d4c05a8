"""Worth as arithmetic, against a plain loop over dicts; only refunds make a value of 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.builders.knowledge import Knowledge
from features.builders.spend import SpendCounts
from features.builders.worth import LIFECYCLES, worth_features

AVERAGE = SpendCounts(as_of=0, orders=10.0, money=500.0, days=1000.0)
SHOP = Knowledge.of(spend=AVERAGE)


def test_ten_events(ten, twin, at):
    rows = twin.rows_of(ten.histories, ["a"], at(100))
    rate = (3 + 90 * 10 / 1000) / (97.75 + 90)
    value = (98 + 2 * 500 / 10) / (3 + 2)
    assert twin.one_row(worth_features(rows, SHOP)) == pytest.approx(
        {
            "refund_rate": 30 / (20 + 90 + 6 + 12),
            "rfm_recency_days": 1.5,
            "rfm_frequency": 3,
            "rfm_monetary": 20 + 90 - 30 + 6 + 12,
            "net_order_value": 98 / 3,
            "expected_value_365d": 365 * rate * value,
            "lifecycle": LIFECYCLES.index("active"),
            "known_days": 97.75,
        }
    )


def test_a_customer_with_only_refunds_is_worth_nothing_yet(diary, twin, at):
    rows = [
        {"person": "a", "day": 1, "name": "purchase", "item": "x", "value": 9.0},
        {"person": "a", "day": 5, "name": "refund", "item": "x", "quantity": 1.0, "of": 0},
    ]
    histories = diary(rows).histories
    before, after = (
        twin.one_row(worth_features(twin.rows_of(histories, ["a"], at(5) + late), SHOP))
        for late in (0, 1)
    )
    names = ("refund_rate", "rfm_frequency", "rfm_monetary", "lifecycle")
    assert [before[name] for name in names] == [0, 1, 9, LIFECYCLES.index("new")]
    assert [after[name] for name in names] == [1, 0, 0, LIFECYCLES.index("prospect")]
    assert np.isnan(after["rfm_recency_days"])


@pytest.mark.parametrize(
    ("days", "as_of", "stage"),
    [
        ([], 10, "prospect"),
        ([5], 35, "new"),
        ([5], 35.25, "active"),
        ([5], 5 + 60.25, "at_risk"),  # one order: a gap of 30 days is usual
        ([5], 5 + 120.25, "lapsed"),
        ([0, 20, 40], 40 + 40, "active"),
        ([0, 20, 40], 40 + 40.25, "at_risk"),
        ([0, 20, 40], 40 + 80.25, "lapsed"),
        ([0, 1, 2], 2 + 14.25, "at_risk"),  # a gap of one day counts as seven
        ([80, 81], 81 + 13, "new"),
    ],
)
def test_stages_of_life(diary, twin, at, days, as_of, stage):
    rows = [{"person": "a", "day": 0, "name": "page_view"}]
    rows += [{"person": "a", "day": day, "name": "purchase", "value": 1.0} for day in days]
    found = worth_features(twin.rows_of(diary(rows).histories, ["a"], at(as_of)), SHOP)
    assert LIFECYCLES[int(found["lifecycle"][0].as_py())] == stage


def test_without_an_average_nothing_is_expected(ten, twin, at):
    rows = twin.rows_of(ten.histories, ["a", "nobody"], at(100))
    assert np.isnan(worth_features(rows, Knowledge.of())["expected_value_365d"][0].as_py())
    assert np.isnan(worth_features(rows, SHOP)["expected_value_365d"][1].as_py())


def by_hand(events, orders):
    bought = [event for event in events if event["name"] == "purchase"]
    year = [event for event in bought if event["age"] <= 365]
    standing = orders([event for event in bought if not event["gone"]])
    gross = sum(event["money"] for event in year)
    net = sum(event["net_money"] for event in year)
    count = len(standing)
    known = max((event["age"] for event in events), default=np.nan)
    rate = (count + 90 * 10 / 1000) / (known + 90)
    return {
        "refund_rate": (gross - net) / gross if gross else np.nan,
        "rfm_recency_days": standing[-1] if standing else np.nan,
        "rfm_frequency": count,
        "rfm_monetary": net,
        "net_order_value": net / count if count else np.nan,
        "expected_value_365d": 365 * rate * (net + 2 * 50) / (count + 2),
        "known_days": known,
    }


@given(data=st.data())
def test_a_loop_over_dicts_agrees(diary, twin, at, data):
    book = diary(data.draw(twin.events()))
    table = worth_features(twin.rows_of(book.histories, ["a", "b"], at(95)), SHOP)
    for row, person in enumerate("ab"):
        found = twin.one_row(table, row)
        found.pop("lifecycle")
        expected = by_hand(book.before(person, 95), twin.orders)
        assert found == pytest.approx(expected, nan_ok=True)


def test_parts_of_the_persons_add_up(ten, twin, at):
    histories = ten.histories
    whole = SpendCounts.of(histories.as_of([0, 1], at(100)))
    parts = [SpendCounts.of(histories.as_of([person], at(100))) for person in (0, 1)]
    assert parts[0] + parts[1] == whole == SpendCounts(at(100), 3.0, 98.0, 97.75 + 1)


def test_parts_of_different_moments_do_not_add_up(at):
    with pytest.raises(ValueError, match="as_of is 0 and 1, must be one moment"):
        AVERAGE + SpendCounts(1, 0, 0, 0)


def test_rows_of_different_moments_make_no_average(ten, at):
    view = ten.histories.as_of([0, 1], [at(9), at(10)])
    with pytest.raises(ValueError, match="2 different times, must be one for all rows"):
        SpendCounts.of(view)
