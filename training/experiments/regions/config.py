"""The configs of experiments on regions: the table, the lot, and what was declared before looking."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from features.config import BaseConfig, UtcTime

RegionMethod = Literal["synthetic_control", "difference_in_differences"]
"""How the level without the treatment is reckoned: from weighted controls, or from the plain mean of the controls."""


class RegionTable(BaseConfig):
    """Any CSV or Parquet file with a row per region and day, and outcomes in numbers."""

    path: str
    """The file; a relative path starts at the config file's folder."""

    separator: str = Field(default=",", min_length=1, max_length=1)
    """Field separator of a CSV."""

    region: str = "region"
    """Column of the region, market or store."""

    day: str = "day"
    """Column of the day, as a date."""

    missing_is_zero: bool = False
    """A region without a row on a day had no outcome that day; else that is an error."""

    most_regions: int | None = Field(default=None, ge=2)
    """Only so many regions, those with most before the test of what groups are alike in, or of the first primary outcome; None = all."""


class RegionOutcome(BaseConfig):
    """A number per region and day: sales, orders, visits."""

    unit: str = ""
    """What it is counted in, such as a currency."""


class RegionTarget(RegionOutcome):
    """An outcome that a test is to move."""

    lift: float = Field(gt=0)
    """Smallest change worth finding, relative: 0.05 = 5 % more than without."""


class GroupedLot(BaseConfig):
    """Regions in groups alike before the test, and a lot within each group."""

    group_size: int = Field(default=2, ge=2)
    """Regions in a group; 2 = matched pairs."""

    treated_per_group: int = Field(default=1, ge=1)
    """Regions of each group that are treated."""

    @model_validator(mode="after")
    def _some_are_left(self) -> Self:
        if self.treated_per_group >= self.group_size:
            raise ValueError(
                f"'treated_per_group' must be below 'group_size' {self.group_size}, got {self.treated_per_group}"
            )
        return self


class RegionDesignConfig(BaseConfig):
    """design.yaml of a test on regions that is not yet under way."""

    kind: Literal["design_regions"]

    workspace: str = "../../workspace"
    """Folder for the run, relative to this file."""

    data: RegionTable
    """What regions did before any test."""

    outcomes: dict[str, RegionTarget] = Field(min_length=1)
    """What the test is to find, by column."""

    alike_in: str
    """Outcome before the test in which the regions of a group are alike."""

    lot: GroupedLot = GroupedLot()

    salt: str = Field(min_length=1)
    """Name of the test: the same salt gives the same lot."""

    test_days: tuple[int, ...] = Field(default=(14, 28, 56), min_length=1)
    """Lengths to choose from; as many days at the end of the history stand for the test."""

    power: float = Field(default=0.8, gt=0, lt=1)
    """Probability of finding the smallest change worth finding."""

    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Two-sided probability of finding what is not there."""

    assignments: int = Field(default=1_000, ge=100, le=2_000)
    """Most assignments looked at; more than there are, all of them."""

    seed: int = Field(default=0, ge=0)
    """Of the assignments drawn, where there are more."""

    @model_validator(mode="after")
    def _days_and_names_are_known(self) -> Self:
        if self.alike_in not in self.outcomes:
            raise ValueError(f"'alike_in' names {self.alike_in!r}, which is not in 'outcomes'")
        if min(self.test_days) < 1:
            raise ValueError(f"'test_days' must be at least 1, got {list(self.test_days)}")
        return self


class RegionLot(BaseConfig):
    """Which region was treated: a row per region, as `retarget design` writes it, or columns of the table itself."""

    path: str | None = None
    """CSV or Parquet; None = the columns stand in the table of outcomes."""

    region: str = "region"
    arm: str = "arm"
    treated: str = "treated"
    control: str = "control"

    group: str | None = "group"
    """Column of the group within which the lot was drawn; None = one lot over all regions."""

    observational: Literal[False] = False
    """Regions that somebody chose are not an experiment."""


class RegionMeasureConfig(BaseConfig):
    """measure.yaml of a test on regions."""

    kind: Literal["measure_regions"]

    workspace: str = "../../workspace"
    """Folder for the run, relative to this file."""

    data: RegionTable
    lot: RegionLot = RegionLot()

    start: UtcTime
    """First day of the treatment; days before it are the period before."""

    end: UtcTime | None = None
    """First day that is no longer measured; None = to the last day of the table."""

    outcomes: dict[str, RegionOutcome] = Field(min_length=1)

    primary: list[str] = Field(min_length=1)
    """Outcomes the decision rests on, decided before looking: the family of Holm's adjustment."""

    method: RegionMethod = "synthetic_control"
    """Which estimate is the headline, decided before looking; the other stands beside it."""

    assignments: int = Field(default=1_000, ge=100, le=2_000)
    """Most assignments of the placebo distribution; more than there are, all of them."""

    seed: int = Field(default=0, ge=0)
    """Of the assignments drawn, where there are more."""

    @property
    def ordered(self) -> list[str]:
        """Outcomes, primary ones first."""
        return list(dict.fromkeys([*self.primary, *self.outcomes]))

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        unknown = [name for name in self.primary if name not in self.outcomes]
        if unknown:
            raise ValueError(f"'primary' names {unknown[0]!r}, which is not in 'outcomes'")
        if self.end is not None and self.end <= self.start:
            raise ValueError("'end' must be after 'start'")
        return self
