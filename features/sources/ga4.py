"""GA4 events as BigQuery exports them: nested `event_params` and `items`, as JSON lines or Parquet.

Source: GA4 BigQuery export schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

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
from features.sources.raw_events import RawEvents, TimeConfig

_TYPED: Final = ("string_value", "int_value", "double_value", "float_value")
_CATEGORIES: Final = (
    "item_category", "item_category2", "item_category3", "item_category4", "item_category5",
)  # fmt: skip
_GRANTED: Final = {"yes": "true", "no": "false"}


class Ga4Config(NestedConfig):
    """Files of a GA4 export."""

    kind: Literal["ga4"] = "ga4"

    time: TimeConfig = TimeConfig(unit="microseconds")
    """`event_timestamp` counts microseconds."""

    event_names: EventNamesConfig = EventNamesConfig(preset="ga4")
    """Which event name is which; list under `ignored` those that are not wanted, such as `scroll`."""


def read_ga4(config: Ga4Config, path: Path, *, name: str) -> RawEvents:
    """Unchecked events of one file, one per item of an event; `name` is what its rows call their source."""
    return read_nested(config, path, name=name, event_names=config.event_names, expand=expand_event)


def expand_event(row: Mapping[str, Any]) -> list[Texts]:
    """One exported event as events: one per item, or one when it has none."""
    params = parameters(row.get("event_params"))
    listed = row.get("items")
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    allowed = first_text(inside(row, "privacy_info", "ads_storage"))
    measured = first_text(inside(row, "privacy_info", "analytics_storage"))
    shared: Texts = {
        c.EVENT_NAME: text_of(row.get("event_name")),
        c.TIME: text_of(row.get("event_timestamp")),
        c.ANONYMOUS_ID: text_of(row.get("user_pseudo_id")),
        c.USER_ID: text_of(row.get("user_id")),
        c.CURRENCY: params.get("currency"),
        c.TRANSACTION_ID: first_text(
            inside(row, "ecommerce", "transaction_id"), params.get("transaction_id")
        ),
        c.PAGE: params.get("page_location"),
        c.CONSENT_PERSONALISATION: _GRANTED.get((allowed or "").casefold()),
        c.CONSENT_MEASUREMENT: _GRANTED.get((measured or "").casefold()),
    }
    if not items:
        return [{**shared, c.VALUE: params.get("value"), c.CATEGORY: params.get("item_list_name")}]
    alone = params.get("value") if len(items) == 1 else None
    return [{**shared, **_item(item, alone, params)} for item in items]


def parameters(listed: Any) -> dict[str, str]:
    """`event_params` as texts by key; the first value of a key counts."""
    found: dict[str, str] = {}
    for entry in listed if isinstance(listed, list) else []:
        key = text_of(inside(entry, "key"))
        value = first_text(*(inside(entry, "value", kind) for kind in _TYPED))
        if key is not None and value is not None:
            found.setdefault(key, value)
    return found


def _item(item: Mapping[str, Any], alone: str | None, params: Mapping[str, str]) -> Texts:
    quantity = text_of(item.get("quantity"))
    path = [text for name in _CATEGORIES if (text := text_of(item.get(name)))]
    return {
        c.ITEM_ID: text_of(item.get("item_id")),
        c.QUANTITY: quantity,
        c.VALUE: line_value(item, quantity, alone=alone),
        c.CATEGORY: " > ".join(path) or params.get("item_list_name"),
    }
