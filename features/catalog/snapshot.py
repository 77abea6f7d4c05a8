"""Snapshots of a validated feed: named by their content, compared with the one before, and no older than allowed."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from features import columns as c
from features.arrays import BoolArray
from features.catalog.parsed import mask
from features.catalog.rules.rule import MARKETING_OPERATIONS
from features.config import BaseConfig
from features.contracts import TableContract, check
from features.errors import SchemaError
from features.feed_tables import FEED_ATTRIBUTES, FEED_CHANGES, FEED_ITEMS, TOMBSTONES
from features.provenance import content_hash
from features.run import Run
from features.tables import CATALOG, TIMESTAMP

_ROWS_PER_HASH: Final = 50_000
_FIELD, _NULL = "\x1f", "\x00"
_SECONDS_PER_HOUR: Final = 3600


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One immutable version of a feed's accepted items.

    Attributes:
        snapshot_id: hash of the content: equal items have equal ids, whenever and in whatever order they came.
        generated_at: when the feed was written; None = unknown.
        items: the feed-items table, sorted by item id.
        attributes: the feed-attributes table.
    """

    snapshot_id: str
    generated_at: datetime | None
    items: pa.Table
    attributes: pa.Table


def take_snapshot(
    items: pa.Table, attributes: pa.Table | None = None, *, generated_at: datetime | None
) -> Snapshot:
    """Name a version of the items by its content.

    Args:
        items: accepted items, the feed-items table.
        attributes: their custom attributes, the feed-attributes table; None = there are none.
        generated_at: when the feed was written; None = unknown.
    """
    extra = FEED_ATTRIBUTES.schema.empty_table() if attributes is None else attributes
    digest = hashlib.sha256()
    for table in (items, extra):
        _add(digest, table)
    return Snapshot(
        content_hash(digest.digest()), generated_at, items.sort_by(c.ITEM_ID), extra
    )  # fmt: skip


def stored_snapshot(run: Run) -> Snapshot | None:
    """The snapshot of an earlier ingestion; None when it had no feed, or wrote its items in another shape."""
    if not (run.path / f"{FEED_ITEMS.name}.parquet").is_file():
        return None
    try:
        items, attributes = run.read(FEED_ITEMS), run.read(FEED_ATTRIBUTES)
    except SchemaError:  # written before the table got its present columns
        return None
    return take_snapshot(items, attributes, generated_at=None)


def to_catalog(snapshot: Snapshot, *, generated_at: datetime) -> pa.Table:
    """The snapshot as the catalog table that training and scoring read.

    Args:
        snapshot: any snapshot.
        generated_at: time to record; where the feed states none, the time it was delivered.
    """
    n = snapshot.items.num_rows
    if not n:
        return CATALOG.schema.empty_table()
    constant = {
        c.SNAPSHOT_ID: pa.array([snapshot.snapshot_id] * n, pa.string()),
        c.GENERATED_AT: pa.array([generated_at] * n, TIMESTAMP),
        c.LAST_SOLD: pa.nulls(n, TIMESTAMP),
    }
    columns = {
        name: constant[name] if name in constant else snapshot.items[name]
        for name in CATALOG.schema.names
    }
    return check(pa.table(columns), CATALOG, source=f"snapshot {snapshot.snapshot_id}")


@dataclass(frozen=True, eq=False)
class SnapshotDiff:
    """What changed from one snapshot to the next.

    Attributes:
        before, after: the two snapshot ids; `before` is None for the first snapshot.
        changes: the feed-changes table, by item id, then attribute.
        items_before: number of items before.
    """

    before: str | None
    after: str
    changes: pa.Table
    items_before: int

    def items(self, change: Literal["added", "removed", "changed"]) -> list[str]:
        """Item ids with that change, sorted."""
        chosen = self.changes.filter(pc.equal(self.changes[c.CHANGE], change))
        return sorted(set(chosen[c.ITEM_ID].to_pylist()))

    def counts(self) -> dict[str, int]:
        """Items added, removed and changed, and how often each attribute changed."""
        kinds = {kind: len(self.items(kind)) for kind in ("added", "removed", "changed")}
        attributes = Counter(self.changes[c.ATTRIBUTE].drop_null().to_pylist())
        return {**kinds, **dict(sorted(attributes.items()))}

    @property
    def removed_share(self) -> float:
        """Share of the items before that are gone; 0 for the first snapshot."""
        return len(self.items("removed")) / self.items_before if self.items_before else 0.0


