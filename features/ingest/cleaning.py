"""From what a source sent to events one can count on: believed, stitched, told once, refunds matched."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from pydantic import Field

from features import columns as c
from features.config import BaseConfig
from features.engines.local import LocalEngine
from features.ingest.duplicates import DuplicateConfig, deduplicate
from features.ingest.events import clean_events, require_quality
from features.ingest.identity import IdentityConfig, stitch
from features.ingest.refunds import RefundConfig, reverse
from features.ingest.timestamps import TimestampConfig, admit, numbered_sources
from features.sources.raw_events import RawEvents
from features.tables import REJECTS


class CleaningConfig(BaseConfig):
    """What is believed, and how much may be refused."""

    timestamps: TimestampConfig = TimestampConfig()
    identity: IdentityConfig = IdentityConfig()
    duplicates: DuplicateConfig = DuplicateConfig()
    refunds: RefundConfig = RefundConfig()

    max_reject_rate: float = Field(default=0.05, ge=0, le=1)
    """Share of a source's rows and events that may be refused before the run stops; duplicates do not count."""


@dataclass(frozen=True, eq=False)
class Cleaned:
    """Clean events, and everything that was found on the way.

    Attributes:
        events: the events table.
        rejects: refused rows of the source and refused events, the rejects table.
        identities, merges: which person each id belongs to, and persons that were joined.
        repeats: dropped duplicates and kept conflicts, with both places.
        reversals: what refunds and cancellations took back.
        rows: rows of the source.
        row_rejects: rows the source refused.
        events_in: events the other rows became.

    Invariants: events_in = events + rejects - row_rejects.
    """

    events: pa.Table
    rejects: pa.Table
    identities: pa.Table
    merges: pa.Table
    repeats: pa.Table
    reversals: pa.Table
    rows: int
    row_rejects: int
    events_in: int

    @property
    def counts(self) -> dict[str, int]:
        """Rejects per reason code, sorted by code."""
        return dict(sorted(Counter(self.rejects[c.REASON_CODE].to_pylist()).items()))


def clean(
    raw: RawEvents, config: CleaningConfig, engine: LocalEngine, *, received_at: datetime
) -> Cleaned:
    """Run the cleaning steps in order; each takes events and gives events and rejects.

    Args:
        raw: what the source sent.
        config: what is believed.
        engine: where expressions run.
        received_at: moment of ingestion; later events are not believed.

    Raises:
        GateError: too much was refused.
    """
    admitted = admit(raw.events, config.timestamps, as_of=received_at)
    stitched = stitch(admitted.events, config.identity)
    once = deduplicate(stitched.events, config.duplicates)
    checked = clean_events(engine.table(once.events), engine, max_reject_rate=1.0)
    settled = reverse(checked.events, config.refunds)
    misfits = checked.rejects.set_column(
        checked.rejects.schema.get_field_index(c.SOURCE),
        REJECTS.schema.field(c.SOURCE),
        numbered_sources(checked.rejects),
    ).cast(REJECTS.schema)
    refused = [raw.rejects, admitted.rejects, stitched.rejects, misfits, settled.rejects]
    require_quality(pa.concat_tables(refused), raw.rows, max_reject_rate=config.max_reject_rate)
    parts = [*refused, once.rejects]
    order = [(c.SOURCE, "ascending"), (c.LINE, "ascending"), (c.REASON_CODE, "ascending")]
    return Cleaned(
        events=settled.events,
        rejects=pa.concat_tables(parts).sort_by(order),
        identities=stitched.identities,
        merges=stitched.merges,
        repeats=once.repeats,
        reversals=settled.reversals,
        rows=raw.rows,
        row_rejects=raw.rejects.num_rows,
        events_in=raw.events.num_rows,
    )
