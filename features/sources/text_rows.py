"""The rows of any file of events: delimited text, JSON lines or Parquet, as dicts or as text columns with lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.errors import ConfigError, InputError
from features.files.delimited import read_delimited
from features.files.json_lines import read_json_lines
from features.files.opening import FileLimits, open_bytes
from features.files.rejects import RejectLog
from features.run import read_parquet

FileFormat = Literal["delimited", "jsonl", "parquet"]

_SUFFIXES: Final[dict[str, FileFormat]] = {
    ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
}  # fmt: skip
_ROWS_PER_BATCH: Final = 50_000


def find_files(patterns: tuple[str, ...], *, folder: Path) -> list[Path]:
    """The files that paths or patterns like `events/*.csv` name, each once, sorted.

    Raises:
        InputError: a pattern names no file.
    """
    found: set[Path] = set()
    for pattern in patterns:
        target = folder.absolute() / pattern
        root = Path(target.anchor)
        matched = {target} if target.is_file() else set(root.glob(str(target.relative_to(root))))
        if not matched:
            raise InputError(
                pattern,
                f"names no file in {folder}",
                rule="every path or pattern of a source names at least one file",
                next_step="Check 'files'.",
            )
        found |= matched
    return sorted(found)


def file_format(path: Path) -> FileFormat:
    """The format a file's name states: `.parquet`, `.jsonl`, else delimited text (`.gz` and `.zip` are looked through)."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in {".gz", ".zip"}]
    return _SUFFIXES.get(suffixes[-1], "delimited") if suffixes else "delimited"


def read_dicts(
    path: Path, *, log: RejectLog, limits: FileLimits
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, row) of a JSON-lines or Parquet file; nested values are dicts and lists, leaves are texts.

    The line of a Parquet row is its number, from 1.
    """
    if file_format(path) == "parquet":
        table = read_parquet(path)
        line = 0
        for batch in table.to_batches(max_chunksize=_ROWS_PER_BATCH):
            for row in batch.to_pylist():
                line += 1
                yield line, {name: to_text(value) for name, value in row.items()}
        return
    with open_bytes(path, limits=limits) as stream:
        yield from read_json_lines(stream, path=path, log=log, limits=limits)


def read_columns(
    path: Path,
    wanted: Mapping[str, str],
    *,
    log: RejectLog,
    limits: FileLimits,
    delimiter: str | None = None,
    names: tuple[str, ...] | None = None,
) -> pa.Table:
    """The wanted columns of a file as texts under our names, and `line`.

    Args:
        path: delimited text, JSON lines (a dot leads into an object: `user.id`) or Parquet.
        wanted: our column name -> the file's.
        log: receives refused rows.
        limits: how much of the file is believed.
        delimiter: of delimited text; None = seen from the header.
        names: column names of delimited text without header.

    Raises:
        ConfigError: a wanted column is not in the file.
    """
    match file_format(path):
        case "parquet":
            table = read_parquet(path)
            _require(wanted, table.column_names, path)
            columns = {ours: column_text(table[theirs]) for ours, theirs in wanted.items()}
            return pa.table({c.LINE: pa.array(np.arange(1, table.num_rows + 1)), **columns})
        case "jsonl":
            rows = read_dicts(path, log=log, limits=limits)
            leaves = ((line, [_leaf(row, name) for name in wanted.values()]) for line, row in rows)
            return _table(leaves, wanted)
        case _:
            with open_bytes(path, limits=limits) as stream:
                found = read_delimited(
                    stream,
                    path=path,
                    log=log,
                    limits=limits,
                    delimiter=delimiter,
                    names=names,
                    number_repeated=True,
                )
                _require(wanted, list(found.names), path)
                at = [found.names.index(name) for name in wanted.values()]
                # in delimited text an empty cell is a missing one
                cells = ((line, [row[place] or None for place in at]) for line, row in found.rows)
                return _table(cells, wanted)


def to_text(value: Any) -> Any:
    """A value of a typed file as the text a person would write; dicts and lists keep their shape."""
    if isinstance(value, dict):
        return {name: to_text(part) for name, part in value.items()}
    if isinstance(value, list):
        return [to_text(part) for part in value]
    if value is None or isinstance(value, str) or value != value:  # noqa: PLR0124 - NaN
        return value if isinstance(value, str) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, (datetime, date)) else str(value)


def column_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A typed column as texts; NaN is missing, a time is ISO 8601."""
    kind = values.type
    if pa.types.is_timestamp(kind):
        shape = "%Y-%m-%dT%H:%M:%SZ" if kind.tz else "%Y-%m-%dT%H:%M:%S"
        return pc.strftime(values.cast(pa.timestamp("us", kind.tz), safe=False), format=shape)
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_nan(values), None, values).cast(pa.string())
    return values.cast(pa.string())


def _leaf(row: dict[str, Any], dotted: str) -> str | None:
    value: Any = row
    for part in dotted.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    if isinstance(value, (dict, list)):
        return None
    text = to_text(value)
    return text if text is None else str(text)


def _table(rows: Iterator[tuple[int, list[str | None]]], names: Iterable[str]) -> pa.Table:
    schema = pa.schema([(c.LINE, pa.int64()), *((name, pa.string()) for name in names)])
    tables, lines, batch = [schema.empty_table()], [], []
    for line, fields in rows:
        lines.append(line)
        batch.append(fields)
        if len(batch) == _ROWS_PER_BATCH:
            tables.append(_batch(lines, batch, schema))
            lines, batch = [], []
    if batch:
        tables.append(_batch(lines, batch, schema))
    return pa.concat_tables(tables)


def _batch(lines: list[int], rows: list[list[str | None]], schema: pa.Schema) -> pa.Table:
    columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    return pa.table([pa.array(lines, pa.int64()), *columns], schema=schema)


def _require(wanted: Mapping[str, str], found: list[str], path: Path) -> None:
    missing = [name for name in wanted.values() if name not in found]
    twice = [name for name in wanted.values() if f"{name}#2" in found]
    if twice:
        raise ConfigError(
            f"column '{twice[0]}'",
            f"stands in {path} more than once",
            rule="a mapped column is in every file of the source, once",
            next_step="Rename one of them in the file.",
        )
    if missing:
        raise ConfigError(
            f"column '{missing[0]}'",
            f"is not in {path} (found: {', '.join(found)})",
            rule="a mapped column is in every file of the source",
            next_step="Correct 'columns' in the source's config.",
        )
