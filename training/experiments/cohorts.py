"""What cohorts brought in the months after they were first assigned, in both arms: customer value as it grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from features.arrays import FloatArray
from features.config import BaseConfig
from training.experiments.effects import ContrastRows
from training.experiments.funnel import MINIMUM_ROWS
from training.experiments.lift import LiftEstimate

ALL = "all"


class CohortConfig(BaseConfig):
    """Cohorts and the columns of their value."""

    column: str
    """Column of the cohort, known at assignment: the month a row was first assigned, for example."""

    values: dict[Annotated[int, Field(ge=1)], str] = Field(min_length=1)
    """Column of what a row brought within so many days after assignment, by days; empty where these days are not over yet."""

    unit: str = ""
    """Of the values, a currency for example."""


@dataclass(frozen=True)
class CohortValue:
    """One cohort after so many days.

    Attributes:
        treated: arm.
        cohort: its name, "all" over every cohort.
        days: since assignment.
        unit: of the value.
        n_rows: of both arms.
        lift: value per row assigned in both arms and its difference; None where the days are not over for every row of the
            cohort, or with fewer than `MINIMUM_ROWS` rows in an arm.
    """

    treated: str
    cohort: str
    days: int
    unit: str
    n_rows: int
    lift: LiftEstimate | None


def cohort_values(
    rows: ContrastRows,
    *,
    treated: str,
    cohort: Sequence[str],
    values: Mapping[int, FloatArray],
    unit: str,
) -> list[CohortValue]:
    """Value of every cohort after every number of days, treated beside control.

    Args:
        rows: arms.
        treated: name of the treated arm.
        cohort: of each row.
        values: what each row brought, NaN where the days are not over, by days, each of shape (n_rows,).
        unit: of the values.
    """
    labels = np.asarray(cohort, dtype=np.str_)
    parts = {str(name): labels == name for name in np.unique(labels)}
    parts[ALL] = np.ones(len(labels), dtype=bool)
    found = []
    for name, inside in parts.items():
        part = rows.subset(inside)
        large = min(part.treated.sum(), (~part.treated).sum()) >= MINIMUM_ROWS
        for days in sorted(values):
            brought = values[days][inside]
            lift = part.lift(brought) if large and np.isfinite(brought).all() else None
            found.append(CohortValue(treated, name, days, unit, int(inside.sum()), lift))
    return found
