"""The first stage of a recommender in two: several models propose, each what it finds best."""

# ruff: noqa: SLF001 - a recommender of recommenders speaks to the inner side of the protocol

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from features.arrays import CodeArray, IntArray, TextArray
from features.config import BaseConfig
from training.ranker.candidate_matrix import Pairs
from training.recommenders.attributes import ItemAttributes
from training.recommenders.kept_lists import NO_ITEM, empty_lists
from training.recommenders.members import (
    build_members,
    fit_members,
    restore_members,
    states,
)
from training.recommenders.observed import Observed
from training.recommenders.single import SingleConfig
from training.recommenders.top_k import Eligible, fill_popular

_POPULAR: Final = "popular"


class SourceConfig(BaseConfig):
    """One model of the first stage."""

    depth: int = Field(default=40, ge=1)
    """Items it proposes to a person, at most."""

    model: SingleConfig
    """The model, with its own event weights and half-life."""


class FirstStage:
    """Fitted models on the same items, and the popular items, which are proposed to everybody with a history.

    Args:
        sources: the models' settings.
        item_ids: shape (n_items,), the items all of them know.
        popular: how many popular items are proposed.
    """

    def __init__(
        self, sources: Sequence[SourceConfig], item_ids: TextArray, *, popular: int
    ) -> None:
        self._sources = sources
        self._item_ids = item_ids
        self._members = build_members(source.model for source in sources)
        self._popular_depth = popular
        self._popular: CodeArray = np.empty(0, np.int32)

    def fit(
        self, observed: Observed, *, attributes: ItemAttributes | None, popular_window_days: int
    ) -> Self:
        """Learn from rows that each have a weighted event."""
        fit_members(self._members, observed, item_ids=self._item_ids, attributes=attributes)
        recent = observed.events.of(observed.events.age_days <= popular_window_days)
        pairs = np.unique(recent.rows() * observed.n_items + recent.item)
        persons = np.bincount(pairs % observed.n_items, minlength=observed.n_items)
        self._popular = np.argsort(-persons, kind="stable").astype(np.int32)
        return self

    def propose(self, observed: Observed, eligible: Eligible) -> Pairs:
        """What each row is proposed, once however many models name it; nothing for a row without weighted event.

        Args:
            observed: n_rows rows.
            eligible: of the same rows; nothing else is proposed.

        Invariants: a row's candidates depend on no other row; a score depends neither on them nor on `eligible`.
        """
        n_items = observed.n_items
        found = [
            member._rank(observed.under(member.config), min(source.depth, n_items), eligible)
            for source, member in zip(self._sources, self._members, strict=True)
        ]
        lists = empty_lists(len(observed), min(self._popular_depth, n_items))
        fill_popular(*lists, popular=self._popular, eligible=eligible)
        known = np.diff(observed.weights.indptr) > 0
        places = [_places(items, known, n_items) for items, _ in (*found, lists)]
        every = np.unique(np.concatenate([key for key, _ in places]))
        scores = np.full((len(every), len(found)), np.nan, np.float32)
        for source, ((key, kept), (_, score)) in enumerate(zip(places[:-1], found, strict=True)):
            scores[np.searchsorted(every, key), source] = score[kept]
        rank = np.empty(n_items, np.float32)
        rank[self._popular] = np.arange(1, n_items + 1)
        item = every % n_items
        return Pairs(every // n_items, item, scores, rank[item])

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """The learned numbers of all models."""
        return {_POPULAR: self._popular, **states(self._members)}

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Take back what `state` gave."""
        self._popular = np.asarray(arrays[_POPULAR])
        restore_members(self._members, arrays, item_ids=self._item_ids)
        return self


def _places(
    items: CodeArray, known: npt.NDArray[np.bool_], n_items: int
) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """A number for each (row, item) of the lists, and which cells of the lists they are."""
    kept = (items != NO_ITEM) & known[:, None]
    row, _ = np.nonzero(kept)
    return row * n_items + items[kept].astype(np.int64), kept
