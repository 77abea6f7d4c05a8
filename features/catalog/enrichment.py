"""What cost, sales and the calendar say about each item, written into label slots that the merchant leaves free.

Everything is known strictly before `as_of`. Sales are units of `purchase` events; a purchase without quantity counts as
one unit, refunds take nothing back.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from features import columns as c
from features.arrays import BoolArray, FloatArray, IntArray
from features.catalog.limits import Limits, Severity, read_limits
from features.catalog.offer_price import offer_price
from features.catalog.rules.rule import MARKETING_OPERATIONS
from features.catalog.rules.texts import CUSTOM_LABELS
from features.config import BaseConfig
from features.contracts import check
from features.feed_tables import FEED_ISSUES, FEED_ITEMS, ITEM_ENRICHMENT
from features.histories.histories import MICROSECONDS_PER_DAY, microseconds

UNKNOWN: Final = "unknown"
IN_SEASON, OFF_SEASON, ALL_YEAR = "in_season", "off_season", "all_year"

SLOT_TAKEN: Final = "label_slot_taken"
SLOT_OVER_LIMIT: Final = "label_slot_over_limit"

_TIER_NAME: Final = re.compile(r"\w[\w .\-]*")
_MONTHS: Final = 12
_DECIMALS: Final = 9  # a margin of 30 % is 30 %, whatever the last bit of the division says

Slot = Literal[
    "custom_label_0", "custom_label_1", "custom_label_2", "custom_label_3", "custom_label_4"
]
Derived = Literal["margin_tier", "best_seller", "seasonality"]


class MarginTierConfig(BaseConfig):
    """Names for ranges of the margin share, (price - cost) / price."""

    tiers: tuple[str, ...] = ("low", "medium", "high")
    """Names, lowest margin first."""

    boundaries: tuple[float, ...] = (0.2, 0.4)
    """Margin share at which the next tier begins, rising; one fewer than tiers."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.boundaries) != len(self.tiers) - 1:
            raise ValueError("there is one boundary fewer than tiers")
        if any(
            low >= high for low, high in zip(self.boundaries, self.boundaries[1:], strict=False)
        ):
            raise ValueError("boundaries rise")
        if len(set(self.tiers)) != len(self.tiers) or UNKNOWN in self.tiers or "" in self.tiers:
            raise ValueError(f"tiers are named differently, and none is '{UNKNOWN}' or empty")
        if not all(_TIER_NAME.fullmatch(name) for name in self.tiers):
            raise ValueError(
                "a tier is named by letters, digits, spaces, '_', '.' and '-', a letter or digit first"
            )
        return self


class BestSellerConfig(BaseConfig):
    """Which items count as best sellers of their category."""

    window_days: float = Field(default=28.0, gt=0)
    """Sales of that many days before `as_of` count."""

    top_share: float = Field(default=0.1, gt=0, le=1)
    """Share of a category's items that may be best sellers; at least one. Equal sales share a place."""

    min_units: float = Field(default=2.0, gt=0)
    """Units a best seller has sold at least."""


class SeasonConfig(BaseConfig):
    """When a category counts as in season."""

    calendar: dict[str, tuple[int, ...]] = Field(
        default={
            "winter": (12, 1, 2),
            "spring": (3, 4, 5),
            "summer": (6, 7, 8),
            "autumn": (9, 10, 11),
        }
    )
    """Calendar months (UTC) of each season; every month belongs to exactly one."""

    window_days: int = Field(default=365, ge=1)
    """Sales of that many days before `as_of` count."""

    min_days: int = Field(default=330, ge=1)
    """Days that must lie between the first event and `as_of`; with fewer nothing is known about seasons."""

    min_units: float = Field(default=20.0, gt=0)
    """Units a category has sold at least; with fewer nothing is known about it."""

    in_season_index: float = Field(default=1.2, gt=1)
    """In season from this ratio of sales share to share of days on."""

    off_season_index: float = Field(default=0.8, gt=0, lt=1)
    """Off season up to this ratio."""

    @model_validator(mode="after")
    def _whole_year(self) -> Self:
        months = sorted(month for season in self.calendar.values() for month in season)
        if months != list(range(1, _MONTHS + 1)):
            raise ValueError("every month from 1 to 12 belongs to exactly one season")
        return self


