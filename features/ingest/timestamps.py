"""When events may have happened: not in the future, not before the shop, and not too long after their day was closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from features import columns as c
from features.config import BaseConfig, UtcTime
from features.tables import REJECTS, TIMESTAMP

BAD_TIMESTAMP: Final = "bad_timestamp"
LATE_EVENT: Final = "late_event"


class TimestampConfig(BaseConfig):
    """Which times are believed."""

    earliest: UtcTime = datetime(2000, 1, 1, tzinfo=UTC)
    """No event is older than this."""

    clock_skew_minutes: float = Field(default=5.0, ge=0)
    """How far a sender's clock may run ahead of `as_of`."""

    late_days: float = Field(default=7.0, ge=0)
    """How long after the watermark of the last run an event is still admitted."""


@dataclass(frozen=True)
class Bounds:
    """Between which times an event is believed.

    Attributes:
        earliest: believed from here on.
        latest: believed up to here.
        closed: held out of this run before it; None = this is the first run.
    """

    earliest: datetime
    latest: datetime
    closed: datetime | None


@dataclass(frozen=True, eq=False)
class Admitted:
    """Events whose time is believed, and the others.

    Attributes:
        events: admitted events.
        rejects: `bad_timestamp` (missing, before `earliest`, or to come) and `late_event` (held out of this run), as the
            rejects table.
        watermark: latest time seen so far, this run included; None = no event yet.
        late: admitted events older than the last run's watermark.

    Invariants: events in = events + rejects.
    """

    events: pa.Table
    rejects: pa.Table
    watermark: datetime | None
    late: int


def admit(
    events: pa.Table,
    config: TimestampConfig,
    *,
    as_of: datetime,
    watermark: datetime | None = None,
) -> Admitted:
    """Split events by whether their time is believed.

    Args:
        events: unchecked events.
        config: which times are believed.
        as_of: the moment of ingestion.
        watermark: latest time that earlier runs admitted; None = this is the first run.
    """
    time = events[c.TIME]
    bounds = bounds_of(config, as_of=as_of, watermark=watermark)
    bad = _mask(
        pc.or_kleene(
            pc.is_null(time),
            pc.or_kleene(
                pc.less(time, pa.scalar(bounds.earliest, TIMESTAMP)),
                pc.greater(time, pa.scalar(bounds.latest, TIMESTAMP)),
            ),
        )
    )
    old = late = np.zeros(len(bad), np.bool_)
    if watermark is not None:
        late = ~bad & _mask(pc.less(time, pa.scalar(bounds.closed, TIMESTAMP)))
        old = ~bad & ~late & _mask(pc.less(time, pa.scalar(watermark, TIMESTAMP)))
    kept = events.filter(pa.array(~bad & ~late))
    return Admitted(
        events=kept,
        rejects=refused(events, {BAD_TIMESTAMP: bad, LATE_EVENT: late}, shown=c.TIME),
        watermark=latest_of(watermark, pc.max(kept[c.TIME]).as_py()),
        late=int(old.sum()),
    )


def bounds_of(config: TimestampConfig, *, as_of: datetime, watermark: datetime | None) -> Bounds:
    """The times that are believed at `as_of`, after a run that admitted times up to `watermark`."""
    return Bounds(
        earliest=config.earliest,
        latest=as_of + timedelta(minutes=config.clock_skew_minutes),
        closed=None if watermark is None else watermark - timedelta(days=config.late_days),
    )


def latest_of(*moments: datetime | None) -> datetime | None:
    """The latest of the moments that are known; None = none is."""
    known = [moment for moment in moments if moment is not None]
    return max(known) if known else None


def refused(
    events: pa.Table, found: dict[str, npt.NDArray[np.bool_]], *, shown: str | None
) -> pa.Table:
    """Events that are refused, as the rejects table: one row per event and reason.

    Args:
        events: events with `source` and `line`; several may come from one line, and then the second and later ones
            are told apart as `source#2` ...
        found: reason code -> rows, shape (n,).
        shown: column whose value is shown; None = none, for values that name persons.
    """
    parts = [REJECTS.schema.empty_table()]
    for code, rows in found.items():
        chosen = events.filter(pa.array(rows))
        value = pa.nulls(chosen.num_rows, pa.string()) if shown is None else chosen[shown]
        parts.append(
            pa.table(
                {
                    c.REASON_CODE: pa.array([code] * chosen.num_rows, pa.string()),
                    c.SOURCE: numbered_sources(chosen),
                    c.LINE: chosen[c.LINE],
                    c.RAW_VALUE: value.cast(pa.string()),
                }
            ).cast(REJECTS.schema)
        )
    return pa.concat_tables(parts)


def numbered_sources(events: pa.Table) -> pa.ChunkedArray:
    """The source of each row; the second and later rows of one line are told apart as `source#2` ..."""
    place = events.select([c.SOURCE, c.LINE]).to_pandas()
    nth = place.groupby([c.SOURCE, c.LINE], sort=False).cumcount().to_numpy() + 1
    suffix = pa.array([f"#{n}" if n > 1 else "" for n in nth.tolist()], pa.string())
    return pc.binary_join_element_wise(events[c.SOURCE], suffix, "")


def _mask(values: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    filled: npt.NDArray[np.bool_] = pc.fill_null(values, False).to_numpy().astype(np.bool_)
    return filled
