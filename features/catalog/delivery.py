"""One delivery of a feed: its snapshot against the one before, its pages and listings, and what is derived for its items.

`receive` looks at the feed alone, before any event; `Delivery.tables` adds what sales say. Everything that lasts over the
days (tombstones, the series of errors) is carried on from the ingestion before, so a run depends on nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.arrays import BoolArray
from features.catalog.enrichment import Enrichment, enrich
from features.catalog.error_history import carry_on, stored_history
from features.catalog.feed import FeedSourceConfig, read_catalog_feed
from features.catalog.labels import SUPPLEMENT, derived_labels, supplement
from features.catalog.listings import ended
from features.catalog.page_checks import PageChecks, check_pages
from features.catalog.page_observations import Observations, read_observations
from features.catalog.snapshot import (
    Freshness,
    Snapshot,
    SnapshotDiff,
    bury,
    compare,
    freshness,
    stored_snapshot,
    to_catalog,
)
from features.catalog.stock import StockCheck, check_stock
from features.catalog.validation import Validation
from features.contracts import TableContract
from features.errors import SchemaError
from features.feed_tables import (
    FEED_ATTRIBUTES,
    FEED_CHANGES,
    FEED_HISTORY,
    FEED_ISSUES,
    FEED_ITEMS,
    FEED_LABELS,
    FEED_REJECTS,
    ITEM_ENRICHMENT,
    ITEM_SUPPRESSIONS,
    LISTINGS,
    PAGE_OBSERVATIONS,
    TOMBSTONES,
)
from features.run import Run
from features.tables import CATALOG

Tables = tuple[tuple[TableContract, pa.Table], ...]


@dataclass(frozen=True, eq=False)
class Visits:
    """The visits to landing pages, read and compared."""

    observations: Observations
    checks: PageChecks


@dataclass(frozen=True, eq=False)
class Delivery:
    """A feed as it was delivered.

    Attributes:
        config: what was expected of it.
        as_of: the moment of use.
        snapshot: its items, named by their content.
        validation: what came of its rows.
        diff: what it changed against the snapshot before.
        tombstones: items that once were in the feed and are no more.
        freshness: how old it is.
        history: what was wrong with it and with those before.
        ended: per reason code, listings that are over, shape (n_listings,).
        stock: items that are too few or too slow.
        visits: what visits to its pages found; None = there are none.
    """

    config: FeedSourceConfig
    as_of: datetime
    snapshot: Snapshot
    validation: Validation
    diff: SnapshotDiff
    tombstones: pa.Table
    freshness: Freshness
    history: pa.Table
    ended: dict[str, BoolArray]
    stock: StockCheck
    visits: Visits | None

    @property
    def items(self) -> pa.Table:
        """The feed-items table."""
        return self.snapshot.items

    @property
    def catalog(self) -> pa.Table:
        """The catalog table; where the feed does not say when it was written, it counts as written at `as_of`."""
        return to_catalog(self.snapshot, generated_at=self.snapshot.generated_at or self.as_of)

    @property
    def suppressions(self) -> pa.Table:
        """The items to hold back, the item-suppressions table, by item, then reason."""
        parts = [] if self.visits is None else [self.visits.checks.suppressions]
        ids = self.validation.listings[c.ITEM_ID]
        for code, over in self.ended.items():
            parts.append(_held(ids, over, code, self.config.listings_owner))
        for code, held in self.stock.held.items():
            parts.append(_held(self.items[c.ITEM_ID], held, code, self.config.stock.owner))
        order = [(c.ITEM_ID, "ascending"), (c.REASON_CODE, "ascending")]
        return pa.concat_tables([ITEM_SUPPRESSIONS.schema.empty_table(), *parts]).sort_by(order)


@dataclass(frozen=True, eq=False)
class Stored:
    """What an ingestion keeps of a feed.

    Attributes:
        tables: contract and table.
        files: text files by name.
        figures: counts for the manifest; None = there is no feed.
    """

    tables: Tables
    files: dict[str, str]
    figures: dict[str, Any] | None

    def table(self, contract: TableContract) -> pa.Table:
        """The table of a contract."""
        return next(table for known, table in self.tables if known is contract)


def receive(
    config: FeedSourceConfig, *, folder: Path, as_of: datetime, before: Run | None
) -> Delivery:
    """Read a feed and everything that is said about its items, and compare it with the one before.

    Args:
        config: files and expectations.
        folder: where relative paths start.
        as_of: the moment of use.
        before: the ingestion this one continues; None = it is the first.

    Raises:
        InputError: a file cannot be read.
        GateError: too many rows are no items, or too many visits cannot be believed; the last good snapshot stays.
    """
    feed = read_catalog_feed(config, folder=folder, as_of=as_of)
    snapshot, validation = feed.snapshot, feed.validation
    diff = compare(None if before is None else stored_snapshot(before), snapshot)
    visits = None
    if config.pages is not None:
        seen = read_observations(config.pages, folder=folder)
        visits = Visits(seen, check_pages(snapshot.items, seen.table, config.pages, as_of=as_of))
    return Delivery(
        config=config,
        as_of=as_of,
        snapshot=snapshot,
        validation=validation,
        diff=diff,
        tombstones=bury(_stored_tombstones(before), diff, snapshot, at=as_of),
        freshness=freshness(snapshot, config.freshness, as_of=as_of),
        history=carry_on(stored_history(before), validation, as_of=as_of),
        ended=ended(validation.listings, as_of=as_of),
        stock=check_stock(snapshot.items, config.stock),
        visits=visits,
    )


def store(delivery: Delivery, events: pa.Table) -> Stored:
    """Everything to keep of a delivery.

    The feed-items table stays as it was delivered, so that the next one can be compared with it; derived labels stand in
    the feed-labels table, and in the supplemental feed.

    Args:
        delivery: the feed.
        events: events with item ids of the feed; only those before the moment of use count.
    """
    derived = None
    if delivery.config.enrichment is not None:
        derived = enrich(
            delivery.items, events, delivery.config.enrichment, as_of=delivery.as_of
        )  # fmt: skip
    labels, files, more = _labels(delivery, derived)
    issues = [delivery.validation.issues, *([] if derived is None else [derived.issues])]
    rejects = [delivery.validation.rejects]
    tables: list[tuple[TableContract, pa.Table]] = []
    if delivery.visits is not None:
        rejects.append(delivery.visits.observations.rejects)
        tables.append((PAGE_OBSERVATIONS, delivery.visits.observations.table))
    if derived is not None:
        tables += [(ITEM_ENRICHMENT, derived.facts), (FEED_LABELS, labels)]
    if delivery.validation.listings.num_rows:
        tables.append((LISTINGS, delivery.validation.listings))
    kept = (
        (CATALOG, delivery.catalog),
        (FEED_ITEMS, delivery.items),
        (FEED_ATTRIBUTES, delivery.snapshot.attributes),
        (FEED_ISSUES, pa.concat_tables(issues)),
        (FEED_REJECTS, pa.concat_tables(rejects)),
        (FEED_CHANGES, delivery.diff.changes),
        (FEED_HISTORY, delivery.history),
        (TOMBSTONES, delivery.tombstones),
        (ITEM_SUPPRESSIONS, delivery.suppressions),
        *tables,
    )
    return Stored(kept, files, {**_figures(delivery), **more})


def _labels(
    delivery: Delivery, derived: Enrichment | None
) -> tuple[pa.Table, dict[str, str], dict[str, Any]]:
    """Derived labels, the file that carries them, and figures about both."""
    if derived is None:
        return FEED_LABELS.schema.empty_table(), {}, {}
    labels = derived_labels(delivery.items, derived.items)
    written = supplement(delivery.items, labels, derived.slots)
    files = {SUPPLEMENT: written.text} if written.text else {}
    figures = {**derived.figures, "slots": derived.slots, "ids_left_out": written.left_out}
    return labels, files, {"enrichment": figures}


def _figures(delivery: Delivery) -> dict[str, Any]:
    written, fresh = delivery.snapshot.generated_at, delivery.freshness
    listings = delivery.validation.listings.num_rows
    return {
        **delivery.validation.figures(),
        "snapshot_id": delivery.snapshot.snapshot_id,
        "compared_with": delivery.diff.before,
        "changes": delivery.diff.counts(),
        "tombstones": delivery.tombstones.num_rows,
        "freshness": {
            "generated_at": None if written is None else written.isoformat(),
            "age_hours": fresh.age_hours,
            "max_age_hours": delivery.config.freshness.max_age_hours,
            "stale": fresh.stale,
            "hide_prices": fresh.hide_prices,
            "owner": delivery.config.freshness.owner,
        },
        "listings": {
            "rows": listings,
            **{code: int(m.sum()) for code, m in delivery.ended.items()},
        },
        "stock": {
            "held": {code: int(m.sum()) for code, m in delivery.stock.held.items()},
            "not_told": delivery.stock.not_told,
        },
        "pages": None if delivery.visits is None else _visit_figures(delivery.visits),
        "items_suppressed": len(delivery.suppressions[c.ITEM_ID].unique()),
    }


def _visit_figures(visits: Visits) -> dict[str, Any]:
    checks = visits.checks
    return {
        "rows": visits.observations.table.num_rows + visits.observations.rejects.num_rows,
        "rejected": visits.observations.rejects.num_rows,
        "items_visited": checks.visited,
        "items_seen_too_long_ago": checks.stale,
        "visits_of_unknown_items": checks.unknown,
    }


_NO_TOMBSTONES: Final = TOMBSTONES.schema.empty_table()


def _stored_tombstones(run: Run | None) -> pa.Table:
    if run is None or not (run.path / f"{TOMBSTONES.name}.parquet").is_file():
        return _NO_TOMBSTONES
    try:
        return run.read(TOMBSTONES)
    except SchemaError:  # written before the table got its present columns
        return _NO_TOMBSTONES


def _held(ids: pa.ChunkedArray, held: BoolArray, code: str, owner: str) -> pa.Table:
    chosen = ids.take(np.flatnonzero(held)).combine_chunks()
    constant = [pa.array([text] * len(chosen), pa.string()) for text in (code, owner)]
    return pa.table([chosen, *constant], schema=ITEM_SUPPRESSIONS.schema)
