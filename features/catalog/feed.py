"""A feed file, read, judged and named: the snapshot of a project's items."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import Field

from features.catalog.enrichment import EnrichmentConfig
from features.catalog.moments import parse_feed_time
from features.catalog.page_observations import PagesConfig
from features.catalog.readers.feed import read_feed
from features.catalog.rules.rule import MARKETING_OPERATIONS, MERCHANDISING
from features.catalog.snapshot import FreshnessConfig, Snapshot, take_snapshot
from features.catalog.stock import StockConfig
from features.catalog.validation import FeedConfig, Validation, validate_feed
from features.config import UtcTime


class FeedSourceConfig(FeedConfig):
    """Where the feed is, what is expected of it, and what is made of it."""

    file: str
    """Path, relative to the config."""

    generated_at: UtcTime | None = None
    """When the feed was written, where the file does not say."""

    owner: str = Field(default=MARKETING_OPERATIONS, min_length=1)
    """Team that delivers the feed."""

    max_removed_share: float = Field(default=0.5, ge=0, le=1)
    """Share of the items before that may be gone at once; with more the last good snapshot stays."""

    freshness: FreshnessConfig = FreshnessConfig()
    """How old the feed may be at `as_of`."""

    enrichment: EnrichmentConfig | None = None
    """Margin tier, best seller and seasonality; left out = not derived."""

    pages: PagesConfig | None = None
    """Visits to landing pages; left out = not compared."""

    stock: StockConfig = StockConfig()
    """Which items are too few, or too slow, to be advertised."""

    listings_owner: str = Field(default=MERCHANDISING, min_length=1)
    """Team that takes listings down that are over."""


@dataclass(frozen=True, eq=False)
class Feed:
    """A publishable feed.

    Attributes:
        snapshot: its items, named by their content.
        validation: what came of its rows.
    """

    snapshot: Snapshot
    validation: Validation


def feed_files(config: FeedSourceConfig, *, folder: Path) -> list[Path]:
    """Every file the feed's config names: what the result depends on."""
    named = (config.file, config.taxonomy, config.pages and config.pages.file)
    return [(folder / name).resolve() for name in named if name]


def read_catalog_feed(config: FeedSourceConfig, *, folder: Path, as_of: datetime) -> Feed:
    """Read a feed and judge it as a whole.

    Args:
        config: file and expectations.
        folder: where relative paths start.
        as_of: the moment dates are judged against.

    Raises:
        InputError: the file cannot be read.
        GateError: too many rows are no items; the last good snapshot stays.
    """
    taxonomy = None if config.taxonomy is None else (folder / config.taxonomy).resolve()
    raw = read_feed((folder / config.file).resolve(), config.reader)
    expected = config.model_copy(update={"taxonomy": taxonomy})
    validation = validate_feed(raw, expected, as_of=as_of)
    validation.require_publishable(max_error_rate=config.max_error_rate)
    written = config.generated_at or parse_feed_time(raw.generated_at)
    snapshot = take_snapshot(validation.items, validation.attributes, generated_at=written)
    return Feed(snapshot, validation)