def compare(before: Snapshot | None, after: Snapshot) -> SnapshotDiff:
    """Items added, removed and changed, attribute by attribute; against None, all are added.

    Invariants: `compare(a, a)` is empty; items before + added - removed = items after.
    """
    if before is None:
        changes = _whole_items(after.items[c.ITEM_ID], "added")
        return SnapshotDiff(None, after.snapshot_id, _checked([changes]), 0)
    new, old = _flat(after), _flat(before)
    at = pc.index_in(new[c.ITEM_ID], value_set=old[c.ITEM_ID].combine_chunks())
    kept = pc.is_valid(at)
    gone = pc.invert(pc.is_in(old[c.ITEM_ID], value_set=new[c.ITEM_ID].combine_chunks()))
    parts = [
        _whole_items(new[c.ITEM_ID].filter(pc.invert(kept)), "added"),
        _whole_items(old[c.ITEM_ID].filter(gone), "removed"),
    ]
    same_new, same_old = new.filter(kept), old.take(at.drop_null())
    names = sorted({*new.column_names, *old.column_names} - {c.ITEM_ID})
    parts += [_changed(name, same_old, same_new) for name in names]
    return SnapshotDiff(
        before.snapshot_id, after.snapshot_id, _checked(parts), before.items.num_rows
    )


def bury(
    tombstones: pa.Table | None, diff: SnapshotDiff, after: Snapshot, *, at: datetime
) -> pa.Table:
    """The tombstones after a new snapshot: newly removed items are added, items that came back are dropped.

    Args:
        tombstones: those before; None = none yet.
        diff: what the new snapshot changed.
        after: the new snapshot.
        at: time of the new snapshot.
    """
    removed = diff.items("removed")
    fresh = pa.table(
        [removed, [diff.after] * len(removed), [at] * len(removed)], schema=TOMBSTONES.schema
    )
    earlier = TOMBSTONES.schema.empty_table() if tombstones is None else tombstones
    table = pa.concat_tables([earlier, fresh])
    alive = pc.is_in(table[c.ITEM_ID], value_set=after.items[c.ITEM_ID].combine_chunks())
    return _check(table.filter(pc.invert(alive)), TOMBSTONES).sort_by(c.ITEM_ID)


class FreshnessConfig(BaseConfig):
    """How old a feed may be when it is used."""

    max_age_hours: float = Field(default=48.0, gt=0)
    """Oldest allowed age."""

    when_stale: Literal["hide_prices", "refuse"] = "hide_prices"
    """What a feed that is older, or does not say how old it is, leads to: creatives without prices, or no run at all."""

    owner: str = Field(default=MARKETING_OPERATIONS, min_length=1)
    """Team that delivers a fresh one."""


@dataclass(frozen=True)
class Freshness:
    """How old a snapshot is.

    Attributes:
        age_hours: hours from `generated_at` to `as_of`; None = the feed does not say, or says a time to come.
        stale: older than allowed, or of unknown age.
        refused: stale, and such a feed is not used.
        hide_prices: stale, and creatives that show a price are to be held back.
        words: the age in a sentence.
    """

    age_hours: float | None
    stale: bool
    refused: bool
    hide_prices: bool
    words: str


