"""Settings of the ranker: which moments and persons it learns from, its booster, its gate."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from features.config import BaseConfig
from features.interactions import EventName


class BoosterConfig(BaseConfig):
    """LightGBM settings."""

    objective: Literal["lambdarank", "binary"] = "binary"
    """Orders the candidates of one person, or tells the taken from the others over all persons."""

    n_trees: int = Field(default=150, ge=1, le=10_000)
    """Boosting rounds."""

    n_leaves: int = Field(default=15, ge=2, le=1_024)
    """Leaves per tree."""

    min_child_rows: int = Field(default=300, ge=1)
    """Fewest training rows in a leaf."""

    learning_rate: float = Field(default=0.06, gt=0, le=1)
    """Shrinkage per round."""

    feature_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the features each tree may look at."""

    l2: float = Field(default=10.0, ge=0)
    """Penalty on the values of leaves."""

    depth: int = Field(default=20, ge=1)
    """lambdarank alone: pairs with a candidate among so many at the top count."""

    seed: int = Field(default=0, ge=0)
    """Seed of LightGBM."""

    n_jobs: int = Field(default=2, ge=1)
    """Threads; never more than there are free cores. The result does not depend on it."""


class LearningConfig(BaseConfig):
    """What the ranker learns from: past moments whose following days are known."""

    cutoffs: int = Field(default=4, ge=2)
    """Past moments; the booster does not see the last one, which calibrates it."""

    every_days: int = Field(default=7, ge=1)
    """Days between two of them."""

    horizon_days: int = Field(default=7, ge=1)
    """An item taken up within so many days is a hit; also the length of a period of the habit features."""

    label: tuple[EventName, ...] = Field(default=("purchase",), min_length=1)
    """Events by which a person takes an item up; one taken back as a whole does not count."""

    max_persons: Annotated[int, Field(ge=1)] | None = 2_000
    """About so many persons, the same at every moment, chosen by a stable hash of their id; null = all."""

    salt: str = "ranker"
    """Of that hash."""

    max_calibration_error: float = Field(default=0.01, gt=0, le=1)
    """Gate: the expected calibration error of a model that is to be used may not be larger."""

    def before(self, moment: int) -> list[int]:
        """The cut-offs, rising, in microseconds; the horizon of the last one ends at `moment`."""
        step, horizon = (
            timedelta(days=days) // timedelta(microseconds=1)
            for days in (self.every_days, self.horizon_days)
        )
        return [moment - horizon - step * back for back in range(self.cutoffs - 1, -1, -1)]
