"""A feed file, read, judged and named: the catalog of a project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from features.catalog.moments import parse_feed_time
from features.catalog.readers.feed import read_feed
from features.catalog.snapshot import take_snapshot, to_catalog
from features.catalog.validation import FeedConfig, Validation, validate_feed
from features.config import UtcTime


class FeedSourceConfig(FeedConfig):
    """Where the feed is, and what is expected of it."""

    file: str
    """Path, relative to the config."""

    generated_at: UtcTime | None = None
    """When the feed was written, where the file does not say."""


@dataclass(frozen=True, eq=False)
class FeedCatalog:
    """A publishable feed.

    Attributes:
        catalog: the snapshot as the catalog table.
        validation: what came of the feed's rows.
    """

    catalog: pa.Table
    validation: Validation


def read_feed_catalog(config: FeedSourceConfig, *, folder: Path, as_of: datetime) -> FeedCatalog:
    """Read a feed and judge it as a whole.

    Args:
        config: file and expectations.
        folder: where a relative path starts.
        as_of: moment of delivery; recorded as the time of writing where neither file nor config state one.

    Raises:
        InputError: the file cannot be read.
        GateError: too many rows are no items; the last good snapshot stays.
    """
    raw = read_feed((folder / config.file).resolve(), config.reader)
    validation = validate_feed(raw, config, as_of=as_of)
    validation.require_publishable(max_error_rate=config.max_error_rate)
    written = config.generated_at or parse_feed_time(raw.generated_at)
    snapshot = take_snapshot(validation.items, validation.attributes, generated_at=written)
    return FeedCatalog(to_catalog(snapshot, generated_at=written or as_of), validation)
