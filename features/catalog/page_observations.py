"""Visits to landing pages, read from a file: what each found, or why its row was refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from features import columns as c
from features.arrays import BoolArray
from features.catalog import spellings
from features.catalog.money import parse_money
from features.catalog.page_checks import PageChecksConfig
from features.catalog.parsed import mask
from features.config import BaseConfig
from features.contracts import check
from features.distinct import map_distinct
from features.errors import GateError
from features.feed_tables import PAGE_OBSERVATIONS
from features.files.opening import FileLimits
from features.files.rejects import RejectLog
from features.sources.raw_events import TimeConfig, parse_times
from features.sources.text_rows import read_columns
from features.tables import AVAILABILITIES

_PRICE: Final = pa.struct([("amount", pa.float64()), ("currency", pa.string())])
_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_STATUS: Final = re.compile(r"[1-5][0-9]{2}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class ObservationColumns(BaseConfig):
    """Which column of the file is which of ours; in JSON lines a dot leads into an object (`page.status`)."""

    item_id: str
    """Id of the item, as in the feed."""

    observed_at: str
    """When the page was visited."""

    price: str | None = None
    """Price the page shows: a number, or number, space and currency (`15.00 USD`)."""

    currency: str | None = None
    """Its currency, where the price does not say it."""

    availability: str | None = None
    """Availability the page shows, in any usual spelling."""

    status_code: str | None = None
    """HTTP status."""

    load_seconds: str | None = None
    """Seconds until the page had loaded."""

    final_url: str | None = None
    """Address the visit ended on, after redirects."""


class PagesConfig(PageChecksConfig):
    """Where the visits are, and how they are compared with the feed."""

    file: str
    """Path, relative to the config: `.parquet`, `.jsonl`, else delimited text; `.gz` and `.zip` too."""

    columns: ObservationColumns
    """Which column is which."""

    time: TimeConfig = TimeConfig()
    """How times are written."""

    max_reject_rate: float = Field(default=0.1, ge=0, le=1)
    """Share of rows that may be refused before the run stops."""

    limits: FileLimits = FileLimits()
    """How much of the file is believed."""


@dataclass(frozen=True, eq=False)
class Observations:
    """What the file gave.

    Attributes:
        table: the page-observations table, in the order of the file.
        rejects: refused rows, the rejects table.

    Invariants: rows of the file = rows of both tables.
    """

    table: pa.Table
    rejects: pa.Table


def read_observations(config: PagesConfig, *, folder: Path) -> Observations:
    """Read visits; a row is refused once, for the first reason that holds.

    Reasons: `missing_item_id`, `bad_timestamp`, `bad_price`, `bad_currency`, `bad_availability`, `bad_status_code`,
    `bad_load_seconds`, `repeated_observation` (the item was seen at that moment in an earlier row), and those of the
    readers of files.

    Args:
        config: file and columns.
        folder: where a relative path starts.

    Raises:
        InputError: the file is missing or cannot be read whole.
        ConfigError: a mapped column is not in the file.
        GateError: too many rows were refused.
    """
    path = (folder / config.file).resolve()
    mapped = {
        name: column for name, column in config.columns.model_dump().items() if column is not None
    }
    log = RejectLog(path.name)
    texts = _blank_to_null(read_columns(path, mapped, log=log, limits=config.limits))
    text = {name: _text(texts, name) for name in PAGE_OBSERVATIONS.schema.names}
    price = map_distinct(text[c.PRICE], _price, _PRICE).combine_chunks()
    currency = pc.coalesce(price.field("currency"), text[c.CURRENCY])
    columns = {
        c.ITEM_ID: text[c.ITEM_ID],
        c.OBSERVED_AT: parse_times(text[c.OBSERVED_AT], config.time),
        c.PRICE: price.field("amount"),
        c.CURRENCY: map_distinct(currency, _currency, pa.string()),
        c.AVAILABILITY: map_distinct(text[c.AVAILABILITY], _availability, pa.string()),
        c.STATUS_CODE: map_distinct(text[c.STATUS_CODE], _status, pa.int64()),
        c.LOAD_SECONDS: map_distinct(text[c.LOAD_SECONDS], _seconds, pa.float64()),
        c.FINAL_URL: text[c.FINAL_URL],
    }
    table = pa.table(columns)
    refused = _refuse(table, text, currency, texts[c.LINE], log)
    _require(len(log), texts.num_rows + len(log) - int(refused.sum()), config, path)
    kept = table.filter(pa.array(~refused))
    if kept.num_rows:
        kept = check(kept, PAGE_OBSERVATIONS, source=path.name)
    else:
        kept = PAGE_OBSERVATIONS.schema.empty_table()
    return Observations(kept, log.table())


def _refuse(
    table: pa.Table,
    text: dict[str, pa.ChunkedArray],
    currency: pa.ChunkedArray,
    line: pa.ChunkedArray,
    log: RejectLog,
) -> BoolArray:
    """Log the rows that cannot be believed, shape (n,)."""
    unread = {
        name: mask(pc.and_(pc.is_valid(text[name]), pc.is_null(table[name])))
        for name in (c.PRICE, c.AVAILABILITY, c.STATUS_CODE, c.LOAD_SECONDS)
    }
    flaws: dict[str, tuple[str, BoolArray]] = {
        "missing_item_id": (c.ITEM_ID, mask(pc.is_null(text[c.ITEM_ID]))),
        "bad_timestamp": (c.OBSERVED_AT, mask(pc.is_null(table[c.OBSERVED_AT]))),
        "bad_price": (c.PRICE, unread[c.PRICE]),
        "bad_currency": (
            c.CURRENCY, mask(pc.and_(pc.is_valid(currency), pc.is_null(table[c.CURRENCY]))),
        ),
        "bad_availability": (c.AVAILABILITY, unread[c.AVAILABILITY]),
        "bad_status_code": (c.STATUS_CODE, unread[c.STATUS_CODE]),
        "bad_load_seconds": (c.LOAD_SECONDS, unread[c.LOAD_SECONDS]),
    }  # fmt: skip
    refused = np.zeros(table.num_rows, np.bool_)
    for code, (name, found) in flaws.items():
        _log(code, found & ~refused, text[name], line, log)
        refused |= found
    repeated = _repeated(table, refused)
    _log("repeated_observation", repeated, text[c.ITEM_ID], line, log)
    return refused | repeated


def _log(
    code: str, rows: BoolArray, values: pa.ChunkedArray, line: pa.ChunkedArray, log: RejectLog
) -> None:
    at = np.flatnonzero(rows)
    for number, value in zip(line.take(at).to_pylist(), values.take(at).to_pylist(), strict=True):
        log.add(code, line=number, value=value)


def _repeated(table: pa.Table, refused: BoolArray) -> BoolArray:
    """Rows whose item was seen at the same moment in an earlier row that counts."""
    rows = np.flatnonzero(~refused)
    keys = table.select([c.ITEM_ID, c.OBSERVED_AT]).take(rows)
    first = keys.append_column("row", pa.array(rows)).group_by([c.ITEM_ID, c.OBSERVED_AT])
    kept = first.aggregate([("row", "min")])["row_min"].to_numpy()
    repeated = ~refused
    repeated[kept] = False
    return repeated


def _require(refused: int, rows: int, config: PagesConfig, path: Path) -> None:
    if rows and refused / rows > config.max_reject_rate:
        raise GateError(
            str(path),
            f"{refused} of {rows} visits ({refused / rows:.1%}) cannot be believed",
            rule=f"at most {config.max_reject_rate:.1%} may be refused",
            next_step="Check the mapping under 'feed.pages.columns', or raise 'max_reject_rate'.",
        )


def _blank_to_null(texts: pa.Table) -> pa.Table:
    for position, field in enumerate(texts.schema):
        if pa.types.is_string(field.type):
            trimmed = pc.utf8_trim_whitespace(texts[field.name])
            texts = texts.set_column(
                position, field.name, pc.if_else(pc.equal(trimmed, ""), None, trimmed)
            )
    return texts


def _text(texts: pa.Table, name: str) -> pa.ChunkedArray:
    if name in texts.column_names:
        return texts[name]
    return pa.chunked_array([pa.nulls(texts.num_rows, pa.string())])


def _price(written: str) -> dict[str, Any]:
    if _NUMBER.fullmatch(written):
        return {"amount": float(written)}
    found = parse_money(written)
    return {"amount": found.get("amount"), "currency": found.get("currency")}


def _currency(written: str) -> str | None:
    return written.upper() if _CURRENCY.fullmatch(written.upper()) else None


def _availability(written: str) -> str | None:
    value = spellings.availability(written)
    return value if value in AVAILABILITIES else None


def _status(written: str) -> int | None:
    return int(written) if _STATUS.fullmatch(written) else None


def _seconds(written: str) -> float | None:
    return float(written) if _NUMBER.fullmatch(written) else None
