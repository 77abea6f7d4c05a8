"""Several models in one list: a weighted sum of their scores."""

# ruff: noqa: SLF001 - a recommender of recommenders speaks to the inner side of the protocol

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field

from features.arrays import CodeArray, ScoreArray
from features.config import BaseConfig
from training.recommenders.attributes import ItemAttributes
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.members import (
    build_members,
    fit_members,
    known_items,
    restore_members,
    states,
)
from training.recommenders.observed import Observed
from training.recommenders.relations import entries
from training.recommenders.single import SingleConfig
from training.recommenders.top_k import Eligible, top_k_sparse


class MemberConfig(BaseConfig):
    """One model of a blend."""

    share: float = Field(gt=0)
    """Weight of the model's scores."""

    model: SingleConfig
    """The model, with its own event weights and half-life."""


class BlendConfig(ModelConfig):
    """Which models speak, and how loud. `weights` say which events make a person and an item known."""

    kind: Literal["blend"] = "blend"

    members: Annotated[tuple[MemberConfig, ...], Field(min_length=1)]
    """The models, each on the same items."""

    depth: int = Field(default=100, ge=1)
    """Items taken from the top of each model; at least k."""


class Blend(Recommender[BlendConfig]):
    """Score = sum over members of share * the member's score / its best score for the row, among its top `depth` items."""

    config_type = BlendConfig

    def __init__(self, config: BlendConfig) -> None:
        super().__init__(config)
        self._members = build_members(member.model for member in config.members)
        self._attributes: ItemAttributes | None = None

    def _catalogue(self, item_ids: Any, attributes: ItemAttributes | None) -> Any:
        """The items any member knows."""
        return known_items(self._members, item_ids, attributes)

    def _fit_attributes(self, attributes: ItemAttributes) -> None:
        self._attributes = attributes

    def _fit(self, observed: Observed) -> None:
        fit_members(self._members, observed, item_ids=self.item_ids, attributes=self._attributes)

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        blended = sp.csr_matrix((len(observed), observed.n_items), dtype=np.float32)
        depth = min(max(k, self.config.depth), observed.n_items)
        for member, setting in zip(self._members, self.config.members, strict=True):
            items, scores = member._rank(observed.under(member.config), depth, eligible)
            relative = np.float32(setting.share) * scores / scores[:, :1]
            blended = blended + entries(items, relative, n_items=observed.n_items)
        return top_k_sparse(blended, k=k, eligible=eligible)

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        return states(self._members)

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        restore_members(self._members, arrays, item_ids=self.item_ids)
