"""A person's own items by place in the history rather than by age: for short anonymous histories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from features.arrays import CodeArray, ScoreArray
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.observed import Observed
from training.recommenders.relations import summed
from training.recommenders.top_k import Eligible, top_k_sparse


class RemindersConfig(ModelConfig):
    """How fast an item fades with the events after it."""

    kind: Literal["reminders"] = "reminders"

    fade: float = Field(default=0.8, gt=0, le=1)
    """Weight of an event relative to the one after it."""


class Reminders(Recommender[RemindersConfig]):
    """Score = sum over the person's events with the item of weight * fade ** (events since)."""

    config_type = RemindersConfig

    def _fit(self, observed: Observed) -> None:
        """Nothing is learned from other persons but what is popular."""

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        events = observed.events
        faded = events.weight * np.power(self.config.fade, events.places_from_end() - 1)
        shape = (len(observed), observed.n_items)
        own = summed(faded, events.rows(), events.item, shape=shape)
        return top_k_sparse(own, k=k, eligible=eligible)

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        return {}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Nothing beyond the base."""
