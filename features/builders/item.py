"""What is known about an item as of a moment: popularity, conversion, price, margin, availability, age."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from features.arrays import CodeArray, FloatArray
from features.builders.feature import (
    WINDOW_DAYS,
    Feature,
    days_between,
    feature_table,
    ratio,
)
from features.builders.item_attributes import ItemAttributes
from features.builders.item_counts import ITEM_STAGES, ItemCounts
from features.builders.knowledge import Knowledge

PRIOR_PERSONS: Final = 20.0
"""The average rate counts like that many persons of an item's own."""

_TREND_DAYS: Final = (7, 30)
_SHORT, _LONG = (WINDOW_DAYS.index(days) for days in _TREND_DAYS)
_VIEW, _CART, _BUY = range(len(ITEM_STAGES))
_NO_CATEGORY: Final = "category not known"
_NOBODY: Final = "nobody touched any item in 90 days"

ITEM_FEATURES: Final = (
    *(
        Feature(f"item_{stage}_{days}d", f"{stage} events of all persons in the last {days} days", "never")
        for stage in ITEM_STAGES
        for days in WINDOW_DAYS
    ),
    *(
        Feature(f"item_{stage}_trend", f"{stage} events of 7 days over a 7-day share of 30 days", f"no {stage} in 30 days")
        for stage in ITEM_STAGES
    ),
    Feature("item_persons_90d", "persons who viewed, carted or bought it in 90 days", "never"),
    Feature("item_buyers_90d", "persons who bought it in 90 days", "never"),
    Feature("item_revenue_90d", "money of 90 days less what was taken back", "never"),
    Feature("item_cart_rate", "persons who carted or bought it over those who touched it, 90 days, shrunken, 0 to 1", _NOBODY),
    Feature("item_purchase_rate", "persons who bought it over those who carted or bought it, 90 days, shrunken, 0 to 1", _NOBODY),
    Feature("item_conversion", "persons who bought it over those who touched it, 90 days, shrunken, 0 to 1", _NOBODY),
    Feature("item_repeat_days", "mean days between two occasions at which one person bought it", "nobody bought it twice"),
    Feature("item_sold_days", "days since it was last sold", "never sold"),
    Feature("item_age_days", "days since its first event", "no event yet"),
    Feature("item_price", "money, list price", "price not known"),
    Feature("item_price_ratio", "price over the median price of its category", "price or category not known"),
    Feature("item_margin_tier", "position among the margin tiers, lowest 0", "margin not known"),
    Feature("item_availability", "position in AVAILABILITIES, in_stock 0", "availability not known"),
    Feature("item_best_seller", "1 = best seller of its category", "not known"),
    Feature("item_category", "code of its category", _NO_CATEGORY),
    Feature("item_category_conversion", "the conversion its own is drawn towards, 0 to 1", _NOBODY),
    Feature("item_category_share", "its category's share of all buyers of 90 days, 0 to 1", _NO_CATEGORY + ", or nothing sold"),
)  # fmt: skip
"""The columns of `item_features`, in order. All of them are as of `known_at` of the counts, the moment they were counted.

A shrunken rate is `(n + 20 p) / (m + 20)`, the mean of a beta posterior whose prior weighs like 20 persons: p is the rate
of the item's category, which in turn is drawn towards the rate of all items in the same way."""


def item_features(knowledge: Knowledge) -> pa.Table:
    """Features of every item of the shop, as of the moment its counts were taken.

    Args:
        knowledge: counts, and attributes where there are any.

    Returns:
        n_items rows in the order of `knowledge.item_ids`, the columns of `ITEM_FEATURES`.

    Raises:
        ValueError: the knowledge has no counts.

    Invariants: unchanged by events at or after the moment of the counts.
    """
    counts, attributes = knowledge.counts, knowledge.attributes
    if counts is None:
        raise ValueError("the knowledge has no counts; item features need them")
    events, reach, category = counts.events, counts.reach, attributes.category
    short, long = _TREND_DAYS
    trend = ratio(events[:, :, _SHORT], events[:, :, _LONG] * short / long)
    touched, carted, bought = reach.T
    cart_rate, _ = _shrunken(carted, touched, category)
    purchase_rate, _ = _shrunken(bought, carted, category)
    conversion, prior = _shrunken(bought, touched, category)
    stages = range(len(ITEM_STAGES))
    return feature_table(
        ITEM_FEATURES,
        [
            *(events[:, stage, window] for stage in stages for window in range(len(WINDOW_DAYS))),
            *(trend[:, stage] for stage in stages),
            touched,
            bought,
            counts.revenue,
            cart_rate,
            purchase_rate,
            conversion,
            ratio(counts.gap_days, counts.gaps),
            days_between(counts.last_sold_or_nan, counts.as_of),
            days_between(counts.first_seen_or_nan, counts.as_of),
            *_offer(attributes),
            np.where(category < 0, np.nan, category),
            prior,
            _category_share(counts, category),
        ],
    )


def _shrunken(
    top: FloatArray, bottom: FloatArray, category: CodeArray
) -> tuple[FloatArray, FloatArray]:
    """Rate of each item, and the prior mean it is drawn towards; NaN where nobody is at the bottom of any item."""
    everywhere = ratio(np.array([top.sum()]), np.array([bottom.sum()]))[0]
    tops, bottoms = (_category_sums(values, category) for values in (top, bottom))
    of_category = (tops + PRIOR_PERSONS * everywhere) / (bottoms + PRIOR_PERSONS)
    prior = np.where(category < 0, everywhere, of_category)
    return (top + PRIOR_PERSONS * prior) / (bottom + PRIOR_PERSONS), prior


def _category_sums(values: FloatArray, category: CodeArray) -> FloatArray:
    """Sum over each item's category, shape (n_items,); 0 where it is not known."""
    known = category >= 0
    sums = np.bincount(category[known], weights=values[known], minlength=1)
    return np.where(known, sums[np.where(known, category, 0)], 0.0)


def _category_share(counts: ItemCounts, category: CodeArray) -> FloatArray:
    bought = counts.reach[:, _BUY]
    share = ratio(_category_sums(bought, category), np.full(len(bought), bought.sum()))
    return np.where(category < 0, np.nan, share)


def _offer(attributes: ItemAttributes) -> tuple[FloatArray, ...]:
    """Price, price ratio, margin tier, availability, best seller."""
    price, category = attributes.price, attributes.category
    known = (category >= 0) & ~np.isnan(price)
    medians = np.full(attributes.n_categories, np.nan)
    by_category = pd.Series(price[known]).groupby(category[known]).median()
    medians[by_category.index.to_numpy()] = by_category.to_numpy()
    usual = np.full(len(price), np.nan)
    usual[known] = medians[category[known]]
    return (
        price,
        ratio(price, usual),
        attributes.margin_tier,
        attributes.availability,
        attributes.best_seller,
    )
