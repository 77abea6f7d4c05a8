"""How much of each set is built again, and when a single feature is suspicious."""

from __future__ import annotations

from pydantic import Field

from features.config import BaseConfig


class LeakageConfig(BaseConfig):
    """Sample and limits of the leakage checks."""

    persons: int = Field(default=25, ge=1)
    """Persons whose rows are built again, per moment, by stable hash."""

    moments: int = Field(default=3, ge=1)
    """Moments at which rows are built again: the latest cut-offs, or assignments spread over the campaign."""

    screened_persons: int = Field(default=200, ge=1)
    """Persons whose rows hold single features against the label."""

    max_auc: float = Field(default=0.95, gt=0.5, le=1)
    """A feature that alone tells the label with a higher AUC is named in a warning."""

    seed: int = Field(default=1, ge=0)
    """Of the forged future."""
