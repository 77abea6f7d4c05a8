"""Every event of the GA4 and Segment mapping tables, as its vendor writes it, through a whole ingestion."""

from __future__ import annotations

import json

import pytest
import yaml

from features import columns as c
from features.project import Project
from features.sources.event_names import read_event_names
from features.steps.ingest import ingest
from features.tables import EVENTS, REJECTS

NOON = 1_772_359_200_000_000
"""2026-03-01T10:00:00Z in microseconds."""

CUP = {"id": "SKU-1", "price": 10.5, "quantity": 2, "category": "Cups"}
MUG = {"id": "SKU-2", "price": 19.0, "quantity": 1, "category": "Mugs"}


def ga4_item(item, index):
    """All fields of an item in the GA4 export."""
    return {
        "item_id": item["id"], "item_name": f"Thing {item['id']}", "item_brand": "Own", "item_variant": "Blue",
        "item_category": item["category"], "item_category2": "(not set)", "item_category3": None,
        "price": item["price"], "price_in_usd": item["price"], "quantity": item["quantity"], "coupon": None,
        "affiliation": "(not set)", "location_id": None, "item_list_id": "home", "item_list_name": "Home",
        "item_list_index": str(index), "discount": None,
    }  # fmt: skip


def ga4_row(number, name, items, **params):
    values = {
        "page_location": "https://shop.example/here", "ga_session_id": 7, "currency": "EUR", "engagement_time_msec": 12,
        **params,
    }  # fmt: skip
    kinds = {str: "string_value", int: "int_value", float: "double_value"}
    empty = dict.fromkeys(["string_value", "int_value", "float_value", "double_value"])
    return {
        "event_date": "20260301",
        "event_timestamp": NOON + number * 60_000_000,
        "event_name": name,
        "event_params": [
            {"key": key, "value": {**empty, kinds[type(value)]: value}} for key, value in values.items()
        ],
        "user_id": None,
        "user_pseudo_id": "1234.5678",
        "privacy_info": {"analytics_storage": "Yes", "ads_storage": "Yes", "uses_transient_token": "No"},
        "ecommerce": {"transaction_id": params.get("transaction_id", "(not set)")},
        "items": [ga4_item(item, index) for index, item in enumerate(items)],
        "platform": "WEB",
    }  # fmt: skip


GA4 = [
    ("view_item_list", [CUP, MUG], {"item_list_id": "home", "item_list_name": "Home"}),
    ("select_item", [CUP], {"item_list_id": "home", "item_list_name": "Home"}),
    ("view_item", [CUP], {"value": 10.5}),
    ("add_to_cart", [CUP], {"value": 21.0}),
    ("remove_from_cart", [MUG], {"value": 19.0}),
    ("view_cart", [CUP], {"value": 21.0}),
    ("begin_checkout", [CUP], {"value": 21.0, "coupon": "SPRING"}),
    ("generate_lead", [], {"value": 30.0, "lead_source": "form"}),
    ("purchase", [CUP, MUG], {"transaction_id": "O1", "value": 40.0, "shipping": 4.0, "tax": 3.0}),
    ("refund", [MUG], {"transaction_id": "O1", "value": 19.0}),
]


def segment_product(item, position=1):
    """All properties of a product in Segment's e-commerce spec."""
    return {
        "product_id": item["id"], "sku": f"sku-{item['id']}", "category": item["category"],
        "name": f"Thing {item['id']}", "brand": "Own", "variant": "200 ml", "price": item["price"],
        "quantity": item["quantity"], "coupon": "SPRING", "position": position,
        "url": f"https://shop.example/{item['id']}", "image_url": f"https://shop.example/{item['id']}.jpg",
    }  # fmt: skip


ORDER = {"checkout_id": "C1", "order_id": "O1", "affiliation": "Web", "subtotal": 40.0, "total": 47.0,
         "revenue": 40.0, "shipping": 4.0, "tax": 3.0, "discount": 0.0, "currency": "EUR"}  # fmt: skip
SEGMENT = [
    ("Product List Viewed", {"list_id": "home", "category": "Deals", "products": [segment_product(CUP), segment_product(MUG, 2)]}),
    ("Product Clicked", segment_product(CUP)),
    ("Product Viewed", {**segment_product(CUP), "currency": "EUR", "value": 10.5}),
    ("Product Added", {"cart_id": "K1", **segment_product(CUP)}),
    ("Product Removed", {"cart_id": "K1", **segment_product(MUG)}),
    ("Cart Viewed", {"cart_id": "K1", "products": [segment_product(CUP)]}),
    ("Checkout Started", {**ORDER, "products": [segment_product(CUP)]}),
    ("Order Completed", {**ORDER, "products": [segment_product(CUP), segment_product(MUG, 2)]}),
    ("Order Refunded", {"order_id": "O1", "total": 19.0, "currency": "EUR", "products": [segment_product(MUG)]}),
]  # fmt: skip