class EnrichmentConfig(BaseConfig):
    """What is derived, and which label slot carries it."""

    margin: MarginTierConfig = MarginTierConfig()
    """Margin tier."""

    best_seller: BestSellerConfig = BestSellerConfig()
    """Best-seller flag."""

    season: SeasonConfig = SeasonConfig()
    """Seasonality."""

    labels: dict[Slot, Derived] = Field(
        default={
            "custom_label_2": "margin_tier",
            "custom_label_3": "best_seller",
            "custom_label_4": "seasonality",
        }
    )
    """Label slot and what is written there, if the merchant uses it for no item."""

    owner: str = Field(default=MARKETING_OPERATIONS, min_length=1)
    """Team that frees a slot."""


@dataclass(frozen=True, eq=False)
class Enrichment:
    """Items with what was derived for them.

    Attributes:
        items: the feed-items table, with free label slots filled; nothing else differs from the items given.
        facts: the item-enrichment table, in the order of the items.
        slots: label slots that were written, sorted.
        issues: label slots that were not written, the feed-issues table.
        figures: counts for the manifest of the run.

    Invariants: events at or after `as_of` change nothing; no label that was there before changes.
    """

    items: pa.Table
    facts: pa.Table
    slots: tuple[str, ...]
    issues: pa.Table
    figures: dict[str, Any]


def enrich(
    items: pa.Table, events: pa.Table, config: EnrichmentConfig, *, as_of: datetime
) -> Enrichment:
    """Derive margin tier, best-seller flag and seasonality, and write them into free label slots.

    Args:
        items: accepted items, the feed-items table.
        events: checked events, in any order.
        config: boundaries, windows, calendar and slots.
        as_of: the moment of the export; only events strictly before it count.

    Returns:
        Margin tier `unknown` where an item has no cost or no price. Seasonality compares the share of the category's
        sales that fell into the season of `as_of` with that season's share of the days.
    """
    sales = _Sales.before(events, items, as_of=as_of)
    share = margin_share(items, as_of=as_of)
    units, best = _best_sellers(sales, items, config.best_seller)
    season_share, index = _season(sales, items, config.season)
    facts = pa.table(
        {
            c.ITEM_ID: items[c.ITEM_ID],
            c.MARGIN_SHARE: pa.array(share, mask=np.isnan(share)),
            c.MARGIN_TIER: pa.array(_tiers(share, config.margin), pa.string()),
            c.UNITS_SOLD: units,
            c.BEST_SELLER: best,
            c.SEASON_SHARE: pa.array(season_share, mask=np.isnan(season_share)),
            c.SEASON_INDEX: pa.array(index, mask=np.isnan(index)),
            c.SEASONALITY: pa.array(_seasonality(index, config.season), pa.string()),
        }
    )
    checked = check(facts, ITEM_ENRICHMENT, source="enrichment")
    labelled, issues = _with_labels(items, checked, config, read_limits())
    slots = tuple(sorted(set(config.labels) - set(issues[c.ATTRIBUTE].to_pylist())))
    return Enrichment(labelled, checked, slots, issues, _figures(checked, issues, sales))


def margin_share(items: pa.Table, *, as_of: datetime) -> FloatArray:
    """(price - cost) / price at the price in force, shape (n,); NaN without cost or without a positive price.

    Negative where the cost is above the price, never above 1.
    """
    price = offer_price(items, at=as_of)
    cost = _floats(items[c.COST_OF_GOODS_SOLD])
    share = np.full(len(price), np.nan)
    np.divide(price - cost, price, out=share, where=price > 0)
    rounded: FloatArray = np.round(share, _DECIMALS)
    return rounded


def _tiers(share: FloatArray, config: MarginTierConfig) -> list[str]:
    names = np.array([*config.tiers, UNKNOWN], dtype=object)
    place = np.searchsorted(np.array(config.boundaries), share, side="right")
    place[np.isnan(share)] = len(config.tiers)
    found: list[str] = names[place].tolist()
    return found


