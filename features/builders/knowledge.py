"""What builders know beyond the persons at hand: the whole shop, keyed by item id and small enough to hand on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from features.arrays import CodeArray, IntArray, TextArray
from features.builders.item_attributes import ItemAttributes, no_attributes
from features.builders.item_counts import ItemCounts
from features.builders.item_ids import codes_of, merged_ids
from features.builders.similarity import ItemSimilarity
from features.builders.spend import SpendCounts
from features.histories.histories import AsOf, Histories


@dataclass(frozen=True, eq=False)
class Knowledge:
    """The shop's items in one order, and its average person.

    Attributes:
        item_ids: shape (n_items,), sorted text; an item's code in this shop is its position here.
        attributes: what the catalog says of each.
        counts: what happened to each, over all persons.
        similarity: which items go together, None = not known.
        spend: orders, money and days of all persons, None = not known.
        known_at: microseconds since 1970 UTC from which all this was known.
    """

    item_ids: TextArray
    attributes: ItemAttributes
    counts: ItemCounts | None
    similarity: sp.csr_matrix | None
    spend: SpendCounts | None
    known_at: int

    @classmethod
    def of(
        cls,
        *,
        counts: ItemCounts | None = None,
        attributes: ItemAttributes | None = None,
        similarity: ItemSimilarity | None = None,
        spend: SpendCounts | None = None,
    ) -> Knowledge:
        """What is known of every item that any part names; each part comes from the whole shop."""
        known = attributes or no_attributes()
        parts = [part for part in (counts, known, similarity) if part is not None]
        ids = merged_ids(*(part.item_ids for part in parts))
        moments = [known.known_at]
        moments += [counts.as_of] if counts else []
        moments += [similarity.as_of] if similarity else []
        moments += [spend.as_of] if spend else []
        return cls(
            item_ids=ids,
            attributes=known.aligned(ids),
            counts=counts.aligned(ids) if counts else None,
            similarity=similarity.aligned(ids) if similarity else None,
            spend=spend,
            known_at=max(moments),
        )

    @property
    def n_items(self) -> int:
        return len(self.item_ids)

    def item_codes(self, ids: pa.Array | pa.ChunkedArray) -> IntArray:
        """Code of each item id in this shop; -1 where nothing is known of it."""
        return codes_of(ids, self.item_ids)

    def require_known(self, history: AsOf) -> None:
        """Refuse rows older than this knowledge: it may hold what happened after them.

        Raises:
            ValueError: a row's time is before `known_at`.
        """
        early = np.flatnonzero(history.time < self.known_at)
        if len(early):
            raise ValueError(
                f"{len(early)} of {len(history)} rows lie before the moment the knowledge of the shop was built "
                f"(first: row {early[0]}), must be at or after it. Build it as of the earliest row."
            )


@dataclass(frozen=True, eq=False)
class ShopCodes:
    """Codes of a part's events in the whole shop.

    Attributes:
        item: shape (n_items of the part,), int32 code in the knowledge, -1 = not known there.
        item_category: shape (n_items of the part,), int32 category code, -1 = not known.
        category: shape (n_categories of the part,), int32 category code, -1 = not in the catalog.
    """

    item: CodeArray
    item_category: CodeArray
    category: CodeArray

    @classmethod
    def of(cls, histories: Histories, knowledge: Knowledge) -> ShopCodes:
        """The part's items and categories, found by name."""
        item = codes_of(histories.item_ids, knowledge.item_ids)
        attributes = knowledge.attributes
        of_item = np.full(len(item), -1, np.int32)
        of_item[item >= 0] = attributes.category[item[item >= 0]]
        category = codes_of(histories.category_ids, attributes.category_ids)
        return cls(item.astype(np.int32), of_item, category.astype(np.int32))
