"""The protocol of every recommender: fit on histories, recommend for histories, save as native files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field

from features.arrays import BoolArray, CodeArray, IntArray, ScoreArray, TextArray
from features.config import validate
from features.errors import ConfigError, InputError
from features.histories.histories import AsOf, Histories
from features.interactions import InteractionConfig, event_weights, interaction_matrix
from training.bundle import read_bundle, read_text_array, text_array, write_bundle
from training.recommenders.attributes import ItemAttributes
from training.recommenders.kept_lists import NO_ITEM
from training.recommenders.observed import Observed, codes_of
from training.recommenders.top_k import Eligible, fill_popular

_ITEM_IDS: Final = "item_ids.json"
_POPULAR: Final = "popular"
_CELLS_AT_ONCE: Final = 16_000_000


class ModelConfig(InteractionConfig):
    """What every model needs: how events count, and what is popular."""

    kind: str
    """Name of the implementation."""

    popular_window_days: int = Field(default=28, ge=1)
    """Popular = most distinct persons with a weighted event in the last so many days before the training cut-off."""

    max_persons: int | None = Field(default=None, ge=1)
    """Learn from at most so many persons, drawn by a hash of their ids; null = all. The others are folded in as everybody is,
    by their history. Which items are known, and which are popular, is counted over all."""


ConfigT = TypeVar("ConfigT", bound=ModelConfig)


@dataclass(frozen=True, eq=False)
class RankedItems:
    """The best items of each row.

    Attributes:
        item_ids: shape (n_items,), the id of each item code: those of the model, not of any histories.
        items: shape (n_rows, k), item codes, best first; -1 = no recommendation, only at the end of a row.
        scores: shape (n_rows, k), float32. Above 0: from the row's own history, comparable within the row only.
            Below 0: a popular filler, -(1 + popularity rank). NaN: no recommendation.

    Invariants: no item twice in a row; equal scores are ordered by item code, so by item id.
    """

    item_ids: TextArray
    items: CodeArray
    scores: ScoreArray

    def ids(self) -> TextArray:
        """Item ids, shape (n_rows, k); None where there is no recommendation."""
        ids = np.empty(len(self.item_ids) + 1, dtype=object)
        ids[:-1] = self.item_ids
        found: TextArray = ids[self.items]
        return found

    def codes_in(self, histories: Histories) -> CodeArray:
        """Item codes of some histories, shape (n_rows, k); -1 also for an item they do not hold."""
        codes = np.append(codes_of(self.item_ids, known=histories.item_ids), np.int32(NO_ITEM))
        found: CodeArray = codes[self.items]
        return found


class Recommender(ABC, Generic[ConfigT]):
    """Base of every recommender. Public methods check and map; `_fit` and `_rank` do the mathematics.

    A model knows the items that had a weighted event before its training cut-off, and no persons: whoever comes to
    `recommend` is a history, known at training or not. Items travel between codings by id: events with items the model
    does not know are ignored, and items that the histories at hand do not hold can still be recommended.
    """

    config_type: ClassVar[type[ModelConfig]]

    def __init__(self, config: ConfigT) -> None:
        self.config = config
        self._item_ids: TextArray | None = None
        self._popular: CodeArray = np.empty(0, np.int32)

    @property
    def kind(self) -> str:
        return self.config.kind

    @property
    def item_ids(self) -> TextArray:
        """Ids of the items the model knows, sorted; an item's code is its position.

        Raises:
            RuntimeError: not fitted.
        """
        if self._item_ids is None:
            raise RuntimeError(f"{self.kind} is not fitted; call fit or load first")
        return self._item_ids

    @property
    def n_items(self) -> int:
        return len(self.item_ids)

    @property
    def popular_ids(self) -> TextArray:
        """Ids of all known items, most popular first, equal ones by id."""
        return self.item_ids[self._popular]

    def fit(self, history: AsOf, *, attributes: ItemAttributes | None = None) -> Self:
        """Learn from histories.

        Args:
            history: one row per person, as of the training cut-off. Rows without a weighted event have no influence.
            attributes: what the catalog says of items; models that look at events alone ignore it.

        Raises:
            InputError: no weighted event at all.
            ConfigError: the model needs attributes and got none.
        """
        weights = interaction_matrix(history, self.config)
        known = np.bincount(weights.indices, minlength=weights.shape[1]) > 0
        if not known.any():
            raise InputError(
                "training history",
                f"{len(history)} persons have no event of {sorted(self.config.weights)}",
                rule=f"{self.kind} learns from weighted events before the cut-off",
                next_step="Check as_of, the event weights and the events table.",
            )
        self._item_ids = self._catalogue(history.histories.item_ids[known], attributes)
        codes = codes_of(history.histories.item_ids, known=self.item_ids)
        persons = np.zeros(self.n_items, np.int64)
        persons[codes[known]] = _recent_persons(history, self.config)[known]
        self._popular = _by_popularity(persons)
        observed = Observed(
            history.take(np.flatnonzero(np.diff(weights.indptr))),
            self.config,
            codes,
            n_items=self.n_items,
        )
        if attributes is not None:
            self._fit_attributes(attributes.of(self.item_ids))
        self._learn(observed)
        return self

    def recommend(
        self,
        history: AsOf,
        *,
        k: int,
        allowed: BoolArray | None = None,
        barred: sp.csr_matrix | None = None,
    ) -> RankedItems:
        """The k best items for each history.

        Args:
            history: n_rows rows; an unknown person (-1) or an empty history gets the popular items.
            k: length of a list, >= 1.
            allowed: shape (n_items,), in the order of `item_ids`; other items are never recommended.
            barred: shape (n_rows, n_items); an item with a stored entry is never recommended to that row. `seen` gives
                the row's own items.

        Raises:
            ValueError: k < 1, or `allowed` or `barred` of another shape or type.
            RuntimeError: not fitted.

        Invariants: a row's list depends on no other row, nor on events at or after the row's time.
        """
        if k < 1:
            raise ValueError(f"k is {k}; 1 or more needed")
        eligible = self._eligible(len(history), allowed, barred)
        observed = self._observed(history)
        step = max(1, self._cells_at_once() // self.n_items)
        blocks = [
            self._filled(observed, k, eligible, first, min(first + step, len(history)))
            for first in range(0, max(1, len(history)), step)
        ]
        items, scores = (np.concatenate(part) for part in zip(*blocks, strict=True))
        return RankedItems(self.item_ids, items, scores)

    def seen(self, history: AsOf) -> sp.csr_matrix:
        """The items of each row's own weighted events, shape (n_rows, n_items), for `barred`."""
        return self._observed(history).weights

    def save(self, folder: Path) -> str:
        """Write the model as a bundle into a new folder; returns the bundle's key."""
        return write_bundle(
            folder,
            kind=self.kind,
            config=self.config,
            arrays={_POPULAR: self._popular, **self._state()},
            texts={_ITEM_IDS: text_array(self.item_ids), **self._texts()},
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The inverse of `save`.

        Raises:
            InputError: not an intact bundle of this kind of model.
        """
        bundle = read_bundle(folder)
        if cls.config_type.model_fields["kind"].default != bundle.kind:
            raise InputError(
                str(folder),
                f"holds a model of kind '{bundle.kind}'",
                rule=f"{cls.__name__} loads only its own kind",
                next_step="Load it with training.recommenders.registry.load.",
            )
        config: Any = validate(cls.config_type, bundle.config, subject=str(folder))
        model = cls(config)
        model._item_ids = read_text_array(bundle.texts[_ITEM_IDS])
        model._popular = np.asarray(bundle.arrays[_POPULAR])
        model._restore_texts(bundle.texts)
        model._restore(bundle.arrays)
        return model

    def _learn(self, observed: Observed) -> None:
        """`_fit` on as many of the rows as the config allows."""
        self._fit(observed.drawn(self.config.max_persons))

    @abstractmethod
    def _fit(self, observed: Observed) -> None:
        """Learn from rows that each have a weighted event."""

    @abstractmethod
    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        """Items above score 0 for each row, as `top_k_sparse` returns them; an empty row gives none."""

    @abstractmethod
    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        """The learned numbers, to be saved."""

    @abstractmethod
    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take back what `_state` gave."""

    def figures(self) -> Mapping[str, Any]:
        """What the model says of itself beyond its lists, as plain JSON; by default nothing."""
        return {}

    def require_usable(self) -> None:
        """Refuse to be used where the model measures its own fitness; by default nothing is measured.

        Raises:
            GateError: it fails its own gate.
        """

    def _texts(self) -> Mapping[str, str]:
        """Text files to be saved beside the numbers; by default none."""
        return {}

    def _restore_texts(self, texts: Mapping[str, str]) -> None:
        """Take back what `_texts` gave; called before `_restore`."""

    def _fit_attributes(self, attributes: ItemAttributes) -> None:
        """Look at the attributes of the items, in the model's order; by default nothing is done."""

    def _catalogue(self, item_ids: TextArray, attributes: ItemAttributes | None) -> TextArray:  # noqa: ARG002
        """Sorted ids of the items the model knows: by default those with a weighted event."""
        return item_ids

    def _cells_at_once(self) -> int:
        """Scores held at a time; a block of rows has this many cells."""
        return _CELLS_AT_ONCE

    def _observed(self, history: AsOf) -> Observed:
        codes = codes_of(history.histories.item_ids, known=self.item_ids)
        return Observed(history, self.config, codes, n_items=self.n_items)

    def _filled(
        self, observed: Observed, k: int, eligible: Eligible, first: int, stop: int
    ) -> tuple[CodeArray, ScoreArray]:
        block = eligible.rows(first, stop)
        items, scores = self._rank(observed.take(np.arange(first, stop)), k, block)
        fill_popular(items, scores, popular=self._popular, eligible=block)
        return items, scores

    def _eligible(
        self, n_rows: int, allowed: BoolArray | None, barred: sp.csr_matrix | None
    ) -> Eligible:
        everything = Eligible.everything(n_rows, self.n_items)
        allowed = everything.allowed if allowed is None else allowed
        if allowed.shape != (self.n_items,) or allowed.dtype != np.bool_:
            raise ValueError(
                f"allowed is {allowed.dtype} {allowed.shape}; bool ({self.n_items},) needed, one per model item"
            )
        barred = everything.barred if barred is None else barred
        if barred.shape != (n_rows, self.n_items):
            raise ValueError(
                f"barred has shape {barred.shape}; ({n_rows}, {self.n_items}) needed, rows by model items"
            )
        return Eligible(allowed, sp.csr_matrix(barred))


def attributes_needed(kind: str) -> ConfigError:
    """The error of a model that cannot learn without item attributes."""
    return ConfigError(
        f"model '{kind}'",
        "no item attributes are given",
        rule="it knows items by what the catalog says of them",
        next_step="Train it in a project with a catalog, or name the file of items.",
    )


def _recent_persons(history: AsOf, config: ModelConfig) -> IntArray:
    """Distinct rows with a weighted event in the popular window, per item of the histories."""
    columns = history.histories
    row, position = history.events()
    weighted = event_weights(config)[columns.event[position]] > 0
    recent = history.age_days(row, position) <= config.popular_window_days
    keep = weighted & recent & (columns.item[position] >= 0)
    pairs = np.unique(row[keep] * columns.n_items + columns.item[position[keep]])
    return np.bincount(pairs % columns.n_items, minlength=columns.n_items).astype(np.int64)


def _by_popularity(persons: IntArray) -> CodeArray:
    """Item codes, most persons first, ties by item code rising."""
    return np.argsort(-persons, kind="stable").astype(np.int32)
