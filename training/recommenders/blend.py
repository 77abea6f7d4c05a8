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
from training.recommenders.observed import Observed
from training.recommenders.relations import entries
from training.recommenders.single import SingleConfig, build_single
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
        self._members = [build_single(member.model) for member in config.members]

    def _catalogue(self, item_ids: Any, attributes: ItemAttributes | None) -> Any:
        """The items any member knows."""
        known = {i for member in self._members for i in member._catalogue(item_ids, attributes)}
        return np.array(sorted(known), dtype=object)

    def _fit_attributes(self, attributes: ItemAttributes) -> None:
        for member in self._members:
            member._fit_attributes(attributes)

    def _fit(self, observed: Observed) -> None:
        for member in self._members:
            member._item_ids = self.item_ids
            member._fit(observed.under(member.config))

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        blended = sp.csr_matrix((len(observed), observed.n_items), dtype=np.float32)
        depth = min(max(k, self.config.depth), observed.n_items)
        for member, setting in zip(self._members, self.config.members, strict=True):
            items, scores = member._rank(observed.under(member.config), depth, eligible)
            relative = np.float32(setting.share) * scores / scores[:, :1]
            blended = blended + entries(items, relative, n_items=observed.n_items)
        return top_k_sparse(blended, k=k, eligible=eligible)

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        return {
            f"{number}.{name}": array
            for number, member in enumerate(self._members)
            for name, array in member._state().items()
        }

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        for number, member in enumerate(self._members):
            member._item_ids = self.item_ids
            prefix = f"{number}."
            own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
            member._restore(own)
