"""proof.yaml: the store, how each policy is run in it, and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from features.config import BaseConfig
from features.simulate.store.config import StoreConfig
from features.simulate.store.knowledge import WEEK
from features.simulate.store.world_config import WorldConfig
from serving.config import EligibilityConfig, FrequencyConfig, TimingConfig
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.linear import LinearConfig

Share = Annotated[float, Field(gt=0, lt=1)]


class DesignConfig(BaseConfig):
    """How every policy is run: the same pilot, budget, holdout and exploration for all."""

    pilot_weeks: int = Field(default=4, ge=1)
    """Weeks before the policies begin in which a lot decides about everybody, with an item at random."""

    pilot_share: Share = 0.5
    """Probability of a contact in the pilot."""

    budget_share: Share = 0.2
    """Contacts per week, as a share of the persons who may be contacted."""

    holdout_share: Share = 0.1
    """Probability that a person whom the policy chose is not contacted this week: drawn anew each week, recorded."""

    explore_share: Share = 0.01
    """Share of the persons about whom a lot decides instead of the policy, drawn anew each week; their contacts are paid
    from the same budget. The oracle and whoever contacts nobody do without."""

    explored_share: Share = 0.2
    """Probability of a contact of these persons."""

    relevant_share: Share = 0.5
    """Share of the pilot and of exploration in which the item is the one that `ours` would show; the others get a random one
    of their candidates."""

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        if self.explore_share * self.explored_share >= self.budget_share:
            raise ValueError("exploration alone takes the whole 'budget_share'")
        return self


class LearningConfig(BaseConfig):
    """How the policies that learn do so."""

    every_weeks: int = Field(default=6, ge=1)
    """Uplift is learned again after so many weeks, from all the policy's own decisions so far."""

    sales: LinearConfig = LinearConfig(penalty=100)
    """Model of what contacts sell. Linear: effects are so small beside the noise of orders that trees learn the noise."""

    loss_prior: float = Field(default=0.2, gt=0)
    """Standard deviation of the share of orders that contacts cost frequent visitors, expected before anything is known."""

    n_folds: int = Field(default=2, ge=2)
    """Folds of the models of what is ordered without and with contact."""

    outcomes: BoostedConfig = BoostedConfig(n_trees=40, n_leaves=15, learning_rate=0.15, n_jobs=1)
    """Models of what is ordered and looked at, for uplift, propensity and relevance."""

    snapshots: int = Field(default=3, ge=1)
    """Weeks before the pilot that relevance and propensity learn from."""

    history_days: int = Field(default=28, ge=7)
    """Days before these weeks; history that nothing is learned from."""


class ProofConfig(BaseConfig):
    """proof.yaml."""

    kind: Literal["proof"]

    folder: Path
    """Where pieces and page go, relative to this file."""

    seeds: int = Field(default=10, ge=2)
    """Stores; each is simulated anew for each policy."""

    store: StoreConfig
    world: WorldConfig
    design: DesignConfig = DesignConfig()
    learning: LearningConfig = LearningConfig()
    timing: TimingConfig = TimingConfig(start_hours=24)
    """When `ours`, whole or in part, may contact whoever has a cart: a contact within the hour harms, after a day it helps
    (Li, Luo, Lu, Moriguchi, 2021)."""

    eligibility: EligibilityConfig = EligibilityConfig()
    frequency: FrequencyConfig = FrequencyConfig(max_contacts=4)

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        before = self.learning.history_days + WEEK * self.learning.snapshots
        if self.world.first_day < before:
            raise ValueError(
                f"'world.first_day' is before day {before}: there is nothing to learn relevance from"
            )
        if self.world.weeks <= self.design.pilot_weeks:
            raise ValueError("'world.weeks' leaves no week after the pilot")
        if self.store.days < self.world.first_day + WEEK * self.world.weeks:
            raise ValueError("'store.days' end before the last week")
        return self
