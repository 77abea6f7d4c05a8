"""The config of a recommender training on a project's histories: who competes, and on which weeks."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from features.config import BaseConfig
from features.interactions import EventName
from training.recommenders.registry import (
    RecommenderConfig,
    require_equal_trials,
    with_interactions,
)

BEST_SINGLE: Final = "best_single"
"""Stands for the best model that does not combine others."""


class RecommenderTrainingConfig(BaseConfig):
    """Which settings of which models compete, and on which weeks."""

    kind: Literal["recommender"] = "recommender"

    trials: int = Field(default=3, ge=1)
    """Candidates per kind of model; the same for all, so that none wins by being tuned harder."""

    candidates: tuple[RecommenderConfig, ...] = Field(min_length=1)
    """Settings that compete, `trials` of each kind."""

    weights: dict[EventName, Annotated[float, Field(ge=0)]] | None = None
    """Event weights of every candidate that does not name its own; null = one per purchase."""

    baseline: str = "buy_again"
    """Kind of model the others are compared with; `best_single` = of those that do not combine others, the one that is best
    on the validation weeks."""

    also_against: tuple[str, ...] = ()
    """Further kinds that every other one is compared with."""

    discovery: bool = False
    """Whether lists without a person's own items are judged too, on novel targets."""

    target_events: tuple[EventName, ...] = Field(default=("purchase",), min_length=1)
    """An item with one of these events inside a window is relevant."""

    horizon_days: int = Field(default=7, ge=1)
    """Length of a target window."""

    test_weeks: int = Field(default=4, ge=1)
    """Weekly cut-offs the chosen models are judged on, the last window ending at `as_of`."""

    validation_weeks: int = Field(default=1, ge=1)
    """Weekly cut-offs the settings are chosen on, before all test windows."""

    k: int = Field(default=10, ge=1)
    """Length of a list."""

    minimum_interactions: int = Field(default=1_000, ge=1)
    """Refuse to train on fewer events of persons with items before the first validation cut-off."""

    replicates: int = Field(default=2_000, ge=100)
    """Bootstrap resamples of persons."""

    level: float = Field(default=0.95, gt=0, lt=1)
    """Confidence level of the intervals."""

    seed: int = Field(default=0, ge=0)
    """Seed of the bootstrap."""

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        require_equal_trials(self.candidates, trials=self.trials)
        kinds = {candidate.kind for candidate in self.candidates}
        named = () if self.baseline == BEST_SINGLE else (self.baseline,)
        for name in (*named, *self.also_against):
            if name not in kinds:
                raise ValueError(f"baseline '{name}' is not among the candidates")
        return self

    def settings(self) -> list[RecommenderConfig]:
        """The candidates, with the shared event weights where they name none."""
        return [
            with_interactions(candidate, weights=self.weights, half_life_days=None)
            for candidate in self.candidates
        ]
