"""What a catalog says of items, for models that know items by more than their events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.arrays import TextArray
from training.recommenders.observed import codes_of

CATALOG_ATTRIBUTES: Final = (c.CATEGORY, c.PRODUCT_TYPE, c.BRAND, c.TITLE)
"""Attributes of the catalog table that say what an item is."""


@dataclass(frozen=True, eq=False)
class ItemAttributes:
    """Attributes of items by name.

    Attributes:
        item_ids: shape (n_items,), distinct, in any order.
        values: attribute name -> shape (n_items,), text; None = unknown.
    """

    item_ids: TextArray
    values: Mapping[str, TextArray]

    @classmethod
    def from_table(
        cls, table: pa.Table, names: Sequence[str] = CATALOG_ATTRIBUTES
    ) -> ItemAttributes:
        """Chosen columns of a checked catalog of one snapshot."""
        return cls(
            _texts(table, c.ITEM_ID),
            {name: _texts(table, name) for name in names if name in table.column_names},
        )

    def of(self, item_ids: TextArray) -> ItemAttributes:
        """The attributes of the given items, in that order; None for an item the catalog does not hold."""
        place = codes_of(item_ids, known=self.item_ids)
        values = {}
        for name, known in self.values.items():
            padded = np.empty(len(known) + 1, dtype=object)
            padded[:-1] = known
            values[name] = padded[place]
        return ItemAttributes(item_ids, values)


def _texts(table: pa.Table, name: str) -> TextArray:
    values: TextArray = table[name].cast(pa.string()).to_numpy().astype(object)
    return values