def segment_call(number, name, properties):
    return {
        "type": "track",
        "event": name,
        "messageId": f"m{number}",
        "anonymousId": "anon-1",
        "userId": None,
        "timestamp": f"2026-03-01T10:{number:02d}:00.000Z",
        "originalTimestamp": f"2026-03-01T10:{number:02d}:01.000Z",
        "receivedAt": f"2026-03-01T10:{number:02d}:02.000Z",
        "context": {
            "page": {"url": "https://shop.example/here", "path": "/here", "referrer": ""},
            "consent": {"categoryPreferences": {"Advertising": True, "Analytics": True, "Functional": True}},
        },
        "properties": properties,
    }  # fmt: skip


ROWS = {
    "ga4": [ga4_row(n, name, items, **params) for n, (name, items, params) in enumerate(GA4)],
    "segment": [segment_call(n, name, properties) for n, (name, properties) in enumerate(SEGMENT)],
}
WRITTEN = {"ga4": [name for name, _, _ in GA4], "segment": [name for name, _ in SEGMENT]}
LEAD = [("lead", None, None, 30.0)]


@pytest.mark.parametrize("kind", ROWS)
def test_every_name_of_the_mapping_has_a_row(kind):
    assert sorted(read_event_names()[kind]) == sorted(map(str.casefold, WRITTEN[kind]))


@pytest.mark.parametrize("kind", ROWS)
def test_every_event_arrives_with_its_item_money_and_order(kind, tmp_path):
    (tmp_path / "e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[kind]))
    content = {
        "name": "shop",
        "workspace": "out",
        "as_of": "2026-03-02",
        "currency": "EUR",
        "source": {"kind": kind, "files": ["e.jsonl"], "currency": "EUR"},
    }
    (tmp_path / "project.yaml").write_text(yaml.safe_dump(content))
    run = ingest(Project(tmp_path))
    assert run.read(REJECTS).to_pylist() == []
    events = run.read(EVENTS).sort_by([(c.LINE, "ascending"), (c.ITEM_ID, "ascending")]).to_pylist()
    found = [
        (row[c.EVENT_NAME], row[c.ITEM_ID], row[c.TRANSACTION_ID], row[c.VALUE]) for row in events
    ]
    checkout = "O1" if kind == "segment" else None
    assert found == [
        ("view_list", "SKU-1", None, 10.5 * 2),
        ("view_list", "SKU-2", None, 19.0),
        ("select", "SKU-1", None, 10.5 * 2),
        ("view", "SKU-1", None, 10.5 * 2),
        ("cart_add", "SKU-1", None, 10.5 * 2),
        ("cart_remove", "SKU-2", None, 19.0),
        ("cart_view", "SKU-1", None, 10.5 * 2),
        ("checkout", "SKU-1", checkout, 10.5 * 2),
        *(LEAD if kind == "ga4" else []),
        ("purchase", "SKU-1", "O1", 10.5 * 2),
        ("purchase", "SKU-2", "O1", 19.0),
        ("refund", "SKU-2", "O1", 19.0),
    ]
    items = [row for row in events if row[c.ITEM_ID]]
    assert {row[c.CATEGORY] for row in items} == {"Cups", "Mugs"}
    assert {row[c.PAGE] for row in events} == {"https://shop.example/here"}
    assert {row[c.CURRENCY] for row in events} == {"EUR"}
    consent = None if kind == "ga4" else True
    assert {row[c.CONSENT_PERSONALISATION] for row in events} == {consent}
    assert {row[c.CONSENT_MEASUREMENT] for row in events} == {True}
    assert {(row[c.TIME].hour, row[c.TIME].minute) for row in events} == {
        (10, n) for n in range(len(ROWS[kind]))
    }


def test_segment_items_by_sku(tmp_path):
    (tmp_path / "e.jsonl").write_text(json.dumps(ROWS["segment"][2]) + "\n")
    content = {
        "name": "shop",
        "workspace": "out",
        "as_of": "2026-03-02",
        "currency": "EUR",
        "source": {"kind": "segment", "files": ["e.jsonl"], "item_key": "sku"},
    }
    (tmp_path / "project.yaml").write_text(yaml.safe_dump(content))
    assert ingest(Project(tmp_path)).read(EVENTS)[c.ITEM_ID].to_pylist() == ["sku-SKU-1"]