@dataclass(frozen=True, eq=False)
class _Sales:
    """Units sold before a moment.

    Attributes:
        item: shape (n,), row of the item.
        day: shape (n,), days before the moment, > 0.
        month: shape (n,), calendar month 1..12, UTC.
        units: shape (n,), units.
        as_of: the moment, microseconds since 1970 UTC.
        known_days: days from the first event of any kind to the moment; 0 without events.
        unmatched: purchases of items that are not in the feed.
    """

    item: IntArray
    day: FloatArray
    month: IntArray
    units: FloatArray
    as_of: int
    known_days: float
    unmatched: int

    @classmethod
    def before(cls, events: pa.Table, items: pa.Table, *, as_of: datetime) -> _Sales:
        now = microseconds(as_of)
        time = events[c.TIME].cast(pa.int64()).to_numpy()
        visible = time < now
        first = int(time[visible].min()) if visible.any() else now
        bought = visible & pc.equal(events[c.EVENT_NAME], "purchase").to_numpy()
        purchases = events.filter(pa.array(bought))
        rows = pc.index_in(purchases[c.ITEM_ID], value_set=items[c.ITEM_ID].combine_chunks())
        item = pc.fill_null(rows, -1).to_numpy().astype(np.int64)
        known = item >= 0
        at = time[bought][known]
        units = _floats(purchases[c.QUANTITY])[known]
        return cls(
            item=item[known],
            day=(now - at) / MICROSECONDS_PER_DAY,
            month=_month(at),
            units=np.where(np.isnan(units), 1.0, units),
            as_of=now,
            known_days=(now - first) / MICROSECONDS_PER_DAY,
            unmatched=int((~known).sum()),
        )


def _best_sellers(
    sales: _Sales, items: pa.Table, config: BestSellerConfig
) -> tuple[FloatArray, BoolArray]:
    """Units in the window and the flag, both shape (n_items,)."""
    n = items.num_rows
    recent = sales.day <= config.window_days
    units = np.bincount(sales.item[recent], sales.units[recent], minlength=n).astype(np.float64)
    category, n_categories = _categories(items)
    size = np.bincount(category, minlength=n_categories)
    places = np.ceil(np.round(config.top_share * size, _DECIMALS))
    order = np.lexsort((-units, category))
    new_place = np.ones(n, np.bool_)
    new_place[1:] = (np.diff(units[order]) != 0) | (np.diff(category[order]) != 0)
    ahead = np.zeros(n, np.int64)
    ahead[order] = np.maximum.accumulate(np.where(new_place, np.arange(n), 0))
    ahead -= np.concatenate([[0], np.cumsum(size)])[category]  # items ahead in the same category
    return units, (ahead < places[category]) & (units >= config.min_units)


def _season(sales: _Sales, items: pa.Table, config: SeasonConfig) -> tuple[FloatArray, FloatArray]:
    """Share of the category's sales in the season of the moment, and that over the season's share of days."""
    nothing = np.full(items.num_rows, np.nan)
    window = min(float(config.window_days), sales.known_days)
    if window < min(config.min_days, config.window_days):
        return nothing, nothing
    season_of = np.zeros(_MONTHS + 1, np.int64)
    for number, months in enumerate(config.calendar.values()):
        season_of[list(months)] = number
    now = season_of[_month(np.array([sales.as_of - 1]))[0]]
    days = sales.as_of - 1 - np.arange(int(window), dtype=np.int64) * MICROSECONDS_PER_DAY
    share_of_days = float((season_of[_month(days)] == now).mean())
    category, n_categories = _categories(items)
    seen = sales.day <= window
    of, units = category[sales.item[seen]], sales.units[seen]
    inside = season_of[sales.month[seen]] == now
    total = np.bincount(of, units, minlength=n_categories)
    in_season = np.bincount(of[inside], units[inside], minlength=n_categories)
    share = np.full(n_categories, np.nan)
    np.divide(in_season, total, out=share, where=total >= config.min_units)
    return share[category], np.round(share[category] / share_of_days, _DECIMALS)


def _seasonality(index: FloatArray, config: SeasonConfig) -> list[str]:
    found: list[str] = np.select(
        [np.isnan(index), index >= config.in_season_index, index <= config.off_season_index],
        [UNKNOWN, IN_SEASON, OFF_SEASON],
        default=ALL_YEAR,
    ).tolist()
    return found


