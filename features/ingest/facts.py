"""From a project's sources to its canonical tables: every kind of source ends in the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.catalog.delivery import Stored, Tables, receive, store
from features.catalog.feed import feed_files
from features.catalog.observed_prices import observed_catalog
from features.contracts import TableContract
from features.engines.base import Engine
from features.engines.registry import open_engine
from features.errors import InputError
from features.ingest.content_ids import name_content
from features.ingest.deliveries import deliveries_table, plan_deliveries
from features.ingest.identity import all_merges
from features.ingest.ingestion import Ingested, ingest_events
from features.ingest.item_ids import ItemIdConfig, feed_ids
from features.ingest.persons import persons_of
from features.project import ProjectConfig
from features.provenance import file_hash
from features.quality.check import QualityReport
from features.quality.feed import check_feed
from features.quality.measure import measure_quality
from features.run import Run, read_parquet
from features.sources.complete_journey import CompleteJourneyConfig, read_complete_journey
from features.sources.registry import EventSourceConfig, read_file, source_files
from features.sources.staging import stage
from features.tables import (
    CAMPAIGNS_SENT,
    CATALOG,
    DELIVERIES,
    EVENTS,
    IDENTITIES,
    PERSON_MERGES,
    PERSONS,
    REDEMPTIONS,
    REJECTS,
    REPEATS,
    REVERSALS,
)

_PRICE_WINDOW_DAYS: Final = 28


@dataclass(frozen=True, eq=False)
class Facts:
    """The tables of an ingestion and what to say about them.

    Attributes:
        tables: contract and unchecked table; events, rejects, catalog and persons are always among them.
        quality: what the checks say; its gates have passed.
        figures: counts for the manifest.
        files: text files to keep beside the tables, by name.
    """

    tables: Tables
    quality: QualityReport
    figures: dict[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)

    def table(self, contract: TableContract) -> pa.Table:
        """The table of a contract."""
        return next(table for known, table in self.tables if known is contract)


def input_hashes(config: ProjectConfig, *, folder: Path) -> dict[str, str]:
    """Content hash of every file an ingestion reads, by place and name.

    Raises:
        InputError: a file is missing.
    """
    files = source_files(config.source, folder=folder)
    if config.feed is not None:
        files = [*files, *feed_files(config.feed, folder=folder)]
    return {f"{number:04d} {path.name}": file_hash(path) for number, path in enumerate(files)}


def gather_facts(
    config: ProjectConfig, *, folder: Path, scratch: Path, before: Run | None = None
) -> Facts:
    """Read, clean and check everything a project's sources give.

    Args:
        config: the project.
        folder: where relative paths start.
        scratch: an empty folder for what is needed only meanwhile.
        before: the ingestion this one continues; None = it is the first.

    Raises:
        InputError: a file is missing or cannot be read, or no event is left.
        GateError: too much was refused, the feed is not publishable, or too few item ids match it.
        ConfigError: the project asks for Spark, which is not installed or cannot be reached.
    """
    with open_engine(config.engine, scratch=scratch / "spill") as engine:
        if isinstance(config.source, CompleteJourneyConfig):
            facts = _complete_journey(config, config.source, engine)
        else:
            facts = _events_and_feed(config, config.source, engine, folder, scratch, before)
    _require_events(facts, config)
    return facts


def _require_events(facts: Facts, config: ProjectConfig) -> None:
    if facts.table(EVENTS).num_rows:
        return
    rejects = facts.figures["rejects_by_reason"]
    refused = f", refused: {rejects}" if rejects else ""
    raise InputError(
        f"source '{config.source.kind}'",
        f"gave no usable event of {facts.figures['rows_in']} rows{refused}",
        rule="nothing can be learned from no events",
        next_step="Check the files the source names, and the mapping of its columns and event names.",
    )


def _complete_journey(
    config: ProjectConfig, source: CompleteJourneyConfig, engine: Engine
) -> Facts:
    tables = read_complete_journey(source, as_of=config.as_of, engine=engine)
    clean_events = tables.events
    quality = measure_quality(
        clean_events.events,
        tables.catalog,
        config.quality,
        as_of=config.as_of,
        item_ids=config.item_ids,
        persons=tables.persons,
        engine=engine,
    )
    quality.require()
    return Facts(
        quality=quality,
        tables=(
            (EVENTS, clean_events.events),
            (REJECTS, clean_events.rejects),
            (CATALOG, tables.catalog),
            (PERSONS, tables.persons),
            (CAMPAIGNS_SENT, tables.campaigns_sent),
            (REDEMPTIONS, tables.redemptions),
        ),
        figures={
            "rows_in": clean_events.rows_in,
            "rejects_by_reason": dict(clean_events.counts),
            "id_match_rate": _share_known(clean_events.events, tables.catalog),
        },
    )


def _events_and_feed(
    config: ProjectConfig,
    source: EventSourceConfig,
    engine: Engine,
    folder: Path,
    scratch: Path,
    before: Run | None,
) -> Facts:
    received_at = config.received_at or config.as_of
    known = _stored(before, DELIVERIES)
    deliveries = plan_deliveries(source_files(source, folder=folder), known)
    files = [
        stage(read_file(source, file.path, name=file.name), scratch / f"{number:06d}.parquet")
        for number, file in enumerate(deliveries)
    ]
    cleaned = ingest_events(
        files,
        scratch / "events.parquet",
        config.cleaning,
        engine,
        received_at=received_at,
        watermarks=[file.watermark for file in deliveries],
        before=_stored(before, IDENTITIES),
    )
    rows = [file.rows for file in files]
    read = zip(deliveries, rows, cleaned.newest, cleaned.late, strict=True)
    events = read_parquet(cleaned.path)
    persons = persons_of(events)
    feed = None
    if config.feed is not None:
        feed = receive(config.feed, folder=folder, as_of=config.as_of, before=before)
    quality = measure_quality(
        events,
        None if feed is None else feed.items,
        config.quality,
        as_of=received_at,
        item_ids=config.item_ids,
        persons=persons,
        engine=engine,
        of_feed=check_feed(feed) if feed else (),
    )
    quality.require()
    content = None
    if feed is not None:
        events = _under_feed_ids(events, feed.items, config.item_ids)
        if config.item_ids.match_pages:
            content = name_content(events, feed.items)
            events = content.events
    items = _items_of_sales(events, config, engine) if feed is None else store(feed, events)
    return Facts(
        tables=(
            (EVENTS, events),
            (REJECTS, cleaned.rejects),
            *items.tables,
            (PERSONS, persons),
            (IDENTITIES, cleaned.identities),
            (PERSON_MERGES, _all_merges(before, cleaned)),
            (DELIVERIES, deliveries_table(read, known)),
            (REPEATS, cleaned.repeats),
            (REVERSALS, cleaned.reversals),
        ),
        files=items.files,
        quality=quality,
        figures={
            **_counts(cleaned),
            "feed": items.figures,
            "content_views": None
            if content is None
            else {"matched": content.matched, "unmatched": content.unmatched},
            "id_match_rate": _share_known(events, items.table(CATALOG)),
        },
    )


def _stored(before: Run | None, contract: TableContract) -> pa.Table | None:
    """A table of the ingestion before; None where it has none."""
    if before is None or contract.name not in before.manifest["tables"]:
        return None
    return before.read(contract)


def _all_merges(before: Run | None, cleaned: Ingested) -> pa.Table:
    earlier = _stored(before, PERSON_MERGES)
    return cleaned.merges if earlier is None else all_merges(earlier, cleaned.merges)


def _under_feed_ids(events: pa.Table, items: pa.Table, config: ItemIdConfig) -> pa.Table:
    """Events whose item id is that of the feed, where the feed has it."""
    named = pc.coalesce(feed_ids(events[c.ITEM_ID], items, config), events[c.ITEM_ID])
    place = events.schema.get_field_index(c.ITEM_ID)
    return events.set_column(place, EVENTS.schema.field(c.ITEM_ID), named)


def _items_of_sales(events: pa.Table, config: ProjectConfig, engine: Engine) -> Stored:
    """Without a feed, the items are those that events name, and prices are what sales show."""
    ids = pc.unique(events[c.ITEM_ID]).drop_null()
    nothing = pa.nulls(len(ids), pa.string())
    items = pa.table(
        {
            c.ITEM_ID: ids,
            c.TITLE: ids,
            c.CATEGORY: pa.array(["other"] * len(ids), pa.string()),
            c.PRODUCT_TYPE: nothing,
            c.BRAND: nothing,
        }
    )
    catalog = observed_catalog(
        engine.table(items),
        events,
        engine,
        as_of=config.as_of,
        window_days=_PRICE_WINDOW_DAYS,
        currency=config.currency,
    )
    return Stored(((CATALOG, catalog),), files={}, figures=None)


def _counts(cleaned: Ingested) -> dict[str, Any]:
    return {
        "rows_in": cleaned.rows,
        "row_rejects": cleaned.row_rejects,
        "events_in": cleaned.events_in,
        "rejects_by_reason": cleaned.counts,
        "repeats": cleaned.repeats.num_rows,
        "reversals": cleaned.reversals.num_rows,
        "person_merges": cleaned.merges.num_rows,
        "quarantined_ids": int(pc.sum(cleaned.identities[c.QUARANTINED]).as_py() or 0),
        "late_events_admitted": sum(cleaned.late),
    }


def _share_known(events: pa.Table, catalog: pa.Table) -> float | None:
    """Share of events with an item whose item is in the catalog; None without such events."""
    known = pc.is_in(events[c.ITEM_ID].drop_null(), value_set=catalog[c.ITEM_ID])
    share: float | None = pc.mean(known).as_py()
    return share
