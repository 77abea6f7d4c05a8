"""The config of a design: what a test is to find out, and the client's own history to reckon with."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from features.config import BaseConfig


class TableHistory(BaseConfig):
    """Any CSV or Parquet file with a row per person: what each did in one window, before any test."""

    kind: Literal["flat_table"]

    path: str
    """The file; a relative path starts at the config file's folder."""

    separator: str = Field(default=",", min_length=1, max_length=1)
    """Field separator of a CSV."""

    persons_per_week: int = Field(ge=1)
    """New persons who could be assigned, per week."""


class ProjectHistory(BaseConfig):
    """A project's own histories: persons active lately, and what they did in the last window before the moment of decision.

    Its columns are `visits`, `conversion` and `revenue`, and the same with `before_`, in the window before that.
    """

    kind: Literal["project"]

    active_days: int = Field(default=28, ge=1)
    """Persons with an event in so many days before the window are the ones who would be assigned."""


class ShareTarget(BaseConfig):
    """A share of persons: conversion, visit."""

    kind: Literal["binary"]

    lift: float = Field(gt=0)
    """Smallest change worth finding, relative: 0.1 = 10 % more than without."""

    before: str | None = None
    """Column of the same in the window before, for CUPED."""


class NumberTarget(BaseConfig):
    """A number per person: revenue, margin, visits."""

    kind: Literal["continuous"]

    lift: float = Field(gt=0)
    """Smallest change worth finding, relative."""

    before: str | None = None
    cap: float | None = Field(default=None, gt=0)
    """Values above it count as it."""

    unit: str = ""


class ReturnTarget(BaseConfig):
    """Incremental return on spend: change of revenue over the cost of the treatment."""

    kind: Literal["incremental_return"]

    revenue: str
    """Column of the money won."""

    cost_per_person: float = Field(gt=0)
    """Cost of treating one assigned person over the window."""

    least: float = Field(gt=0)
    """Smallest return worth finding: 2 = two won for each one spent."""

    cap: float | None = Field(default=None, gt=0)
    before: str | None = None


Target = Annotated[ShareTarget | NumberTarget | ReturnTarget, Field(discriminator="kind")]


class DesignConfig(BaseConfig):
    """design.yaml: a test that is not yet under way."""

    kind: Literal["design"]

    workspace: str = "../../workspace"
    """Folder for the run of a flat table, relative to this file; that of a project is its own."""

    history: Annotated[TableHistory | ProjectHistory, Field(discriminator="kind")]
    """What persons did before any test."""

    outcomes: dict[str, Target] = Field(min_length=1)
    """What the test is to find; a binary or continuous target is called like its column."""

    window_days: int = Field(default=14, ge=1)
    """Outcomes are counted for so many days after assignment; the rows of a flat table are of as many."""

    holdout_shares: tuple[float, ...] = (0.5, 0.2, 0.1, 0.05)
    """Shares of persons left out to choose from."""

    max_weeks: int = Field(default=12, ge=1, le=520)
    """Longest time to assign persons for."""

    power: float = Field(default=0.8, gt=0, lt=1)
    """Probability of finding the smallest change worth finding."""

    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Two-sided probability of finding what is not there."""

    replays: int = Field(default=400, ge=0, le=10_000)
    """Tests simulated on the history, without and with the change laid over it; 0 = none."""

    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _shares_are_shares(self) -> Self:
        if not self.holdout_shares or not all(0 < share < 1 for share in self.holdout_shares):
            raise ValueError(
                f"'holdout_shares' must be between 0 and 1, got {list(self.holdout_shares)}"
            )
        return self
