"""The events a check looks at: those before a moment, with day and hour numbers and undated sources."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import IntArray
from features.distinct import map_distinct
from features.engines.base import Engine
from features.engines.local import LocalEngine
from features.histories.histories import MICROSECONDS_PER_DAY
from features.quality.check import Point
from features.tables import TIMESTAMP

SERIES_DAYS: Final = 400
"""Days of a time series in the report, up to the last with a value."""

_HOURS_PER_DAY: Final = 24
_DAYS_PER_WEEK: Final = 7
_EPOCH: Final = date(1970, 1, 1)
_MONDAY: Final = 3
"""1970-01-01 was a Thursday: three days after a Monday."""

_LOOKED_AT: Final = [
    c.EVENT_ID,
    c.EVENT_NAME,
    c.TIME,
    c.ANONYMOUS_ID,
    c.USER_ID,
    c.PERSON_ID,
    c.ITEM_ID,
    c.TRANSACTION_ID,
    c.PAGE,
    c.SOURCE,
    c.CONSENT_PERSONALISATION,
    c.CONSENT_MEASUREMENT,
]

_DATED: Final = re.compile(r"\d{4}([-_.]\d{2}){1,2}|\d{4,}")


@dataclass(frozen=True, eq=False)
class Observed:
    """Events before a moment.

    Attributes:
        events: the columns that checks look at, with `day` and `hour` (numbers since 1970 UTC) and undated `source`.
        as_of: the moment.
        later: events at or after it, left out.
        first_judged: day number; what ended before that day is shown and raises no alert.
        engine: runs the aggregates.
    """

    events: pa.Table
    as_of: datetime
    later: int
    first_judged: float
    engine: Engine

    @property
    def last_day(self) -> int:
        """The last whole day before `as_of`."""
        return int(_microseconds(self.as_of) // MICROSECONDS_PER_DAY) - 1

    def expression(self, *columns: str) -> Any:
        """Some columns as an Ibis table."""
        return self._rows.select(*columns)

    @cached_property
    def _rows(self) -> Any:
        """The events, handed to the engine once for all checks."""
        return self.engine.table(self.events)

    def collect(self, expression: Any, *, order: list[str]) -> pa.Table:
        """Run an expression; rows sorted by columns that name each row uniquely."""
        return self.engine.collect(expression).sort_by([(name, "ascending") for name in order])


def observe(
    events: pa.Table,
    *,
    as_of: datetime,
    recent_days: int | None = None,
    engine: Engine | None = None,
) -> Observed:
    """The events before `as_of`, ready to be counted.

    Args:
        events: checked events, any order.
        as_of: moment; later events are not looked at.
        recent_days: what ended more than so many days before `as_of` raises no alert; None = everything may.
        engine: what runs the aggregates; None = a local one.
    """
    before = pc.less(events[c.TIME], pa.scalar(as_of, TIMESTAMP))
    past = events.select(_LOOKED_AT)
    if not pc.all(before).as_py():
        past = past.filter(before)
    time = past[c.TIME].cast(pa.int64()).to_numpy()
    place = past.schema.get_field_index(c.SOURCE)
    sources = map_distinct(past[c.SOURCE], undated, pa.string())
    day = time // MICROSECONDS_PER_DAY
    hour = time // (MICROSECONDS_PER_DAY // _HOURS_PER_DAY)
    return Observed(
        events=past.set_column(place, c.SOURCE, sources)
        .append_column(c.DAY, pa.array(day))
        .append_column(c.HOUR, pa.array(hour)),
        as_of=as_of,
        later=events.num_rows - past.num_rows,
        first_judged=_first_judged(as_of, recent_days),
        engine=engine or LocalEngine(),
    )


def undated(source: str) -> str:
    """A source without dates and long numbers: the daily files of one tag are one source.

    Example:
        >>> undated("web-2026-03-01.csv"), undated("ga4_20260301.jsonl"), undated("shop2.csv")
        ('web-*.csv', 'ga4_*.jsonl', 'shop2.csv')
    """
    return _DATED.sub("*", source)


def iso_day(day: int) -> str:
    """The ISO date of a day number.

    Example:
        >>> iso_day(17167)
        '2017-01-01'
    """
    return (_EPOCH + timedelta(days=int(day))).isoformat()


def mondays(day: IntArray) -> IntArray:
    """The Monday of each day's week, as day numbers.

    Example:
        >>> [iso_day(m) for m in mondays(np.array([17167, 17168]))]
        ['2016-12-26', '2017-01-02']
    """
    found: IntArray = day - (day + _MONDAY) % _DAYS_PER_WEEK
    return found


def day_number(iso: str) -> int:
    """The day number of an ISO date."""
    return (date.fromisoformat(iso) - _EPOCH).days


def to_series(line: str, values: Mapping[int, float], *, step: int = 1) -> tuple[Point, ...]:
    """The last values of a series by day number, `step` days apart; a day that is not there is a gap, not a zero."""
    if not values:
        return ()
    last = max(values)
    first = max(min(values), last - (SERIES_DAYS - 1) // step * step)
    days = range(first, last + 1, step)
    return tuple(Point(line, iso_day(day), values.get(day)) for day in days)


def _first_judged(as_of: datetime, recent_days: int | None) -> float:
    today = _microseconds(as_of) // MICROSECONDS_PER_DAY
    return float("-inf") if recent_days is None else today - recent_days


def _microseconds(moment: datetime) -> int:
    return int(np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us").astype(np.int64))
