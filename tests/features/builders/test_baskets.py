"""Baskets and prices as arithmetic, and against a plain loop over dicts."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.builders.baskets import basket_features


def test_ten_events(ten, twin, at):
    rows = twin.rows_of(ten.histories, ["a"], at(100))
    assert twin.one_row(basket_features(rows)) == pytest.approx(
        {
            "orders_90d": 2,
            "basket_value": (90 + 6 + 12) / 2,
            "basket_lines": 3 / 2,
            "basket_units": (3 + 1 + 1) / 2,
            "unit_price_mean": (20 / 2 + 90 / 3 + 6 / 1 + 12 / 1) / 4,
            "unit_price_median": (10 + 12) / 2,
        }
    )


def test_nobody_has_no_basket(ten, twin, at):
    found = twin.one_row(basket_features(twin.rows_of(ten.histories, ["nobody", "b"], at(100))))
    assert found.pop("orders_90d") == 0
    assert all(np.isnan(value) for value in found.values())


@pytest.mark.parametrize(("days", "name"), [(90, "orders_90d"), (365, "unit_price_mean")])
def test_a_window_holds_its_first_moment(diary, twin, at, days, name):
    rows = [{"person": "a", "day": 0, "name": "purchase", "value": 1.0}]
    histories = diary(rows).histories
    found = [
        basket_features(twin.rows_of(histories, ["a"], at(days) + late))[name][0].as_py()
        for late in (0, 1)
    ]
    assert found[0] == 1
    assert found[1] != 1


def by_hand(events, orders):
    bought = [event for event in events if event["name"] == "purchase"]
    recent = [event for event in bought if event["age"] <= 90]
    prices = [
        event["value"] / event["units"]
        for event in bought
        if event["age"] <= 365 and event["value"] is not None and event["units"] > 0
    ]
    count = len(orders(recent))
    return {
        "orders_90d": count,
        "basket_value": sum(event["money"] for event in recent) / count if count else np.nan,
        "basket_lines": len(recent) / count if count else np.nan,
        "basket_units": sum(event["units"] for event in recent) / count if count else np.nan,
        "unit_price_mean": statistics.fmean(prices) if prices else np.nan,
        "unit_price_median": statistics.median(prices) if prices else np.nan,
    }


@given(data=st.data())
def test_a_loop_over_dicts_agrees(diary, twin, at, data):
    book = diary(data.draw(twin.events()))
    table = basket_features(twin.rows_of(book.histories, ["a", "b"], at(95.25)))
    for row, person in enumerate("ab"):
        assert twin.one_row(table, row) == pytest.approx(
            by_hand(book.before(person, 95.25), twin.orders), nan_ok=True
        )


@given(prices=st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_the_median_is_that_of_numpy(diary, twin, at, prices):
    rows = [{"person": "a", "day": 1, "name": "purchase", "value": float(p)} for p in prices]
    found = basket_features(twin.rows_of(diary(rows).histories, ["a"], at(2)))
    assert found["unit_price_median"][0].as_py() == np.median(prices)