def freshness(snapshot: Snapshot, config: FreshnessConfig, *, as_of: datetime) -> Freshness:
    """The age of a snapshot at a moment of use, and what follows from it."""
    written = snapshot.generated_at
    if written is None:
        age, words = None, "the feed does not say when it was written"
    elif written > as_of:
        age, words = (
            None,
            f"the feed says it was written at {written.isoformat()}, which is to come",
        )
    else:
        age = (as_of - written).total_seconds() / _SECONDS_PER_HOUR
        words = f"the feed is {age:.1f} hours old"
    stale = age is None or age > config.max_age_hours
    refused = stale and config.when_stale == "refuse"
    return Freshness(age, stale, refused, stale and not refused, words)


def _text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values if pa.types.is_string(values.type) else values.cast(pa.string())


def _add(digest: hashlib._Hash, table: pa.Table) -> None:
    """Feed the rows, sorted, each as its columns' texts: the hash knows no chunks, no order and no library."""
    digest.update(_FIELD.join(table.column_names).encode())
    columns = [_text(table[name]) for name in table.column_names]
    lengths = [pc.utf8_length(column).cast(pa.string()) for column in columns]
    parts = [part for pair in zip(lengths, columns, strict=True) for part in pair]
    rows = pc.binary_join_element_wise(
        *parts, _FIELD, null_handling="replace", null_replacement=_NULL
    )
    ordered = rows.take(pc.sort_indices(rows))
    for start in range(0, len(ordered), _ROWS_PER_HASH):
        texts = ordered.slice(start, _ROWS_PER_HASH).to_pylist()
        digest.update(("\n" + "\n".join(texts)).encode())


def _flat(snapshot: Snapshot) -> pa.Table:
    """Items with their custom attributes as further columns."""
    table = snapshot.items
    for name in sorted(set(snapshot.attributes[c.ATTRIBUTE].to_pylist())):
        rows = snapshot.attributes.filter(pc.equal(snapshot.attributes[c.ATTRIBUTE], name))
        at = pc.index_in(table[c.ITEM_ID], value_set=rows[c.ITEM_ID].combine_chunks())
        values = rows[c.ATTRIBUTE_VALUE].combine_chunks().take(at.combine_chunks())
        table = table.append_column(name, values)
    return table


def _changed(name: str, old: pa.Table, new: pa.Table) -> pa.Table:
    before, after = _column(old, name), _column(new, name)
    rows = np.flatnonzero(_differs(before, after))
    return _table(
        new[c.ITEM_ID].take(rows).combine_chunks(),
        "changed",
        pa.array([name] * len(rows), pa.string()),
        before.take(rows).combine_chunks(),
        after.take(rows).combine_chunks(),
    )


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name in table.column_names:
        return _text(table[name])
    return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])


def _differs(before: pa.ChunkedArray, after: pa.ChunkedArray) -> BoolArray:
    one_missing = pc.xor(pc.is_null(before), pc.is_null(after))
    return mask(pc.not_equal(before, after)) | mask(one_missing)


def _whole_items(ids: pa.ChunkedArray, change: str) -> pa.Table:
    nothing = pa.nulls(len(ids), pa.string())
    return _table(ids.combine_chunks(), change, nothing, nothing, nothing)


def _table(
    ids: pa.Array, change: str, attribute: pa.Array, before: pa.Array, after: pa.Array
) -> pa.Table:
    kind = pa.array([change] * len(ids), pa.string())
    return pa.table([ids, kind, attribute, before, after], schema=FEED_CHANGES.schema)


def _checked(parts: list[pa.Table]) -> pa.Table:
    order = [(c.ITEM_ID, "ascending"), (c.ATTRIBUTE, "ascending")]
    return _check(pa.concat_tables(parts), FEED_CHANGES).sort_by(order)


def _check(table: pa.Table, contract: TableContract) -> pa.Table:
    if not table.num_rows:
        return contract.schema.empty_table()
    return check(table, contract, source=contract.name)
