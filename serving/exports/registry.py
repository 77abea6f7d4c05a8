"""Which code writes which kind of export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from serving.exports import (
    bid_inputs,
    google_ads_feed,
    google_customer_match,
    item_lists,
    merchant_feed,
    meta_audience,
    meta_catalog,
    personalize,
    suppression_list,
)
from serving.exports.base import Format, Outcome
from serving.exports.facts import ExportFacts


@dataclass(frozen=True)
class Platform:
    """How one kind of export is made.

    Attributes:
        prepare: name, config and facts -> rows, or why there are none.
        file_format: config and facts -> how the rows are written and read again.
        audience: the platform keeps a list of persons, so what is new and what is gone are written apart too.
    """

    prepare: Callable[[str, Any, ExportFacts], Outcome]
    file_format: Callable[[Any, ExportFacts], Format]
    audience: bool = False


PLATFORMS: Final[dict[str, Platform]] = {
    "google_customer_match": Platform(
        google_customer_match.prepare, google_customer_match.file_format, audience=True
    ),
    "google_ads_feed": Platform(google_ads_feed.prepare, google_ads_feed.file_format),
    "merchant_feed": Platform(merchant_feed.prepare, merchant_feed.file_format),
    "meta_audience": Platform(meta_audience.prepare, meta_audience.file_format, audience=True),
    "meta_catalog": Platform(meta_catalog.prepare, meta_catalog.file_format),
    "personalize": Platform(personalize.prepare, personalize.file_format),
    "suppression_list": Platform(
        suppression_list.prepare, suppression_list.file_format, audience=True
    ),
    "item_lists": Platform(item_lists.prepare, item_lists.file_format),
    "bid_inputs": Platform(bid_inputs.prepare, bid_inputs.file_format),
}
