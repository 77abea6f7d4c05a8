"""When events may have happened: not in the future, not before the shop, and not too long after their day was closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import ibis
from pydantic import Field

from features import columns as c
from features.config import BaseConfig, UtcTime

BAD_TIMESTAMP: Final = "bad_timestamp"
LATE_EVENT: Final = "late_event"

_TIME: Final = "timestamp('UTC')"


class TimestampConfig(BaseConfig):
    """Which times are believed."""

    earliest: UtcTime = datetime(2000, 1, 1, tzinfo=UTC)
    """No event is older than this."""

    clock_skew_minutes: float = Field(default=5.0, ge=0)
    """How far a sender's clock may run ahead of `as_of`."""

    late_days: float | None = Field(default=7.0, ge=0)
    """How far behind what was known before its file came an event is still admitted. None = however far, for files that
    repeat the whole history each time."""


@dataclass(frozen=True)
class Bounds:
    """Between which times an event is believed.

    Attributes:
        earliest: believed from here on.
        latest: believed up to here.
        watermarks: of each file, the latest time that was known before the file first came; None = it came first.
        grace: how far behind its file's watermark an event may be; None = however far.
    """

    earliest: datetime
    latest: datetime
    watermarks: tuple[datetime | None, ...]
    grace: timedelta | None

    @classmethod
    def of(
        cls,
        config: TimestampConfig,
        *,
        as_of: datetime,
        watermarks: Sequence[datetime | None] = (None,),
    ) -> Bounds:
        """The times that are believed at `as_of`, of files with these watermarks."""
        return cls(
            earliest=config.earliest,
            latest=as_of + timedelta(minutes=config.clock_skew_minutes),
            watermarks=tuple(watermarks),
            grace=None if config.late_days is None else timedelta(days=config.late_days),
        )

    def bad(self, rows: Any) -> Any:
        """Where a time is missing, before `earliest`, or to come."""
        time = rows[c.TIME]
        return time.isnull() | (time < self.earliest) | (time > self.latest)

    def held_out(self, rows: Any, file: Any) -> Any:
        """Where an event came later than is admitted; `file` is the number of each row's file, from 0."""
        return self._before(rows, file, self.grace)

    def late(self, rows: Any, file: Any) -> Any:
        """Where an event is older than its file's watermark, admitted or not."""
        return self._before(rows, file, timedelta())

    def _before(self, rows: Any, file: Any, grace: timedelta | None) -> Any:
        if grace is None or not any(self.watermarks):
            return ibis.literal(False)
        closed = [None if mark is None else mark - grace for mark in self.watermarks]
        of_file = ibis.array([ibis.literal(moment, _TIME) for moment in closed])
        latest = latest_of(*closed)
        older = (rows[c.TIME] < latest) & (rows[c.TIME] < of_file[file.cast("int32")])
        return older.fill_null(False)


def latest_of(*moments: datetime | None) -> datetime | None:
    """The latest of the moments that are known; None = none is."""
    known = [moment for moment in moments if moment is not None]
    return max(known) if known else None
