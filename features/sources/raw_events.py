"""From texts to unchecked events: the part every source shares.

A source names which of its columns is which of ours; here texts become times and numbers, names become our vocabulary,
and every event gets an id that depends on what happened and not on the file it came in, so that a day delivered twice
changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from zoneinfo import available_timezones

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from features import columns as c
from features.config import BaseConfig
from features.distinct import map_distinct
from features.files.rejects import RejectLog
from features.sources.event_names import EventNames
from features.tables import EVENTS, TIMESTAMP

RAW_EVENTS: Final = pa.schema([field.with_nullable(True) for field in EVENTS.schema])
"""Columns of unchecked events: those of the events table, any of them null; `person_id` is still empty."""

IDENTITIES: Final = frozenset({c.USER_ID, c.ANONYMOUS_ID})
NUMBERS: Final = (c.QUANTITY, c.VALUE)
CONSENTS: Final = (c.CONSENT_PERSONALISATION, c.CONSENT_MEASUREMENT)
MISSING: Final = ("nan", "null", "none", "undefined", "(not set)", "n/a", "na")
"""Texts that stand for a missing id, in lower case."""

_IDS: Final = (c.USER_ID, c.ANONYMOUS_ID, c.ITEM_ID, c.TRANSACTION_ID, c.CATEGORY)
_WHOLE_FLOAT: Final = re.compile(r"([0-9]{1,18})\.0+")
_ZONED: Final = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})$"
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_YES: Final = frozenset({"true", "granted", "yes", "1"})
_NO: Final = frozenset({"false", "denied", "no", "0"})
_TRANSACTIONS: Final = ("purchase", "refund", "cancel")
_EPOCH: Final = {"seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1}
_MAX_EPOCH: Final = 253_402_300_800_000_000
_SEPARATOR: Final = "\x1f"
_DIGEST_BYTES: Final = 12

TimeUnit = Literal["iso", "seconds", "milliseconds", "microseconds"]


class TimeConfig(BaseConfig):
    """How a source writes times."""

    unit: TimeUnit = "iso"
    """ISO 8601 text, or a count since 1970 UTC."""

    zone: str = "UTC"
    """Zone of times that state none. An hour that the clock repeats is the earlier one; one it skips, the next."""

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError("no such time zone; write it like Europe/London")
        return zone


class RawEventsConfig(BaseConfig):
    """What every event source shares."""

    time: TimeConfig = TimeConfig()
    """How times are written."""

    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    """Currency of values whose row names none."""


@dataclass(frozen=True, eq=False)
class RawEvents:
    """What a source gives: unchecked events and refused rows.

    Attributes:
        events: columns of `RAW_EVENTS`; several events may come from one row (the items of an order).
        rejects: the rejects table.
        rows: rows of the source.

    Invariants: rows = rows that became events + rejects.
    """

    events: pa.Table
    rejects: pa.Table
    rows: int

    @property
    def counts(self) -> dict[str, int]:
        """Rejected rows per reason code."""
        return dict(sorted(Counter(self.rejects[c.REASON_CODE].to_pylist()).items()))


def to_events(
    texts: pa.Table, *, names: EventNames, config: RawEventsConfig, log: RejectLog, rows: int
) -> RawEvents:
    """Unchecked events from text columns.

    Args:
        texts: text columns named as ours, any of them missing, and `line`; events of one row share its line.
        names: the source's event names.
        config: times and currency.
        log: the source's rejects so far; rows refused here are added: `unknown_event`, `ignored_event`,
            `bad_timestamp` (there but unreadable), `bad_quantity`, `bad_value`, `empty_transaction_id`.
        rows: rows of the source, refused ones included.

    Invariants: a row is refused once, for the first reason that holds; what remains is missing rather than wrong.
    """
    column = {name: _texts(texts, name) for name in RAW_EVENTS.names if name != c.LINE}
    event = names.translate(column[c.EVENT_NAME])
    time = parse_times(column[c.TIME], config.time)
    numbers = {name: map_distinct(column[name], _number, pa.float64()) for name in NUMBERS}
    empty = pc.and_(
        pc.equal(_texts(texts, c.TRANSACTION_ID, blank=True), ""),
        pc.is_in(event, value_set=pa.array(_TRANSACTIONS)),
    )
    flaws = {
        c.EVENT_NAME: ("", pc.is_null(event)),
        c.TIME: ("bad_timestamp", _unread(column[c.TIME], time)),
        **{name: (f"bad_{name}", _unread(column[name], numbers[name])) for name in NUMBERS},
        c.TRANSACTION_ID: ("empty_transaction_id", empty),
    }
    refused = _refuse(texts, column, flaws, names, log)
    table = pa.table(
        {
            **column,
            c.EVENT_NAME: event,
            c.TIME: time,
            **numbers,
            **{name: map_distinct(column[name], _consent, pa.bool_()) for name in CONSENTS},
            **{name: map_distinct(column[name], _id, pa.string()) for name in _IDS},
            c.CURRENCY: _currency(column[c.CURRENCY], numbers[c.VALUE], config.currency),
            c.SOURCE: pa.array([log.source] * texts.num_rows, pa.string()),
            c.LINE: texts[c.LINE],
        }
    ).select(RAW_EVENTS.names)
    kept = table.filter(pa.array(~refused)).cast(RAW_EVENTS)
    return RawEvents(_with_ids(kept), log.table(), rows)


def parse_times(texts: pa.ChunkedArray, config: TimeConfig) -> pa.ChunkedArray:
    """Moments in UTC, shape (n,); null where a text is missing or is no time."""
    if config.unit != "iso":
        factor = _EPOCH[config.unit]
        return map_distinct(texts, lambda text: _epoch(text, factor), TIMESTAMP)
    zoned = pc.replace_substring_regex(texts, r"\s*(UTC|GMT)$", "Z")
    distinct = pc.unique(zoned).drop_null()
    known = dict(zip(distinct.to_pylist(), _iso(distinct, config.zone), strict=True))
    return map_distinct(zoned, known.get, TIMESTAMP)


def _iso(distinct: pa.Array, zone: str) -> list[int | None]:
    text = pd.Series(distinct.to_pylist(), dtype=object)
    has_zone = text.str.contains(_ZONED, regex=True).to_numpy(bool)
    full = text.str.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").to_numpy(bool)
    moments = np.full(len(text), np.iinfo(np.int64).min, np.int64)
    for rows, local in ((full & has_zone, False), (full & ~has_zone, True)):
        if rows.any():
            moments[rows] = _moments(text[rows], zone if local else "UTC", local=local)
    return [None if moment == np.iinfo(np.int64).min else int(moment) for moment in moments]


def _moments(text: pd.Series[Any], zone: str, *, local: bool) -> npt.NDArray[np.int64]:
    parsed = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=not local)
    if local:
        earlier = np.ones(len(parsed), np.bool_)
        parsed = parsed.dt.tz_localize(zone, ambiguous=earlier, nonexistent="shift_forward")
    found = parsed.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]")
    return found.to_numpy().astype("datetime64[us]").astype(np.int64)


def _epoch(text: str, factor: int) -> int | None:
    whole = _WHOLE_FLOAT.fullmatch(text)
    digits = whole.group(1) if whole else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(_MAX_EPOCH))):
        return None
    moment = int(digits) * factor
    return moment if moment < _MAX_EPOCH else None


def _texts(table: pa.Table, name: str, *, blank: bool = False) -> pa.ChunkedArray:
    """A text column, trimmed; blanks are null unless they are asked for."""
    if name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
    trimmed = pc.utf8_trim_whitespace(table[name])
    return trimmed if blank else pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def _number(text: str) -> float | None:
    if _NUMBER.fullmatch(text) is None:
        return None
    number = float(text)
    return number if np.isfinite(number) else None


def _consent(text: str) -> bool | None:
    folded = text.casefold()
    return True if folded in _YES else False if folded in _NO else None


def _id(text: str) -> str | None:
    """An id as text; `17850.0` is `17850`, and a placeholder is no id."""
    if text.casefold() in MISSING:
        return None
    whole = _WHOLE_FLOAT.fullmatch(text)
    return whole.group(1) if whole else text


def _currency(
    written: pa.ChunkedArray, value: pa.ChunkedArray, usual: str | None
) -> pa.ChunkedArray:
    stated = pc.coalesce(pc.utf8_upper(written), pa.scalar(usual, pa.string()))
    return pc.if_else(pc.is_valid(value), stated, None)


def _unread(texts: pa.ChunkedArray, parsed: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.and_(pc.is_valid(texts), pc.is_null(parsed))


def _refuse(
    texts: pa.Table,
    column: Mapping[str, pa.ChunkedArray],
    flaws: Mapping[str, tuple[str, pa.ChunkedArray]],
    names: EventNames,
    log: RejectLog,
) -> npt.NDArray[np.bool_]:
    """Log the rows that break a rule; with one event of a row, all events of that row are refused."""
    line = texts[c.LINE].to_numpy()
    bad_lines: set[int] = set()
    for name, (code, found) in flaws.items():
        at = np.flatnonzero(pc.fill_null(found, False).to_numpy())
        for row, value in zip(at.tolist(), column[name].take(at).to_pylist(), strict=True):
            if line[row] not in bad_lines:
                bad_lines.add(int(line[row]))
                reason = code or names.reason(value)
                log.add(reason, line=int(line[row]), value=value, identity=False)
    if not bad_lines:
        return np.zeros(len(line), np.bool_)
    return np.isin(line, np.fromiter(bad_lines, np.int64, len(bad_lines)))


def _with_ids(events: pa.Table) -> pa.Table:
    """Rows without an event id get one from their content; equal rows of one file are told apart by a count."""
    given = events[c.EVENT_ID]
    if not given.null_count:
        return events
    parts = [
        _as_text(events[name])
        for name in RAW_EVENTS.names
        if name not in {c.EVENT_ID, c.SOURCE, c.LINE}
    ]
    content = pc.binary_join_element_wise(
        *parts, _SEPARATOR, null_handling="replace", null_replacement="\x00"
    )
    made = [
        hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
        for text in content.to_pylist()
    ]
    nth = pd.Series(made, dtype=object).groupby(made).cumcount().to_numpy()
    numbered = [f"{name}-{n}" if n else name for name, n in zip(made, nth, strict=True)]
    ids = pc.coalesce(given, pa.array(numbered, pa.string()))
    return events.set_column(events.schema.get_field_index(c.EVENT_ID), c.EVENT_ID, ids)


def _as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(values.type):
        return values.cast(pa.int64()).cast(pa.string())
    return values.cast(pa.string())
