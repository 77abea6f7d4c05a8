"""GA4 events as BigQuery exports them: nested `event_params` and `items`, as JSON lines or Parquet.

Source: GA4 BigQuery export schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from features import columns as c
from features.sources.event_names import EventNamesConfig
from features.sources.nested import (
    NestedConfig,
    Texts,
    first_id,
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
_GRANTED: Final = {
    "yes": True, "granted": True, "true": True, "no": False, "denied": False, "false": False,
}  # fmt: skip

Consent = Literal["ads_storage", "ad_user_data", "ad_personalization", "analytics_storage"]
"""Consents of Google's consent mode: the export states the storages, sites may send all of them as event parameters."""


class Ga4Config(NestedConfig):
    """Files of a GA4 export."""

    kind: Literal["ga4"] = "ga4"

    personalisation_needs: tuple[Consent, ...] = Field(
        default=("ads_storage", "ad_user_data", "ad_personalization"), min_length=1
    )
    """What must be granted for personalised advertising; one that is not stated is not granted. The export itself states
    only `ads_storage`: name that alone if your consent banner makes it stand for all three."""

    measurement_needs: tuple[Consent, ...] = Field(default=("analytics_storage",), min_length=1)
    """What must be granted for measurement."""

    time: TimeConfig = TimeConfig(unit="microseconds")
    """`event_timestamp` counts microseconds."""

    event_names: EventNamesConfig = EventNamesConfig(preset="ga4")
    """Which event name is which; list under `ignored` those that are not wanted, such as `scroll`."""


def read_ga4(config: Ga4Config, path: Path, *, name: str) -> RawEvents:
    """Unchecked events of one file, one per item of an event; `name` is what its rows call their source."""
    return read_nested(
        config,
        path,
        name=name,
        event_names=config.event_names,
        expand=lambda row: expand_event(row, config),
    )


def expand_event(row: Mapping[str, Any], config: Ga4Config) -> list[Texts]:
    """One exported event as events: one per item, or one when it has none."""
    params = parameters(row.get("event_params"))
    listed = row.get("items")
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    shared: Texts = {
        c.EVENT_NAME: text_of(row.get("event_name")),
        c.TIME: text_of(row.get("event_timestamp")),
        c.ANONYMOUS_ID: text_of(row.get("user_pseudo_id")),
        c.USER_ID: text_of(row.get("user_id")),
        c.CURRENCY: params.get("currency"),
        c.TRANSACTION_ID: first_id(
            inside(row, "ecommerce", "transaction_id"), params.get("transaction_id")
        ),
        c.PAGE: params.get("page_location"),
        c.CONSENT_PERSONALISATION: _consent(row, params, config.personalisation_needs),
        c.CONSENT_MEASUREMENT: _consent(row, params, config.measurement_needs),
    }
    if not items:
        return [{**shared, c.VALUE: params.get("value"), c.CATEGORY: _list_of(params)}]
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


def _consent(
    row: Mapping[str, Any], params: Mapping[str, str], needs: tuple[Consent, ...]
) -> str | None:
    """`false` when one is denied, `true` when all are granted, else unknown."""
    stated = []
    for name in needs:
        # consent mode itself spells the storage without s
        written = first_text(
            inside(row, "privacy_info", name),
            params.get(name),
            params.get(name.replace("ads_", "ad_")),
        )
        stated.append(_GRANTED.get((written or "").casefold()))
    if False in stated:
        return "false"
    return "true" if all(stated) else None


def _list_of(holder: Mapping[str, Any]) -> str | None:
    """Name of the list that an event or an item belongs to, else its id."""
    return first_id(holder.get("item_list_name"), holder.get("item_list_id"))


def _item(item: Mapping[str, Any], alone: str | None, params: Mapping[str, str]) -> Texts:
    quantity = text_of(item.get("quantity"))
    path = [text for name in _CATEGORIES if (text := first_id(item.get(name)))]
    return {
        c.ITEM_ID: text_of(item.get("item_id")),
        c.QUANTITY: quantity,
        c.VALUE: line_value(item, quantity, alone=alone),
        c.CATEGORY: " > ".join(path) or _list_of(item) or _list_of(params),
        c.CURRENCY: first_id(item.get("currency"), params.get("currency")),
    }
