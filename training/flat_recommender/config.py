"""The config of a recommender comparison on flat files: public benchmarks, or whatever tables there are."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from features.config import BaseConfig
from features.interactions import EventName
from training.recommenders.registry import (
    RecommenderConfig,
    require_equal_trials,
    with_interactions,
)

Metric = Literal["ndcg", "precision", "recall", "average_precision", "hit_rate", "reciprocal_rank"]


class InteractionTableData(BaseConfig):
    """Any CSV or Parquet file: one row per person and item."""

    kind: Literal["flat_table"]

    path: str
    """The file; a relative path starts at the config file's folder."""

    separator: str = Field(default=",", min_length=1, max_length=1)
    """Field separator of a CSV."""

    person: str
    """Column with the person."""

    item: str
    """Column with the item."""

    time: str | None = None
    """Column with seconds since 1970; null = everything happened at one moment."""

    max_reject_share: float = Field(default=0.05, ge=0, le=1)
    """Stop when a larger share of the rows is refused."""


class SessionListsData(BaseConfig):
    """Two files of JSON lines, plain or gzipped: sessions to learn from, and (prefix, next item) pairs to judge on.

    The order of the sessions is taken as the order of time: one session starts every minute. Test pairs come after.
    """

    kind: Literal["session_lists"]

    path: str
    """Sessions, each line a list of item ids; a relative path starts at the config file's folder."""

    test: str
    """Pairs, each line [list of item ids, next item id]."""


class RandomByItemSplit(BaseConfig):
    """Rows drawn at random within each item: comparable with published figures, blind to time."""

    kind: Literal["random_by_item"]

    train_share: float = Field(default=0.75, gt=0, lt=1)
    """Share of each item's rows that train, outside and again inside for the choice of settings."""

    seeds: int = Field(default=5, ge=1)
    """Splits, with seeds 0, 1, ..."""


class NextItemSplit(BaseConfig):
    """The next item of each test pair; settings are chosen on the last training sessions."""

    kind: Literal["next_item"]

    validation_share: float = Field(default=0.05, gt=0, lt=1)
    """Share of the training sessions, the last ones, that settings are chosen on."""

    validation_rows: int = Field(default=10_000, ge=1)
    """At most so many of their prefixes, drawn at random."""


class FlatRecommenderConfig(BaseConfig):
    """Which settings of which models compete on which file."""

    kind: Literal["flat_recommender"]

    workspace: str
    """Output folder; a relative path starts at the config file's folder."""

    data: Annotated[InteractionTableData | SessionListsData, Field(discriminator="kind")]

    split: Annotated[RandomByItemSplit | NextItemSplit, Field(discriminator="kind")]

    trials: int = Field(default=1, ge=1)
    """Candidates per kind of model; the same for all, so that none wins by being tuned harder."""

    candidates: tuple[RecommenderConfig, ...] = Field(min_length=1)
    """Settings that compete, `trials` of each kind."""

    event: EventName = "purchase"
    """What a row of the file is called; candidates that name no event weights count each as 1."""

    half_life_days: float | None = Field(default=None, gt=0)
    """Half-life of candidates that name none; null = each model's default."""

    metric: Metric = "ndcg"
    """What settings are chosen by, at `k`."""

    k: int = Field(default=10, ge=1)
    """Length of a list."""

    show_seen: bool = False
    """Whether items of the person's own history may be recommended."""

    replicates: int = Field(default=2_000, ge=100)
    """Bootstrap resamples of persons (of sessions, where prefixes of one session are judged)."""

    level: float = Field(default=0.95, gt=0, lt=1)
    """Confidence level of the intervals."""

    seed: int = Field(default=0, ge=0)
    """Seed of the bootstrap and of what is drawn for the choice of settings."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require_equal_trials(self.candidates, trials=self.trials)
        fitting = {"flat_table": "random_by_item", "session_lists": "next_item"}[self.data.kind]
        if self.split.kind != fitting:
            raise ValueError(f"'data.kind: {self.data.kind}' needs 'split.kind: {fitting}'")
        return self

    def settings(self) -> list[RecommenderConfig]:
        """The candidates, with the shared event weights and half-life where they name none."""
        return [
            with_interactions(
                candidate, weights={self.event: 1.0}, half_life_days=self.half_life_days
            )
            for candidate in self.candidates
        ]
