"""The items a person looked at last, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy.typing as npt
from pydantic import Field

from features.arrays import CodeArray, ScoreArray
from features.interactions import EventName
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.kept_lists import empty_lists
from training.recommenders.observed import Observed
from training.recommenders.relations import summed
from training.recommenders.top_k import Eligible, top_k_sparse


class LastViewedConfig(ModelConfig):
    """How many items a person is reminded of. Which events count as a look is said by `weights`."""

    kind: Literal["last_viewed"] = "last_viewed"

    weights: dict[EventName, Annotated[float, Field(ge=0)]] = Field(default={"view": 1.0})
    """Events that count as a look; how much does not matter here."""

    length: int = Field(default=3, ge=1)
    """Items taken from the person's history; popular ones follow."""


class LastViewed(Recommender[LastViewedConfig]):
    """Score = 1 / rank by the time of the last look, over all items looked at."""

    config_type = LastViewedConfig

    def _fit(self, observed: Observed) -> None:
        """Nothing is learned from other persons but what is popular."""

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        events = observed.events
        position, rank = events.newest_first()
        shape = (len(observed), observed.n_items)
        looks = summed(1 / rank, events.rows()[position], events.item[position], shape=shape)
        items, scores = empty_lists(len(observed), k)
        taken = min(k, self.config.length)
        items[:, :taken], scores[:, :taken] = top_k_sparse(looks, k=taken, eligible=eligible)
        return items, scores

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        return {}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Nothing beyond the base."""
