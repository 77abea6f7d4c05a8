"""Any file of events: CSV, TSV, JSON lines or Parquet, with a declared mapping of columns and event names."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from features import columns as c
from features.config import BaseConfig
from features.files.opening import FileLimits
from features.files.rejects import RejectLog
from features.interactions import EventName
from features.sources.event_names import EventNames, EventNamesConfig
from features.sources.raw_events import RawEvents, RawEventsConfig, to_events
from features.sources.text_rows import read_columns


class EventColumns(BaseConfig):
    """Which column of the file is which of ours; in JSON lines a dot leads into an object (`user.id`)."""

    time: str
    """When it happened."""

    event_name: str | None = None
    """What happened; left out = every row is `every_row`."""

    event_id: str | None = None
    """Id of the event; left out = made from its content."""

    anonymous_id: str | None = None
    """Id of a browser or device."""

    user_id: str | None = None
    """Id of a customer who is logged in."""

    item_id: str | None = None
    """Id of the item, as in the feed."""

    quantity: str | None = None
    """Units."""

    value: str | None = None
    """Money of the row as a whole."""

    price: str | None = None
    """Money per unit; without `value`, the value is price x quantity (1 where the row has none)."""

    currency: str | None = None
    """ISO 4217 code."""

    transaction_id: str | None = None
    """Id of the order."""

    category: str | None = None
    """Category of the item or the list."""

    page: str | None = None
    """Address of the page."""

    consent_personalisation: str | None = None
    """Whether the person agreed to personalised advertising."""

    consent_measurement: str | None = None
    """Whether the person agreed to measurement."""


class GenericConfig(RawEventsConfig):
    """Event files of one shape."""

    kind: Literal["generic"] = "generic"

    files: tuple[str, ...] = Field(min_length=1)
    """Paths or patterns, relative to the config; `.parquet`, `.jsonl`, else delimited text; `.gz` and `.zip` too."""

    columns: EventColumns
    """Which column is which."""

    event_names: EventNamesConfig = EventNamesConfig()
    """Which event name is which."""

    every_row: EventName | None = None
    """The event of every row, for a file of purchases only."""

    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    """Delimiter of delimited text; left out = seen from the header."""

    header: tuple[str, ...] | None = None
    """Column names of delimited text that has no header."""

    limits: FileLimits = FileLimits()
    """How much of a file is believed."""


def read_generic(config: GenericConfig, path: Path, *, name: str) -> RawEvents:
    """Unchecked events of one file.

    Args:
        config: mapping.
        path: the file.
        name: what its rows call their source.

    Raises:
        InputError: the file is missing or cannot be read whole.
        ConfigError: a mapped column is not in it.
    """
    mapped = {
        ours: column
        for ours, column in config.columns.model_dump().items()
        if column is not None
    }  # fmt: skip
    log = RejectLog(name, private=True)
    texts = read_columns(
        path,
        mapped,
        log=log,
        limits=config.limits,
        delimiter=config.delimiter,
        names=config.header,
    )
    rows = texts.num_rows + len(log)
    if config.every_row:
        constant = pa.array([config.every_row] * texts.num_rows, pa.string())
        texts = texts.append_column(c.EVENT_NAME, constant)
    names = EventNames(config.event_names if not config.every_row else EventNamesConfig())
    return to_events(_with_value(texts), names=names, config=config, log=log, rows=rows)


def _with_value(texts: pa.Table) -> pa.Table:
    """Value from price and quantity, where the file states the price alone."""
    if c.PRICE not in texts.column_names or c.VALUE in texts.column_names:
        return texts
    price = texts[c.PRICE]
    if c.QUANTITY not in texts.column_names:
        return texts.append_column(c.VALUE, price)
    number = r"^\s*[0-9]{1,12}(\.[0-9]{0,9})?\s*$"
    readable = pc.and_(
        pc.match_substring_regex(price, number),
        pc.match_substring_regex(texts[c.QUANTITY], number),
    )
    trimmed = [
        pc.utf8_trim_whitespace(pc.if_else(readable, part, None))
        for part in (price, texts[c.QUANTITY])
    ]
    product = pc.multiply(*(part.cast(pa.float64()) for part in trimmed))
    value = pc.coalesce(pc.round(product, 6).cast(pa.string()), price)
    return texts.append_column(c.VALUE, value)
