"""Where the rows of an experiment come from, and what their columns are."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from features.training_sets.uplift import UPLIFT_FEATURES
from training.uplift.data_config import ArmName, ArmsConfig


class ExperimentTable(ArmsConfig):
    """Any CSV or Parquet file with a row per assigned unit, or per unit and day."""

    kind: Literal["flat_table"]

    path: str
    """The file; a relative path starts at the config file's folder."""

    separator: str = Field(default=",", min_length=1, max_length=1)
    """Field separator of a CSV."""

    arm: str
    """Column with the assigned arm."""

    probability: float | str | dict[str, float]
    """Known assignment probability: of each treated arm, a share per arm, or the column with that of the arm the row got."""

    unit: str | None = None
    """Column of what was randomised. A unit in two arms is an error; one with several rows is one independent unit."""

    cluster: str | None = None
    """Column of the household, region or auction, where units of one are not independent or were assigned together."""

    covariates: tuple[str, ...] = ()
    """Columns known before assignment: for the balance test and the cross-fitted prediction."""

    segments: tuple[str, ...] = ()
    """Columns known before assignment by whose levels the first primary outcome is shown; text or few numbers."""

    day: str | None = None
    """Column with the day of a row, as a date or as days since the start: for novelty, and for intervals at daily looks."""

    exposed: str | None = None
    """Column that says whether the treatment reached the row, 0 or 1, in both arms."""

    would_be_exposed: str | None = None
    """Column that says whether the row was, or in the control would have been, exposed: a ghost exposure, 0 or 1."""

    assigned_at: str | None = None
    """Column with the time of assignment."""

    exposed_at: str | None = None
    """Column with the time of the first exposure; empty where there was none."""

    max_reject_share: float = Field(default=0.05, ge=0, le=1)
    """Stop when a larger share of the rows is refused."""

    observational: Literal[False] = False

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        if self.unit is not None and self.unit == self.cluster:
            raise ValueError("'unit' and 'cluster' are the same column; give 'unit' alone")
        if (self.assigned_at is None) != (self.exposed_at is None):
            raise ValueError("'assigned_at' and 'exposed_at' are compared: give both or neither")
        return self


class LargeTable(ArmsConfig):
    """A Parquet file that need not fit into memory: DuckDB reads it once and keeps counts, means and covariances per arm.

    For binary, continuous and ratio outcomes with CUPED by `before`; segments, days, exposure and predictions need the rows.
    """

    kind: Literal["large_table"]

    path: str
    """The Parquet file; a relative path starts at the config file's folder."""

    arm: str
    """Column with the assigned arm; rows of other arms are set aside."""

    probability: dict[str, float]
    """Known share of each arm, scaled to sum to 1."""

    cluster: str | None = None
    """Column of the household or region that was assigned as a whole; one in two arms is an error."""

    memory_limit: str = Field(default="2GB", pattern=r"^[1-9][0-9]*(MB|GB)$")
    """DuckDB writes to disk beyond it."""

    threads: int = Field(default=2, ge=1)
    observational: Literal[False] = False

    @property
    def covariates(self) -> tuple[str, ...]:
        """There are none: predictions need the rows."""
        return ()

    @model_validator(mode="after")
    def _every_arm_has_a_share(self) -> Self:
        if set(self.probability) != set(self.arms):
            raise ValueError(f"'probability' needs one share for each of {list(self.arms)}")
        if min(self.probability.values()) <= 0:
            raise ValueError(f"'probability' must be positive, got {self.probability}")
        return self


class ExperimentHistories(ArmsConfig):
    """A randomised campaign on a project's own histories: a row per person and assignment, clustered by person.

    Its outcomes are `visits`, `conversion`, `revenue`, `margin`, `new_customer` and `returning_customer` (conversions of
    persons without, and with, an order before the assignment), and `cost` of the exposures. Beside the features there are
    `impressions` (with ghosts), `days_to_conversion`, and `bought`: last week, last four weeks, or earlier.
    """

    kind: Literal["project"]

    experiment: str
    """Experiment id in the assignments table."""

    control: ArmName = "control"
    treated: list[ArmName] = Field(default=["treated"], min_length=1)
    covariates: tuple[str, ...] = UPLIFT_FEATURES
    segments: tuple[str, ...] = ()
    observational: Literal[False] = False
