"""Item features as arithmetic on ten events, shrinkage by hand, ratios to the category."""

from __future__ import annotations

import numpy as np
import pytest

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
