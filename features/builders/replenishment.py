"""How long an item lasts: the days after which a person who bought it is due to need it again."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import FloatArray
from features.builders.knowledge import Knowledge

OWN, ITEM, CATEGORY, UNKNOWN = 0, 1, 2, 3
SOURCES: Final = ("own", "item", "category", "unknown")
"""Where an interval comes from; the position is the code. Anything but `own` was not learned from the person."""

MIN_OWN_GAPS: Final = 2
"""Gaps between own occasions from which a person's mean is used; with fewer that of the item."""

MIN_ITEM_GAPS: Final = 5.0
"""Gaps of all persons from which an item's, or a category's, mean is used."""


def prior_intervals(knowledge: Knowledge) -> tuple[FloatArray, FloatArray]:
    """Mean days between two occasions at which one person bought an item, over all persons.

    The mean is over gaps that have ended before the counts were taken, so it is too short where intervals are long beside
    the time recorded.

    Returns:
        Interval in days, shape (n_items,), that of the category where the item has fewer than `MIN_ITEM_GAPS`, NaN where
        the category has fewer too; and its source, shape (n_items,), a code of `SOURCES`.
    """
    counts, category = knowledge.counts, knowledge.attributes.category
    days = np.full(knowledge.n_items, np.nan)
    source = np.full(knowledge.n_items, float(UNKNOWN))
    if counts is None:
        return days, source
    known = category >= 0
    sums = [
        np.bincount(category[known], weights=values[known], minlength=1)
        for values in (counts.gaps, counts.gap_days)
    ]
    place = np.where(known, category, 0)
    gaps, gap_days = (np.where(known, values[place], 0.0) for values in sums)
    by_category, by_item = gaps >= MIN_ITEM_GAPS, counts.gaps >= MIN_ITEM_GAPS
    np.divide(gap_days, gaps, out=days, where=by_category)
    np.divide(counts.gap_days, counts.gaps, out=days, where=by_item)
    source[by_category] = CATEGORY
    source[by_item] = ITEM
    return days, source
