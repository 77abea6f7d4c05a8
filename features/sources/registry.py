"""Every source of events by its `kind`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from features.sources.complete_journey import CompleteJourneyConfig, journey_files
from features.sources.ga4 import Ga4Config, read_ga4
from features.sources.generic import GenericConfig, read_generic
from features.sources.online_retail import OnlineRetailConfig, read_online_retail
from features.sources.raw_events import RawEvents
from features.sources.segment import SegmentConfig, read_segment
from features.sources.text_rows import find_files

EventSourceConfig = GenericConfig | Ga4Config | SegmentConfig | OnlineRetailConfig
"""Sources that give events and nothing else."""

SourceConfig = Annotated[EventSourceConfig | CompleteJourneyConfig, Field(discriminator="kind")]


def read_file(config: EventSourceConfig, path: Path, *, name: str) -> RawEvents:
    """Unchecked events of one file of a source.

    Args:
        config: which source, and how it is read.
        path: the file.
        name: what its rows call their source.

    Raises:
        InputError: the file is missing or cannot be read whole.
    """
    match config:
        case GenericConfig():
            return read_generic(config, path, name=name)
        case Ga4Config():
            return read_ga4(config, path, name=name)
        case SegmentConfig():
            return read_segment(config, path, name=name)
        case OnlineRetailConfig():
            return read_online_retail(config, path, name=name)


def source_files(config: EventSourceConfig | CompleteJourneyConfig, *, folder: Path) -> list[Path]:
    """The files a source reads, sorted.

    Raises:
        InputError: a file is missing.
    """
    if isinstance(config, CompleteJourneyConfig):
        return journey_files(config)
    patterns = (config.file,) if isinstance(config, OnlineRetailConfig) else config.files
    return find_files(patterns, folder=folder)
