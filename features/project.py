"""A project: one folder of configs for one client, one workspace for its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from features.catalog.feed import FeedSourceConfig
from features.config import BaseConfig, ConfigT, UtcTime, load_config
from features.engines.config import EngineConfig, LocalEngineConfig
from features.ingest.cleaning import CleaningConfig
from features.ingest.item_ids import ItemIdConfig
from features.quality.config import QualityConfig
from features.sources.registry import SourceConfig
from features.store import Workspace

PROJECT_FILE = "project.yaml"


class ProjectConfig(BaseConfig):
    """project.yaml: what every step of one client shares."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    """Name of the project: lower-case letters, digits, underscores."""

    workspace: Path
    """Folder for all outputs, relative to this file."""

    as_of: UtcTime
    """The moment of decision. Features and training see only what happened strictly before it."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    """ISO 4217 code of all money in the project."""

    source: SourceConfig
    """Where events come from; `kind` picks the reader."""

    feed: FeedSourceConfig | None = None
    """The product feed. Without one, items, prices and availability are what sales show."""

    received_at: UtcTime | None = None
    """Moment of delivery: later events are not believed. None = `as_of`."""

    cleaning: CleaningConfig = CleaningConfig()
    """What is believed of the events."""

    item_ids: ItemIdConfig = ItemIdConfig()
    """How item ids of events become those of the feed, and how many must."""

    engine: EngineConfig = LocalEngineConfig()
    """Where the work runs: this machine, or Spark. The tables are the same."""

    quality: QualityConfig = QualityConfig()
    """Owners and limits of the quality checks; a failed gate stops the run."""


class Project:
    """A project folder with its parsed project.yaml.

    Args:
        folder: the folder that holds project.yaml and the step configs.
        overrides: `key=value` overrides of project.yaml.
    """

    def __init__(self, folder: Path, *, overrides: Sequence[str] = ()) -> None:
        self.folder = folder
        self.config = load_config(ProjectConfig, folder / PROJECT_FILE, overrides=overrides)
        self.workspace = Workspace((folder / self.config.workspace).resolve())

    def step_config(
        self, model: type[ConfigT], name: str, *, overrides: Sequence[str] = ()
    ) -> ConfigT:
        """The config of one step, from `<folder>/<name>.yaml`.

        Raises:
            ConfigError: the file is missing or does not fit `model`.
        """
        return load_config(model, self.folder / f"{name}.yaml", overrides=overrides)
