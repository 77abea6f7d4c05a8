"""What a contact is worth bidding, and by how much to bid more or less for a person, within bounds for each funnel stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from features.arrays import BoolArray, FloatArray
from features.config import BaseConfig


class StageBidConfig(BaseConfig):
    """Bids for persons of one stage."""

    factor: float = Field(default=1.0, gt=0)
    """Multiplies the modifier."""

    lowest: float = Field(default=0.5, gt=0)
    """Least modifier."""

    highest: float = Field(default=2.0, gt=0)
    """Largest modifier."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lowest > self.highest:
            raise ValueError("'lowest' is above 'highest'")
        return self


@dataclass(frozen=True, eq=False)
class Bids:
    """Bids for n persons.

    Attributes:
        value: most that a contact which reaches the person is worth, money; NaN = unknown.
        modifier: bid of the person over the mean bid, within the bounds of the stage; NaN = unknown.
        clipped: people to contact whose modifier was out of bounds.
    """

    value: FloatArray
    modifier: FloatArray
    clipped: int


def bids(
    expected_value: FloatArray,
    stage: npt.NDArray[np.str_],
    contact: BoolArray,
    config: dict[str, StageBidConfig],
    *,
    reach: float,
    least_return: float,
) -> Bids:
    """Bid so that a contact at that price returns just what the last unit of the budget returns.

    value = expected margin / (share reached x least return); modifier = factor of the stage x expected margin / mean of
    those contacted.

    Args:
        expected_value: expected incremental margin of a contact, shape (n,); a bid is never below 0.
        stage: funnel stage, shape (n,).
        contact: who is contacted, shape (n,).
        config: bounds by stage; a stage without has the defaults.
        reach: share of contacts that reach their person, > 0.
        least_return: margin per unit of cost that money earns elsewhere, > 0.
    """
    limits = {name: config.get(name, StageBidConfig()) for name in np.unique(stage).tolist()}
    factor, lowest, highest = (
        np.array([getattr(limits[name], bound) for name in stage.tolist()])
        for bound in ("factor", "lowest", "highest")
    )
    value = np.maximum(expected_value, 0.0)
    mean = float(value[contact].mean()) if contact.any() else 0.0
    modifier = factor * (value / mean if mean > 0 else np.where(np.isnan(value), np.nan, 1.0))
    bounded = np.clip(modifier, lowest, highest)
    clipped = int((contact & (bounded != modifier)).sum())
    return Bids(value / (reach * least_return), bounded, clipped)
