"""What the catalog says about each item, as arrays keyed by item id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import CodeArray, FloatArray, TextArray
from features.builders.item_ids import codes_of, spread, texts
from features.histories.histories import NO_CODE, microseconds
from features.tables import AVAILABILITIES

MARGIN_TIERS: Final = ("low", "medium", "high")
"""Names of the margin tiers, lowest first."""

_ALWAYS: Final = int(np.iinfo(np.int64).min)


@dataclass(frozen=True, eq=False)
class ItemAttributes:
    """Attributes of n_items items.

    Attributes:
        item_ids: shape (n_items,), sorted text.
        category_ids: shape (n_categories,), sorted text; a category's code is its position here.
        category: shape (n_items,), int32 category code, -1 = not known.
        price: shape (n_items,), money, NaN = not known.
        margin_tier: shape (n_items,), position among the names of the tiers, NaN = not known.
        availability: shape (n_items,), position in `AVAILABILITIES`, NaN = not known.
        best_seller: shape (n_items,), 1 or 0, NaN = not known.
        known_at: microseconds since 1970 UTC from which all this was known.
    """

    item_ids: TextArray
    category_ids: TextArray
    category: CodeArray
    price: FloatArray
    margin_tier: FloatArray
    availability: FloatArray
    best_seller: FloatArray
    known_at: int

    @property
    def n_categories(self) -> int:
        return len(self.category_ids)

    @classmethod
    def from_items(
        cls,
        items: pa.Table,
        *,
        known_at: datetime,
        facts: pa.Table | None = None,
        tiers: Sequence[str] = MARGIN_TIERS,
    ) -> ItemAttributes:
        """Attributes of a checked catalog snapshot or of checked feed items.

        Args:
            items: one row per item: item_id, category, price, availability.
            known_at: when the snapshot was taken.
            facts: the item-enrichment table, which knows margin tiers and best sellers.
            tiers: names of the margin tiers, lowest first; any other name is not known.
        """
        items = items.sort_by(c.ITEM_ID)
        ids = items[c.ITEM_ID]
        category_ids = texts(pc.unique(items[c.CATEGORY]).drop_null().sort())
        place = None if facts is None else pc.index_in(ids, value_set=facts[c.ITEM_ID])
        nothing = np.full(len(ids), np.nan)
        return cls(
            item_ids=texts(ids),
            category_ids=category_ids,
            category=codes_of(items[c.CATEGORY], category_ids).astype(np.int32),
            price=_floats(items[c.PRICE]),
            margin_tier=nothing
            if place is None or facts is None
            else _positions(facts[c.MARGIN_TIER].take(place), tiers),
            availability=_positions(items[c.AVAILABILITY], AVAILABILITIES),
            best_seller=nothing
            if place is None or facts is None
            else _floats(facts[c.BEST_SELLER].take(place).cast(pa.float64())),
            known_at=microseconds(known_at),
        )

    def aligned(self, item_ids: TextArray) -> ItemAttributes:
        """The attributes of these items, sorted text; nothing is known of an item that is not here."""
        place = codes_of(item_ids, self.item_ids)
        return replace(
            self,
            item_ids=item_ids,
            category=spread(self.category.astype(np.int64), place, NO_CODE).astype(np.int32),
            price=spread(self.price, place, np.nan),
            margin_tier=spread(self.margin_tier, place, np.nan),
            availability=spread(self.availability, place, np.nan),
            best_seller=spread(self.best_seller, place, np.nan),
        )

    def categories_only(self) -> ItemAttributes:
        """Categories alone, taken as true at all times: for rows older than the oldest snapshot."""
        nothing = np.full(len(self.item_ids), np.nan)
        return replace(
            self,
            price=nothing,
            margin_tier=nothing,
            availability=nothing,
            best_seller=nothing,
            known_at=_ALWAYS,
        )


def no_attributes() -> ItemAttributes:
    """Nothing is known of any item."""
    none, nothing = np.array([], dtype=object), np.zeros(0)
    codes = np.zeros(0, np.int32)
    return ItemAttributes(none, none, codes, nothing, nothing, nothing, nothing, _ALWAYS)


def _positions(values: pa.ChunkedArray, names: Sequence[str]) -> FloatArray:
    codes = codes_of(values, np.array(names, dtype=object)).astype(np.float64)
    return np.where(codes < 0, np.nan, codes)


def _floats(values: pa.ChunkedArray) -> FloatArray:
    filled = pc.fill_null(values, float("nan"))
    numbers: FloatArray = filled.to_numpy()
    return numbers
