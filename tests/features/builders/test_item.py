"""Item features as arithmetic on ten events, shrinkage by hand, ratios to the category."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.builders.item import ITEM_FEATURES, item_features
from features.builders.knowledge import Knowledge

DAYS = (1, 3, 7, 14, 30, 90)


def spread(stage, values):
    return {f"item_{stage}_{days}d": value for days, value in zip(DAYS, values, strict=True)}


def test_ten_events_and_another_person(ten, attributes, twin, at):
    shop = twin.known(ten.histories, attributes, at(100))
    found = twin.one_row(item_features(shop), shop.item_ids.tolist().index("y"))
    # persons who touched, carted or bought, bought: w 0 0 0, x 1 1 1, y 2 1 1, z 1 1 1
    bought_of_touched = 3 / 4
    conversion_p = (2 + 20 * bought_of_touched) / (3 + 20)
    carted_p = (2 + 20 * 3 / 4) / (3 + 20)
    purchase_p = (2 + 20 * 3 / 3) / (2 + 20)
    assert found == pytest.approx(
        {
            **spread("view", [1] * 6),
            **spread("cart_add", [0] * 6),
            **spread("purchase", [0, 0, 0, 1, 1, 1]),
            "item_view_trend": 1 / (1 * 7 / 30),
            "item_cart_add_trend": np.nan,
            "item_purchase_trend": 0,
            "item_persons_90d": 2,
            "item_buyers_90d": 1,
            "item_revenue_90d": 90 - 30,
            "item_cart_rate": (1 + 20 * carted_p) / (2 + 20),
            "item_purchase_rate": (1 + 20 * purchase_p) / (1 + 20),
            "item_conversion": (1 + 20 * conversion_p) / (2 + 20),
            "item_repeat_days": np.nan,
            "item_sold_days": 10,
            "item_age_days": 10,
            "item_price": 30,
            "item_price_ratio": 30 / 20,
            "item_margin_tier": np.nan,
            "item_availability": 1,
            "item_best_seller": np.nan,
            "item_category": 0,
            "item_category_conversion": conversion_p,
            "item_category_share": 2 / 3,
        },
        nan_ok=True,
    )


def test_repeats_and_items_without_events(ten, attributes, twin, at):
    shop = twin.known(ten.histories, attributes, at(100))
    table = item_features(shop)
    w, x, _, z = (twin.one_row(table, row) for row in range(4))
    assert x["item_repeat_days"] == 98.5 - 2.25
    assert (z["item_price_ratio"], z["item_availability"]) == (7 / 7, 2)
    assert (w["item_view_90d"], w["item_persons_90d"]) == (0, 0)
    assert w["item_conversion"] == w["item_category_conversion"] == (1 + 20 * 3 / 4) / (1 + 20)
    assert np.isnan(w["item_age_days"])


def test_an_item_of_no_catalog_is_drawn_towards_all(diary, attributes, twin, at):
    rows = [{"person": "a", "day": 1, "name": name, "item": "u"} for name in ("view", "purchase")]
    rows.append({"person": "b", "day": 1, "name": "view", "item": "x"})
    shop = twin.known(diary(rows).histories, attributes, at(2))
    found = twin.one_row(item_features(shop), shop.item_ids.tolist().index("u"))
    assert found["item_conversion"] == (1 + 20 * 1 / 2) / (1 + 20)
    assert np.isnan(found["item_category"])
    assert np.isnan(found["item_category_share"])


def test_without_events_nothing_is_shared(diary, attributes, twin, at):
    rows = [{"person": "a", "day": 1, "name": "page_view"}]
    shop = twin.known(diary(rows).histories, attributes, at(2))
    found = twin.one_row(item_features(shop), 1)
    never = {feature.name for feature in ITEM_FEATURES if feature.missing == "never"}
    assert all(found[name] == 0 for name in never)
    assert np.isnan(found["item_conversion"])
    assert np.isnan(found["item_category_share"])


def test_counts_are_needed(attributes):
    with pytest.raises(ValueError, match="the knowledge has no counts"):
        item_features(Knowledge.of(attributes=attributes))


def shrunken(top, bottom, item, items):
    """Rate of an item drawn towards its category's, which is drawn towards that of all; and the latter."""
    if not sum(bottom[other] for other in items):
        return np.nan, np.nan
    rate = sum(top[other] for other in items) / sum(bottom[other] for other in items)
    alike = [other for other in items if CATEGORY[other] == CATEGORY[item]]
    if CATEGORY[item]:
        rate = (sum(top[o] for o in alike) + 20 * rate) / (sum(bottom[o] for o in alike) + 20)
    return (top[item] + 20 * rate) / (bottom[item] + 20), rate


CATEGORY = {"w": "q", "x": "p", "y": "p", "z": "q", "u": None}
STAGES = ("view", "cart_add", "purchase")


def by_hand(book, item, items):
    """Features of an item from the events of everybody, day 95."""
    everybody = [(person, event) for person in "ab" for event in book.before(person, 95)]
    events = [(who, e) for who, e in everybody if e["name"] in STAGES and not e["gone"]]
    mine = [(who, event) for who, event in events if event["item"] == item]
    sold = [event for _, event in mine if event["name"] == "purchase"]

    def persons(depth):
        return {
            other: len(
                {
                    who
                    for who, event in events
                    if event["item"] == other
                    and event["age"] <= 90
                    and STAGES.index(event["name"]) >= depth
                }
            )
            for other in items
        }

    touched, carted, bought = (persons(depth) for depth in range(3))
    found = {
        f"item_{stage}_{days}d": sum(e["name"] == stage and e["age"] <= days for _, e in mine)
        for stage in STAGES
        for days in DAYS
    }
    conversion, prior = shrunken(bought, touched, item, items)
    alike = [other for other in items if CATEGORY[other] == CATEGORY[item]]
    everything = sum(bought.values())
    return found | {
        **{
            f"item_{stage}_trend": found[f"item_{stage}_7d"] / (month * 7 / 30) if month else np.nan
            for stage in STAGES
            for month in [found[f"item_{stage}_30d"]]
        },
        "item_persons_90d": touched[item],
        "item_buyers_90d": bought[item],
        "item_revenue_90d": sum(e["net_money"] for e in sold if e["age"] <= 90),
        "item_cart_rate": shrunken(carted, touched, item, items)[0],
        "item_purchase_rate": shrunken(bought, carted, item, items)[0],
        "item_conversion": conversion,
        "item_category_conversion": prior,
        "item_sold_days": min((event["age"] for event in sold), default=np.nan),
        "item_age_days": max((event["age"] for _, event in mine), default=np.nan),
        "item_category_share": sum(bought[other] for other in alike) / everything
        if everything and CATEGORY[item]
        else np.nan,
    }


@given(data=st.data())
def test_a_loop_over_dicts_agrees(diary, attributes, twin, at, data):
    book = diary([*data.draw(twin.events()), {"person": "a", "day": 0, "name": "page_view"}])
    shop = twin.known(book.histories, attributes, at(95))
    table, items = item_features(shop), shop.item_ids.tolist()
    for row, item in enumerate(items):
        found, expected = twin.one_row(table, row), by_hand(book, item, items)
        assert {name: found[name] for name in expected} == pytest.approx(expected, nan_ok=True)
