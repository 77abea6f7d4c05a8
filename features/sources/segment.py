"""Segment track calls: one JSON object per call, an order's products become one event each.

Source: Segment e-commerce spec v2.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from features import columns as c
from features.sources.event_names import EventNamesConfig
from features.sources.nested import (
    NestedConfig,
    Texts,
    first_text,
    inside,
    line_value,
    read_nested,
    text_of,
)
from features.sources.raw_events import RawEvents


class SegmentConfig(NestedConfig):
    """Files of Segment calls."""

    kind: Literal["segment"] = "segment"

    event_names: EventNamesConfig = EventNamesConfig(preset="segment")
    """Which event name is which."""

    item_key: Literal["product_id", "sku"] = "product_id"
    """Which of a product's ids is the feed's id; they often differ, and then no item matches."""

    personalisation_category: str = "Advertising"
    """Category of `context.consent.categoryPreferences` that allows personalised advertising."""

    measurement_category: str = "Analytics"
    """Category of `context.consent.categoryPreferences` that allows measurement."""


def read_segment(config: SegmentConfig, path: Path, *, name: str) -> RawEvents:
    """Unchecked events of the calls of one file; `name` is what its rows call their source.

    A `page` call is named `page`, every other call by its `event`.
    """
    return read_nested(
        config,
        path,
        name=name,
        event_names=config.event_names,
        expand=lambda call: expand_call(call, config),
    )


def _on_own_page(call: Mapping[str, Any]) -> bool:
    """Whether `properties.url`, the page of the product, is also the page of the call."""
    return call.get("type") == "page" or call.get("event") == "Product Viewed"


def expand_call(call: Mapping[str, Any], config: SegmentConfig) -> list[Texts]:
    """One call as events: one per product, or one when it has none."""
    properties = call.get("properties")
    details: Mapping[str, Any] = properties if isinstance(properties, dict) else {}
    listed = details.get("products")
    products = [p for p in listed if isinstance(p, dict)] if isinstance(listed, list) else []
    message = text_of(call.get("messageId"))
    consent = inside(call, "context", "consent", "categoryPreferences") or {}
    shared: Texts = {
        c.EVENT_NAME: first_text(call.get("event"), call.get("type")),
        c.TIME: first_text(call.get("timestamp"), call.get("originalTimestamp")),
        c.ANONYMOUS_ID: text_of(call.get("anonymousId")),
        c.USER_ID: text_of(call.get("userId")),
        c.TRANSACTION_ID: text_of(details.get("order_id")),
        c.PAGE: first_text(
            inside(call, "context", "page", "url"), details.get("url") if _on_own_page(call) else None
        ),
        c.CONSENT_PERSONALISATION: text_of(inside(consent, config.personalisation_category)),
        c.CONSENT_MEASUREMENT: text_of(inside(consent, config.measurement_category)),
    }  # fmt: skip
    total = first_text(details.get("revenue"), details.get("value"), details.get("total"))
    rows: list[Mapping[str, Any]] = [*products] or [details]
    events = []
    for number, product in enumerate(rows):
        quantity = text_of(product.get("quantity"))
        event = {
            **shared,
            c.EVENT_ID: message if number == 0 or message is None else f"{message}#{number + 1}",
            c.ITEM_ID: text_of(product.get(config.item_key)),
            c.QUANTITY: quantity,
            c.VALUE: line_value(product, quantity, alone=total if len(rows) == 1 else None),
            c.CATEGORY: first_text(product.get("category"), details.get("category")),
            c.CURRENCY: first_text(product.get("currency"), details.get("currency")),
        }
        events.append(event)
    return events
