"""features.yaml: segments, training sets and their leakage checks."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from features.config import BaseConfig, validate, with_overrides
from features.interactions import InteractionConfig
from features.leakage.config import LeakageConfig
from features.project import Project
from features.segments.config import SegmentsConfig
from features.training_sets.ranking import RankingConfig
from features.training_sets.uplift import UpliftSetConfig

FEATURES_FILE: Final = "features"


class FeaturesConfig(BaseConfig):
    """What is built from histories beside everybody's features."""

    kind: Literal["features"] = "features"

    segments: SegmentsConfig = SegmentsConfig()
    """Audiences by exact rules."""

    ranking: RankingConfig = RankingConfig()
    """The ranking set."""

    uplift: UpliftSetConfig = UpliftSetConfig()
    """The uplift set, for projects with assignments."""

    interactions: InteractionConfig = InteractionConfig()
    """The interaction set."""

    leakage: LeakageConfig = LeakageConfig()
    """The checks of the three sets."""

    partitions: int = Field(default=4, ge=1)
    """Parts of the persons that are worked on one after the other: more need less memory and give the same tables."""


def features_config(project: Project, overrides: list[str]) -> FeaturesConfig:
    """The project's features.yaml; a project without one takes the defaults.

    Raises:
        ConfigError: the file or an override does not fit.
    """
    if (project.folder / f"{FEATURES_FILE}.yaml").exists():
        return project.step_config(FeaturesConfig, FEATURES_FILE, overrides=overrides)
    content = with_overrides({}, overrides)
    return validate(FeaturesConfig, content, subject=f"{FEATURES_FILE}.yaml (defaults)")
