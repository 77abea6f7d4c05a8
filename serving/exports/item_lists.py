"""Item lists per person for the client's own systems: JSON lines, CSV or Parquet, with a schema version in every row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from features import columns as c
from features.config import BaseConfig
from features.run import parquet_options, write_text
from serving.exports.base import (
    SCHEMA_VERSION,
    FaultError,
    Format,
    Outcome,
    Prepared,
    Row,
    Unavailable,
    distinct_rows,
    number_in,
)
from serving.exports.delimited import DelimitedFormat
from serving.exports.facts import ExportFacts
from serving.exports.inert import cell, id_problem, json_line

_TYPES: Final[dict[str, pa.DataType]] = {
    "schema_version": pa.int64(),
    c.PERSON_ID: pa.string(),
    c.RANK: pa.int64(),
    c.ITEM_ID: pa.string(),
    c.TITLE: pa.string(),
    c.PRICE: pa.float64(),
    c.CURRENCY: pa.string(),
    c.RECO_KIND: pa.string(),
    c.STAGE: pa.string(),
    c.MESSAGE: pa.string(),
    c.SNAPSHOT_ID: pa.string(),
}
COLUMNS: Final = tuple(_TYPES)
_SCHEMA: Final = pa.schema(list(_TYPES.items()))
_WRITTEN: Final = {pa.int64(): int, pa.float64(): float}
_WRITE: Final = tuple(_WRITTEN.get(type_, str) for type_ in _TYPES.values())
_READ: Final = tuple((write, type(None)) for write in _WRITE)
_PERSON, _RANK, _ITEM, _PRICE = (COLUMNS.index(n) for n in (c.PERSON_ID, c.RANK, c.ITEM_ID, c.PRICE))  # fmt: skip
_FROM_LISTS: Final = (c.PERSON_ID, c.RANK, c.ITEM_ID, c.TITLE, c.PRICE, c.CURRENCY, c.RECO_KIND, c.STAGE, c.MESSAGE, c.SNAPSHOT_ID)  # fmt: skip


class ItemListsConfig(BaseConfig):
    """The items chosen for each person to contact."""

    kind: Literal["item_lists"]

    format: Literal["jsonl", "csv", "parquet"] = "jsonl"
    """How the file is written."""


def prepare(_: str, __: ItemListsConfig, facts: ExportFacts) -> Outcome:
    """One row per person and rank."""
    hide = facts.feed is not None and facts.feed.hide_prices
    rows = (_row(row, hide_price=hide) for row in facts.eligible.lists.select(list(_FROM_LISTS)).to_pylist())  # fmt: skip
    kept, drops = distinct_rows(rows, row_problem)
    if not kept:
        return Unavailable("nobody to contact has an item")
    ordered = tuple(sorted(kept, key=lambda row: (row[_PERSON], int(row[_RANK]))))
    return [Prepared("", ordered, len({row[_PERSON] for row in ordered}), drops)]


def file_format(config: ItemListsConfig, _: ExportFacts) -> Format:
    """The format the config names."""
    match config.format:
        case "csv":
            return DelimitedFormat(COLUMNS, row_problem=row_problem, unique=(_PERSON, _RANK))
        case "parquet":
            return _TypedFormat(".parquet", _write_parquet, _read_parquet)
        case _:
            return _TypedFormat(".jsonl", _write_lines, _read_lines)


def row_problem(row: Row) -> str | None:
    """Why a row is off its schema."""
    if len(row) != len(COLUMNS) or row[0] != SCHEMA_VERSION:
        return "schema_version"
    if not (row[_RANK].isdigit() and int(row[_RANK]) >= 1):
        return "rank_invalid"
    if row[_PRICE] and (number_in(row[_PRICE]) or 0) <= 0:
        return "price_invalid"
    return id_problem(row[_PERSON]) or id_problem(row[_ITEM])


def _row(row: dict[str, Any], *, hide_price: bool) -> Row:
    row["schema_version"] = SCHEMA_VERSION
    row[c.PRICE] = "" if hide_price or row[c.PRICE] is None else repr(row[c.PRICE])
    for name in (c.TITLE, c.MESSAGE):
        row[name] = cell(row[name] or "")
    return tuple([str(row[name] or "") for name in COLUMNS])


@dataclass(frozen=True)
class _TypedFormat:
    """A format whose numbers are numbers."""

    suffix: str
    write_records: Any
    read_records: Any

    def write(self, path: Path, rows: Sequence[Row]) -> None:
        self.write_records(path, [_record(row) for row in rows])

    def read(self, path: Path) -> list[Row]:
        return [_texts(record) for record in self.read_records(path)]

    def faults(self, path: Path) -> Iterator[str]:
        try:
            rows = self.read(path)
        except FaultError as fault:
            yield str(fault)
            return
        for number, row in enumerate(rows, start=1):
            problem = row_problem(row)
            if problem is not None:
                yield f"row {number}: {problem}"
        if len({(row[_PERSON], row[_RANK]) for row in rows}) < len(rows):
            yield "a person has two items of one rank"


def _record(row: Row) -> dict[str, Any]:
    """A row with numbers as numbers and nothing as null."""
    values = [write(text) if text else None for write, text in zip(_WRITE, row, strict=True)]
    return dict(zip(COLUMNS, values, strict=True))


def _texts(record: dict[str, Any]) -> Row:
    if tuple(record) != COLUMNS:
        raise FaultError(f"a row has the keys {', '.join(record)}, not {', '.join(COLUMNS)}")
    values = record.values()
    for name, value, types in zip(COLUMNS, values, _READ, strict=True):
        if not isinstance(value, types):
            raise FaultError(f"'{name}' is not {_TYPES[name]}")
    return tuple([_text(value) for value in values])


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def _write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    write_text(path, "".join(json_line(record) for record in records))


def _read_lines(path: Path) -> list[dict[str, Any]]:
    try:
        records = [json.loads(line) for line in path.read_bytes().decode("ascii").splitlines()]
    except ValueError as error:
        raise FaultError(f"is no JSON in ASCII ({error})") from None
    if not all(isinstance(record, dict) for record in records):
        raise FaultError("a line is no JSON object")
    return records


def _write_parquet(path: Path, records: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(records, schema=_SCHEMA)
    pq.write_table(table, path, **parquet_options(_SCHEMA))


def _read_parquet(path: Path) -> list[dict[str, Any]]:
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise FaultError(f"is no Parquet file ({error})") from None
    if table.schema != _SCHEMA:
        raise FaultError(f"its columns are not {', '.join(COLUMNS)} with their types")
    records: list[dict[str, Any]] = table.to_pylist()
    return records
