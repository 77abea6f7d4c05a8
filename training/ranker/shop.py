"""What the ranker knows of the shop, as of the moment its model was fitted: kept with the model, as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from features import columns as c
from features.arrays import TextArray
from features.assignment import uniform
from features.builders.item import item_features
from features.builders.item_attributes import ItemAttributes, no_attributes
from features.builders.item_counts import ItemCounts
from features.builders.item_ids import codes_of
from features.builders.knowledge import Knowledge
from features.builders.similarity import CoOccurrence
from features.histories.histories import AsOf
from features.training_sets.shop import SimilarityConfig
from training.recommenders.attributes import ItemAttributes as CatalogAttributes

_ALWAYS: Final = int(np.iinfo(np.int64).min)
_COUNTS: Final = ("events", "reach", "revenue", "gaps", "gap_days", "first_seen", "last_sold")
_SIMILAR: Final = ("data", "indices", "indptr")


@dataclass(frozen=True, eq=False)
class Shop:
    """Items in the order of a model, what happened to them, which go together.

    Attributes:
        knowledge: the same for every row, however much later than the fit the row is: a model sees its shop grow old alike
            in training and in use.
        items: shape (n_items, n_item_features), float32, the item features.
    """

    knowledge: Knowledge
    items: npt.NDArray[np.float32]

    @classmethod
    def of(
        cls,
        history: AsOf,
        item_ids: TextArray,
        *,
        attributes: CatalogAttributes | None,
        similarity: SimilarityConfig,
    ) -> Shop:
        """The shop from the histories of everybody.

        Args:
            history: one row per person, all at one time.
            item_ids: shape (n_items,), sorted text, the items of the model.
            attributes: what the catalog says; its categories are taken as true at all times, all else is not looked at.
            similarity: which pairs of items go together.
        """
        draw = uniform(history.histories.person_ids[history.person].tolist(), salt="similarity")
        teachers = np.flatnonzero(draw < similarity.person_share)
        if len(teachers) == 0:
            teachers = np.arange(len(history))
        together = CoOccurrence.of(history.take(teachers), window_days=similarity.window_days)
        return cls._known(
            item_ids,
            _categories(attributes, item_ids),
            ItemCounts.of(history).aligned(item_ids),
            together.cosine(min_persons=similarity.min_persons).aligned(item_ids),
        )

    @classmethod
    def _known(
        cls,
        item_ids: TextArray,
        attributes: ItemAttributes,
        counts: ItemCounts,
        similarity: sp.csr_matrix,
    ) -> Shop:
        knowledge = Knowledge(item_ids, attributes, counts, similarity, None, known_at=_ALWAYS)
        table = item_features(knowledge)
        items = np.column_stack([table[name].to_numpy() for name in table.column_names])
        return cls(knowledge, items.astype(np.float32))

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Everything as arrays, but the names of the categories."""
        counts, similarity = self.knowledge.counts, self.knowledge.similarity
        return {
            "category": self.knowledge.attributes.category,
            "counted_at": np.array([counts.as_of if counts else _ALWAYS]),
            **{f"counts.{name}": getattr(counts, name) for name in _COUNTS},
            **{f"similar.{name}": getattr(similarity, name) for name in _SIMILAR},
        }

    @classmethod
    def restore(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        *,
        item_ids: TextArray,
        category_ids: TextArray,
    ) -> Shop:
        """The inverse of `state`."""
        parts = tuple(arrays[f"similar.{name}"] for name in _SIMILAR)
        columns: dict[str, Any] = {name: arrays[f"counts.{name}"] for name in _COUNTS}
        return cls._known(
            item_ids,
            _only_categories(item_ids, category_ids, arrays["category"]),
            ItemCounts(int(arrays["counted_at"][0]), item_ids, **columns),
            sp.csr_matrix(parts, shape=(len(item_ids), len(item_ids))),
        )


def _categories(attributes: CatalogAttributes | None, item_ids: TextArray) -> ItemAttributes:
    if attributes is None or c.CATEGORY not in attributes.values:
        return no_attributes().aligned(item_ids)
    names = attributes.of(item_ids).values[c.CATEGORY]
    known = np.array(sorted({name for name in names if name is not None}), dtype=object)
    return _only_categories(item_ids, known, codes_of(names, known).astype(np.int32))


def _only_categories(
    item_ids: TextArray, category_ids: TextArray, category: npt.NDArray[np.int32]
) -> ItemAttributes:
    nothing = np.full(len(item_ids), np.nan)
    return ItemAttributes(
        item_ids, category_ids, category, nothing, nothing, nothing, nothing, known_at=_ALWAYS
    )
