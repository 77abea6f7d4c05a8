"""What every uplift learner can do: fit on rows with a known assignment, score new rows, live in a folder."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import Field

from features.arrays import FloatArray
from features.config import BaseConfig

OutcomeKind = Literal["binary", "continuous"]


class BoosterConfig(BaseConfig):
    """LightGBM settings of an outcome model. The defaults are tame: boosted learners over-fit the effect."""

    n_trees: int = Field(default=60, ge=1, le=10_000)
    """Boosting rounds per arm."""

    n_leaves: int = Field(default=7, ge=2, le=1_024)
    """Leaves per tree."""

    min_child_rows: int = Field(default=200, ge=1)
    """Fewest training rows in a leaf."""

    learning_rate: float = Field(default=0.05, gt=0, le=1)
    """Shrinkage per round."""

    seed: int = Field(default=0, ge=0)
    """Seed of LightGBM."""

    n_jobs: int = Field(default=2, ge=1)
    """Threads; never more than there are free cores. The result does not depend on it."""


class UpliftLearner(Protocol):
    """A fitted learner of E[Y(1) - Y(0) | X]. Rows are a matrix of encoded features, NaN = missing."""

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Uplift per row, shape (n_rows,), in units of the outcome per unit."""
        ...

    def predict_control(self, matrix: FloatArray) -> FloatArray:
        """Expected outcome per row without treatment, shape (n_rows,)."""
        ...

    def texts(self) -> dict[str, str]:
        """The model as native text files, by file name."""
        ...
