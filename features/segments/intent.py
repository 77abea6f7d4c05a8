"""Intent by a score, not by rule alone: low-intent viewers apart from high-intent abandoners."""

from __future__ import annotations

from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from features import columns as c
from features.arrays import FloatArray
from features.config import BaseConfig
from features.histories.histories import Histories

UNKNOWN: Final = "unknown"
INTENT_TIERS: Final = ("high", "medium", "low", UNKNOWN)


class IntentConfig(BaseConfig):
    """Limits between the tiers, on the scale of the score given."""

    high: float = 0.5
    """Least score of `high`."""

    medium: float = 0.1
    """Least score of `medium`; below it is `low`, without a score `unknown`."""

    window_days: float = Field(default=30, gt=0)
    """A person without any event in so many days has no intent tier to be a member of."""

    @model_validator(mode="after")
    def _falling(self) -> Self:
        if self.medium >= self.high:
            raise ValueError(f"'medium' ({self.medium:g}) must lie below 'high' ({self.high:g})")
        return self


def person_scores(histories: Histories, scores: pa.Table | None) -> FloatArray:
    """Score of each person, NaN where there is none, shape (n_persons,).

    Args:
        histories: the persons.
        scores: person_id and score; None = nobody has one.
    """
    found = np.full(histories.n_persons, np.nan)
    if scores is None:
        return found
    row = histories.person_rows(scores[c.PERSON_ID])
    here = row >= 0
    found[row[here]] = pc.fill_null(scores[c.SCORE], float("nan")).to_numpy()[here]
    return found


def intent_tiers(
    scores: FloatArray, config: IntentConfig
) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """The tier of each score, shape (n,); NaN gives `unknown`."""
    high, medium, low, unknown = INTENT_TIERS
    return np.select(
        [np.isnan(scores), scores >= config.high, scores >= config.medium],
        [unknown, high, medium],
        low,
    )
