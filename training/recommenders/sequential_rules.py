"""Rules 'after this item comes that item', from the order of events within sessions."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse as sp
from pydantic import Field

from features.arrays import CodeArray, ScoreArray
from training.recommenders.base import ModelConfig
from training.recommenders.observed import Observed
from training.recommenders.relations import RelationModel, strongest_entries, summed
from training.recommenders.top_k import Eligible, top_k_sparse


class SequentialRulesConfig(ModelConfig):
    """How far apart two items of a rule may be, and which of a person's items it starts from."""

    kind: Literal["sequential_rules"] = "sequential_rules"

    gap_days: float = Field(default=1.0, ge=0)
    """A longer pause between two events of a person ends the session; no rule crosses it."""

    steps: int = Field(default=5, ge=1, le=100)
    """Largest number of events from the first item of a rule to the second."""

    neighbours: int = Field(default=100, ge=1, le=1_000)
    """Rules kept per first item."""

    fade: float = Field(default=0.5, gt=0, le=1)
    """Weight of a person's event relative to the one after it."""

    recent: int = Field(default=10, ge=1)
    """Newest events of a person that rules start from."""


class SequentialRules(RelationModel[SequentialRulesConfig]):
    """Rule = sum of weight of the later event * 0.5 ** (its age / half-life) / steps between, per pair of events.

    Score = sum over the person's newest events of fade ** (events since) * rule. A rule from an item to itself is none.

    Source: Ludewig and Jannach (2018), sequential rules.
    """

    config_type = SequentialRulesConfig

    def _fit(self, observed: Observed) -> None:
        events = observed.events
        session, _ = events.sessions(gap_days=self.config.gap_days)
        decayed = events.weight * np.exp2(-events.age_days / self.config.half_life_days)
        rules = sp.csr_matrix((observed.n_items, observed.n_items), dtype=np.float64)
        for steps in range(1, self.config.steps + 1):
            first, then = events.item[:-steps], events.item[steps:]
            together = session[:-steps] == session[steps:]
            if not together.any():
                break
            keep = together & (first != then)
            value = decayed[steps:][keep] / steps
            rules = (
                rules + sp.coo_matrix((value, (first[keep], then[keep])), shape=rules.shape).tocsr()
            )
        self._relation = strongest_entries(rules, k=self.config.neighbours)

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        events = observed.events
        place = events.places_from_end()
        recent = events.of(place <= self.config.recent)
        faded = np.power(self.config.fade, recent.places_from_end() - 1)
        shape = (len(observed), observed.n_items)
        query = summed(faded, recent.rows(), recent.item, shape=shape)
        return top_k_sparse(query @ self._relation, k=k, eligible=eligible)
