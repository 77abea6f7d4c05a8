"""Dates as feeds write them: ISO 8601, UTC where no zone is given."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import pyarrow as pa

from features.tables import TIMESTAMP

PERIOD: Final = pa.struct([("starts", TIMESTAMP), ("ends", TIMESTAMP)])
"""A period; both null where it cannot be read."""

_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def parse_moment(written: str) -> datetime | None:
    """A moment in UTC; a date without a time is its first moment; None = not ISO 8601.

    Example:
        >>> str(parse_moment("2016-11-25T13:00-0800"))
        '2016-11-25 21:00:00+00:00'
    """
    if _MOMENT.fullmatch(written) is None:
        return None
    try:
        moment = datetime.fromisoformat(written)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_period(written: str) -> dict[str, Any]:
    """`start/end` as a row of `PERIOD`; null where a part is no moment or the end is not after the start."""
    starts, separator, ends = written.partition("/")
    first, last = parse_moment(starts.strip()), parse_moment(ends.strip())
    if not separator or first is None or last is None or last <= first:
        return {}
    return {"starts": first, "ends": last}


def parse_feed_time(written: str | None) -> datetime | None:
    """The time a feed states about itself: ISO 8601 (Atom) or RFC 822 (RSS); None = none, or unreadable.

    Example:
        >>> str(parse_feed_time("Sat, 07 Mar 2026 10:00:00 GMT"))
        '2026-03-07 10:00:00+00:00'
    """
    if written is None:
        return None
    moment = parse_moment(written.strip())
    if moment is not None:
        return moment
    try:
        found = parsedate_to_datetime(written)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
