"""Segment and GA4: an order becomes one event per item, and no row is lost."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.config import validate
from features.sources.ga4 import Ga4Config, read_ga4
from features.sources.segment import SegmentConfig, read_segment

ORDER = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "m1",
    "anonymousId": "anon",
    "userId": 17,
    "timestamp": "2026-03-01T10:00:00.000Z",
    "context": {
        "page": {"url": "https://shop.example/thanks"},
        "consent": {"categoryPreferences": {"Advertising": False, "Analytics": True}},
    },
    "properties": {
        "order_id": "O1",
        "currency": "EUR",
        "revenue": 40,
        "products": [
            {"product_id": "p1", "sku": "s1", "price": 10.5, "quantity": 2, "category": "Cups"},
            {"product_id": "p2", "sku": "s2", "price": 19},
        ],
    },
}


def purchase(**event):
    """A GA4 export row."""
    params = {"currency": "EUR", "value": 40.0, "page_location": "https://shop.example/thanks"}
    return {
        "event_name": "purchase", "event_timestamp": 1772359200000000, "user_pseudo_id": "1.2",
        "event_params": [
            {"key": key, "value": {"string_value": v if isinstance(v, str) else None,
                                   "double_value": None if isinstance(v, str) else v}}
            for key, v in params.items()
        ],
        "ecommerce": {"transaction_id": "O1"},
        "privacy_info": {"ads_storage": "Yes", "analytics_storage": "No"},
        "items": [
            {"item_id": "p1", "price": 10.5, "quantity": 2, "item_category": "Cups", "item_category2": "Red"},
            {"item_id": "p2", "price": 19.0, "quantity": None, "item_category": None, "item_category2": None},
        ],
        **event,
    }  # fmt: skip


def write(folder, *rows):
    (folder / "e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def segment(folder, *calls, **options):
    write(folder, *calls)
    config = validate(SegmentConfig, {"files": ["e.jsonl"], **options}, subject="test")
    return read_segment(config, folder / "e.jsonl", name="e.jsonl")


def ga4(folder, *rows, **options):
    write(folder, *rows)
    config = validate(Ga4Config, {"files": ["e.*"], **options}, subject="test")
    return read_ga4(config, folder / "e.jsonl", name="e.jsonl")


NAMES = (
    "event_id",
    "event_name",
    "item_id",
    "quantity",
    "value",
    "currency",
    "transaction_id",
    "category",
)


def seen(result, *names):
    return [tuple(row[name] for name in names or NAMES) for row in result.events.to_pylist()]


def test_a_segment_order(tmp_path):
    result = segment(tmp_path, ORDER)
    assert seen(result) == [
        ("m1", "purchase", "p1", 2.0, 10.5 * 2, "EUR", "O1", "Cups"),
        ("m1#2", "purchase", "p2", None, 19.0, "EUR", "O1", None),
    ]
    assert seen(result, "user_id", "anonymous_id", "page", "line")[0] == (
        "17",
        "anon",
        "https://shop.example/thanks",
        1,
    )
    assert seen(result, "consent_personalisation", "consent_measurement")[0] == (False, True)
    assert result.rows == 1


def test_which_segment_id_is_the_feeds_is_declared(tmp_path):
    assert seen(segment(tmp_path, ORDER, item_key="sku"), "item_id") == [("s1",), ("s2",)]


def test_a_segment_call_without_products(tmp_path):
    view = {
        "event": "Product Viewed",
        "properties": {"product_id": "p1", "price": 5, "category": "Cups"},
        "timestamp": "2026-03-01T10:00:00Z",
    }
    bare = {"type": "page", "properties": None}
    result = segment(
        tmp_path, view, bare, event_names={"preset": "segment", "names": {"page": "page_view"}}
    )
    assert seen(result, "event_name", "item_id", "value", "time") == [
        ("view", "p1", 5.0, result.events["time"][0].as_py()),
        ("page_view", None, None, None),
    ]


def test_an_order_of_one_product_without_price_keeps_the_orders_money(tmp_path):
    one = {**ORDER, "properties": {**ORDER["properties"], "products": [{"product_id": "p1"}]}}
    two = {
        **ORDER,
        "properties": {
            **ORDER["properties"],
            "products": [{"product_id": "p1"}, {"product_id": "p2"}],
        },
    }
    assert seen(segment(tmp_path, one), "value") == [(40.0,)]
    assert seen(segment(tmp_path, two), "value") == [(None,), (None,)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"event": "Order Frozen"}, "unknown_event"),
        ({"event": ["x"], "type": None}, "unknown_event"),
        ({"timestamp": 5}, "bad_timestamp"),
        ({"properties": {"order_id": "", "products": []}}, "empty_transaction_id"),
        ({"properties": {"order_id": "O1", "products": [{"price": "ten"}]}}, "bad_value"),
        ({"properties": {"order_id": "O1", "products": [{"quantity": {}}, {"quantity": "two"}]}}, "bad_quantity"),
    ],
)  # fmt: skip
def test_a_bad_segment_call_is_one_reject(tmp_path, change, code):
    result = segment(tmp_path, {**ORDER, **change}, ORDER)
    assert result.counts == {code: 1}
    assert set(result.events["line"].to_pylist()) == {2}
    assert result.rows == 2


def test_a_ga4_purchase(tmp_path):
    result = ga4(tmp_path, purchase())
    assert seen(result)[0][1:] == ("purchase", "p1", 2.0, 10.5 * 2, "EUR", "O1", "Cups > Red")
    assert seen(result)[1][1:] == ("purchase", "p2", None, 19.0, "EUR", "O1", None)
    assert seen(result, "consent_personalisation", "consent_measurement", "page")[0] == (
        None,
        False,
        "https://shop.example/thanks",
    )
    assert len({row[0] for row in seen(result)}) == 2


def test_ga4_reads_alike_from_parquet(tmp_path):
    rows = [purchase(), purchase(event_name="view_item", ecommerce={"transaction_id": None})]
    text = ga4(tmp_path, *rows)
    (tmp_path / "e.jsonl").unlink()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    typed = read_ga4(Ga4Config(files=("e.*",)), tmp_path / "e.parquet", name="e.parquet")
    assert typed.events.drop_columns(["source"]).equals(text.events.drop_columns(["source"]))


def test_ga4_names_that_are_not_wanted(tmp_path):
    rows = [
        purchase(event_name="scroll"),
        purchase(event_name="session_start"),
        purchase(event_name="view_cart", items=[]),
    ]
    result = ga4(tmp_path, *rows, event_names={"preset": "ga4", "ignored": ["scroll"]})
    assert result.counts == {"ignored_event": 1, "unknown_event": 1}
    assert seen(result, "event_name", "value") == [("cart_view", 40.0)]


def with_params(**params):
    """A GA4 row with further event parameters."""
    row = purchase()
    more = [{"key": key, "value": {"string_value": value}} for key, value in params.items()]
    return {**row, "event_params": row["event_params"] + more}


USER_DATA, PERSONAL = {"ad_user_data": "granted"}, {"ad_personalization": "granted"}


@pytest.mark.parametrize(
    ("row", "options", "expected"),
    [
        (purchase(), {}, None),
        (with_params(**USER_DATA), {}, None),
        (with_params(**USER_DATA, **PERSONAL), {}, True),
        (with_params(**USER_DATA, ad_personalization="denied"), {}, False),
        ({**with_params(**USER_DATA, **PERSONAL), "privacy_info": {"ads_storage": "No"}}, {}, False),
        ({**with_params(**USER_DATA, **PERSONAL), "privacy_info": {"ads_storage": "Unset"}}, {}, None),
        ({**with_params(**USER_DATA, **PERSONAL, ad_storage="granted"), "privacy_info": None}, {}, True),
        (purchase(), {"personalisation_needs": ["ads_storage"]}, True),
        (purchase(privacy_info={"ads_storage": "No"}), {"personalisation_needs": ["ads_storage"]}, False),
        (purchase(privacy_info={"ads_storage": "Unset"}), {"personalisation_needs": ["ads_storage"]}, None),
    ],
)  # fmt: skip
def test_ga4_consent_needs_every_part_of_it(tmp_path, row, options, expected):
    assert seen(ga4(tmp_path, row, **options), "consent_personalisation")[0] == (expected,)


def test_ga4_placeholders_are_no_category_and_no_transaction(tmp_path):
    row = with_params(transaction_id="O7", item_list_name="Sale")
    item = {
        "item_id": "p1",
        "price": 1,
        "item_category": "(not set)",
        "item_category2": "(not set)",
    }
    named = {**item, "item_list_name": "New in", "currency": "USD"}
    filed = {**item, "item_category2": "Red"}
    row |= {"ecommerce": {"transaction_id": "(not set)"}, "items": [item, named, filed]}
    assert seen(ga4(tmp_path, row), "transaction_id", "category", "currency") == [
        ("O7", "Sale", "EUR"),
        ("O7", "New in", "USD"),
        ("O7", "Red", "EUR"),
    ]


def test_an_empty_ga4_transaction_id_is_refused(tmp_path):
    assert ga4(tmp_path, purchase(ecommerce={"transaction_id": ""})).counts == {
        "empty_transaction_id": 1
    }


@pytest.mark.parametrize(
    ("change", "page"),
    [
        ({"event": "Product Viewed"}, "https://shop.example/p1"),
        ({"event": "page", "type": "page"}, "https://shop.example/p1"),
        ({"event": "Product Added"}, None),
        ({"event": "Product Added", "context": {"page": {"url": "https://x.example/"}}}, "https://x.example/"),
    ],
)  # fmt: skip
def test_the_page_of_a_product_is_the_page_of_the_call_only_when_it_is_viewed(
    tmp_path, change, page
):
    properties = {"product_id": "p1", "url": "https://shop.example/p1"}
    call = {**ORDER, "context": {}, "properties": properties, **change}
    names = {"preset": "segment", "names": {"page": "page_view"}}
    assert seen(segment(tmp_path, call, event_names=names), "page") == [(page,)]