def _with_labels(
    items: pa.Table, facts: pa.Table, config: EnrichmentConfig, limits: Limits
) -> tuple[pa.Table, pa.Table]:
    """The items with every free slot written, and an issue for every slot that is not."""
    found: list[dict[str, Any]] = []
    for slot, derived in config.labels.items():
        used = items.num_rows - items[slot].null_count
        if used:
            found.append(
                _issue(
                    SLOT_TAKEN, slot, config, f"{used} items use it, so {derived} is not written"
                )
            )
            continue
        values = _label_texts(facts, derived)
        problem = _over_limit(items, values, limits)
        if problem:
            found.append(
                _issue(SLOT_OVER_LIMIT, slot, config, f"{problem}, so {derived} is not written")
            )
            continue
        items = items.set_column(items.schema.get_field_index(slot), slot, values)
    issues = pa.Table.from_pylist(found, schema=FEED_ISSUES.schema)
    if not items.num_rows:
        return items, issues
    return check(items, FEED_ITEMS, source="enrichment"), issues


def _label_texts(facts: pa.Table, derived: Derived) -> pa.ChunkedArray:
    if derived == c.BEST_SELLER:
        flagged = pc.if_else(facts[c.BEST_SELLER], c.BEST_SELLER, None)
        return flagged.cast(pa.string())
    return facts[derived]


def _over_limit(items: pa.Table, values: pa.ChunkedArray, limits: Limits) -> str | None:
    """What a platform would cut or ignore if these labels joined those of the items, in words."""
    length = limits["google_merchant.item.custom_label.characters"].limit
    each = limits["google_merchant.account.custom_label.distinct_values"].limit
    total = limits["google_merchant.account.custom_labels.distinct_values"].limit
    distinct = _distinct(values)
    longest = max((len(text) for text in distinct), default=0)
    if longest > length:
        return f"a value of {longest} characters, at most {length} are read"
    if len(distinct) > each:
        return f"{len(distinct)} distinct values, at most {each} are read"
    in_all = len(distinct) + sum(len(_distinct(items[name])) for name in CUSTOM_LABELS)
    return (
        f"{in_all} distinct values in all labels, at most {total} are read"
        if in_all > total
        else None
    )


def _distinct(values: pa.ChunkedArray) -> list[str]:
    """Distinct labels; platforms do not tell upper from lower case."""
    found: list[str] = pc.unique(pc.utf8_lower(values)).drop_null().to_pylist()
    return found


def _issue(code: str, slot: str, config: EnrichmentConfig, words: str) -> dict[str, Any]:
    return {
        c.SOURCE: "enrichment",
        c.ISSUE_CODE: code,
        c.SEVERITY: Severity.WARNING.value,
        c.ATTRIBUTE: slot,
        c.OWNER: config.owner,
        c.RAW_VALUE: words,
    }


def _figures(facts: pa.Table, issues: pa.Table, sales: _Sales) -> dict[str, Any]:
    return {
        "items": facts.num_rows,
        "margin_tiers": _counts(facts[c.MARGIN_TIER]),
        "best_sellers": int(pc.sum(facts[c.BEST_SELLER]).as_py() or 0),
        "seasonality": _counts(facts[c.SEASONALITY]),
        "sales_of_unknown_items": sales.unmatched,
        "slots_not_written": issues.num_rows,
    }


def _counts(values: pa.ChunkedArray) -> dict[str, int]:
    return dict(sorted(Counter(values.to_pylist()).items()))


def _categories(items: pa.Table) -> tuple[IntArray, int]:
    """Code of each item's category, shape (n,), and the number of categories."""
    names, codes = np.unique(items[c.CATEGORY].to_numpy().astype(object), return_inverse=True)
    return codes.astype(np.int64), len(names)


def _month(time: npt.NDArray[np.int64]) -> IntArray:
    """Calendar month 1..12 of microseconds since 1970 UTC."""
    months: IntArray = time.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    return months % _MONTHS + 1


def _floats(values: pa.ChunkedArray) -> FloatArray:
    filled: FloatArray = pc.fill_null(values.cast(pa.float64()), float("nan")).to_numpy()
    return filled
