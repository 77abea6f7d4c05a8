"""Items alike by what the catalog says of them: also for items nobody has touched yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from features import columns as c
from features.arrays import CodeArray, ScoreArray, TextArray
from training.recommenders.attributes import ItemAttributes
from training.recommenders.base import ModelConfig, Recommender, attributes_needed
from training.recommenders.observed import Observed
from training.recommenders.relations import summed
from training.recommenders.top_k import Eligible, top_k_sparse

_CELLS_AT_ONCE: Final = 4_000_000


class ContentConfig(ModelConfig):
    """Which attributes say what an item is."""

    kind: Literal["content"] = "content"

    whole: tuple[str, ...] = (c.CATEGORY, c.PRODUCT_TYPE, c.BRAND)
    """Attributes compared as they are."""

    words: tuple[str, ...] = (c.TITLE,)
    """Attributes compared word by word, in lower case."""


class Content(Recommender[ContentConfig]):
    """Score = the person's decayed weights times the cosine of their items and the candidate, in TF-IDF of attributes.

    The model knows every item of the catalog, sold or not. A term is an attribute value or a word of one; its weight is
    log(1 + n_items / items with it). Items without any attribute are like nothing.
    """

    config_type = ContentConfig

    def __init__(self, config: ContentConfig) -> None:
        super().__init__(config)
        self._terms = sp.csr_matrix((0, 0), dtype=np.float32)

    def _catalogue(self, item_ids: TextArray, attributes: ItemAttributes | None) -> TextArray:
        if attributes is None:
            raise attributes_needed(self.kind)
        known: TextArray = np.array(
            sorted({*item_ids.tolist(), *attributes.item_ids.tolist()}), dtype=object
        )
        return known

    def _fit_attributes(self, attributes: ItemAttributes) -> None:
        self._terms = _terms(attributes, self.config)

    def _fit(self, observed: Observed) -> None:
        """What is learned, is learned from the attributes."""

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        likes = observed.weights @ self._terms
        return top_k_sparse((likes @ self._terms.T).tocsr(), k=k, eligible=eligible)

    def _cells_at_once(self) -> int:
        return _CELLS_AT_ONCE

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        matrix = self._terms
        return {
            "data": matrix.data,
            "indices": matrix.indices,
            "indptr": matrix.indptr,
            "terms": np.array(matrix.shape[1]),
        }

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        parts = (arrays["data"], arrays["indices"], arrays["indptr"])
        self._terms = sp.csr_matrix(parts, shape=(self.n_items, int(arrays["terms"])))


def _terms(attributes: ItemAttributes, config: ContentConfig) -> sp.csr_matrix:
    """Unit rows of TF-IDF weights, CSR float32, shape (n_items, n_terms); a term counts once per item."""
    n_items = len(attributes.item_ids)
    code: dict[tuple[str, str], int] = {}
    item, term = [], []
    for position in range(n_items):
        for found in sorted(_terms_of(attributes, position, config)):
            item.append(position)
            term.append(code.setdefault(found, len(code)))
    shape = (n_items, max(1, len(code)))
    items, terms = np.array(item, np.int64), np.array(term, np.int64)
    rarity = np.log1p(n_items / np.maximum(np.bincount(terms, minlength=shape[1]), 1))
    values = rarity[terms]
    norms = np.sqrt(np.bincount(items, values**2, minlength=n_items))
    return summed(values / norms[items], items, terms, shape=shape)


def _terms_of(
    attributes: ItemAttributes, position: int, config: ContentConfig
) -> set[tuple[str, str]]:
    found = set()
    for name in (n for n in config.whole if n in attributes.values):
        value = attributes.values[name][position]
        if value:
            found.add((name, value))
    for name in (n for n in config.words if n in attributes.values):
        value = attributes.values[name][position]
        found |= {("word", word) for word in (value or "").lower().split()}
    return found
