"""What the sources of nested events share: rows that hold a list of items become one event per item."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pydantic import Field

from features import columns as c
from features.files.opening import FileLimits
from features.files.rejects import RejectLog
from features.sources.event_names import EventNames, EventNamesConfig
from features.sources.raw_events import (
    MISSING,
    RAW_EVENTS,
    RawEvents,
    RawEventsConfig,
    to_events,
)
from features.sources.text_rows import read_dicts

Texts = dict[str, str | None]
"""One event as texts under our column names."""

_ROWS_PER_BATCH: Final = 50_000


class NestedConfig(RawEventsConfig):
    """Files of nested events."""

    files: tuple[str, ...] = Field(min_length=1)
    """Paths or patterns, relative to the config; `.parquet`, else one JSON object per line; `.gz` and `.zip` too."""

    limits: FileLimits = FileLimits()
    """How much of a file is believed."""


def read_nested(
    config: NestedConfig,
    path: Path,
    *,
    name: str,
    event_names: EventNamesConfig,
    expand: Callable[[Mapping[str, Any]], list[Texts]],
) -> RawEvents:
    """Unchecked events of one file.

    Args:
        config: how files are read.
        path: the file.
        name: what its rows call their source.
        event_names: the source's event names.
        expand: one row -> its events, at least one.

    Raises:
        InputError: the file is missing or cannot be read whole.
    """
    log = RejectLog(name, private=True)
    rows = _Counted(read_dicts(path, log=log, limits=config.limits))
    texts = _table(rows, expand)
    total = rows.count + len(log)
    return to_events(texts, names=EventNames(event_names), config=config, log=log, rows=total)


class _Counted:
    def __init__(self, rows: Iterator[tuple[int, dict[str, Any]]]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for row in self._rows:
            self.count += 1
            yield row


def _table(rows: _Counted, expand: Callable[[Mapping[str, Any]], list[Texts]]) -> pa.Table:
    names = [name for name in RAW_EVENTS.names if name not in {c.LINE, c.SOURCE, c.PERSON_ID}]
    schema = pa.schema([(c.LINE, pa.int64()), *((name, pa.string()) for name in names)])
    tables, lines, batch = [schema.empty_table()], [], []
    for line, row in rows:
        events = expand(row)
        lines += [line] * len(events)
        batch += events
        if len(batch) >= _ROWS_PER_BATCH:
            tables.append(_batch(lines, batch, names, schema))
            lines, batch = [], []
    tables.append(_batch(lines, batch, names, schema))
    return pa.concat_tables(tables)


def _batch(lines: list[int], batch: list[Texts], names: list[str], schema: pa.Schema) -> pa.Table:
    columns = [pa.array([event.get(name) for event in batch], pa.string()) for name in names]
    return pa.table([pa.array(lines, pa.int64()), *columns], schema=schema)


def text_of(value: Any) -> str | None:
    """A leaf as text; a dict, a list or nothing is None."""
    if value is None or isinstance(value, (dict, list)):
        return None
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def inside(row: Mapping[str, Any], *path: str) -> Any:
    """The value at the end of a path of keys; None where the path ends early."""
    value: Any = row
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def first_text(*values: Any) -> str | None:
    """The first value that is a text."""
    return next((text for text in map(text_of, values) if text is not None), None)


def first_id(*values: Any) -> str | None:
    """The first value that is a text and stands for something; else the first blank one, which is not a missing one.

    Example:
        >>> first_id("(not set)", "O1"), first_id("", None)
        ('O1', '')
    """
    texts = [text for text in map(text_of, values) if text is not None]
    told = (text for text in texts if text.strip() and text.strip().casefold() not in MISSING)
    return next(told, next((text for text in texts if not text.strip()), None))


def line_value(item: Mapping[str, Any], quantity: str | None, *, alone: str | None) -> str | None:
    """Money of one item of an order: price x quantity; without price, the order's own money if it is the only item.

    Args:
        item: the item, with `price`.
        quantity: its quantity; None = 1.
        alone: the order's money when this is its only item, else None.
    """
    price = text_of(item.get("price"))
    if price is None:
        return alone
    try:
        return repr(round(float(price) * float(quantity or 1), 6))
    except ValueError:
        return price
