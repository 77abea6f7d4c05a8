"""The config of a replay: a made-up store and its advertising, run week by week by the project's own steps."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from features.config import BaseConfig
from features.simulate.store.world_config import Share, WorldConfig


class ReplayConfig(BaseConfig):
    """replay.yaml."""

    kind: Literal["replay"]

    workspace: Path
    """Folder for the replay's own runs, relative to this file; not that of the project, which it would overwrite."""

    experiment_id: str = Field(pattern=r"^[a-z0-9_]+$")
    """Names the exploration and salts its draws."""

    exploration: Share = 0.2
    """Share of the persons free to be contacted whom each week a coin decides about instead of the policy: what the uplift
    model learns from."""

    warm_up_weeks: int = Field(default=4, ge=2)
    """First weeks in which the coin decides about everybody, because nothing is learned yet."""

    retrain_weeks: int = Field(default=4, ge=1)
    """Weeks between two trainings."""

    horizon_days: Literal[7] = 7
    """Length of the outcome window: the week between two decisions."""

    overrides: tuple[str, ...] = ()
    """Changes of the project's other configs for the replay, `<file>.<key>=value`."""

    world: WorldConfig = WorldConfig()
