"""Lists of persons that the client gives as files: suppression lists, contacts, send logs, every row of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa

from features import columns as c
from features.catalog.moments import parse_moment
from features.errors import InputError
from features.files.delimited import read_delimited
from features.files.opening import FileLimits, open_bytes
from features.files.rejects import RejectLog
from features.run import read_parquet
from features.tables import TIMESTAMP
from serving.audit.identities import Identities

Row = dict[str, str]

SENDS: Final = pa.schema({c.PERSON_ID: pa.string(), c.TIME: TIMESTAMP, c.CHANNEL: pa.string()})
"""Columns of contacts that were made."""


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV, TSV or Parquet file as texts without blanks around them.

    Raises:
        InputError: it cannot be read whole.
    """
    if path.suffix == ".parquet":
        table = read_parquet(path)
        columns = [column.cast(pa.string()).to_pylist() for column in table.columns]
        return _named(tuple(table.column_names), list(zip(*columns, strict=True)))
    limits, log = FileLimits(), RejectLog(path.name, private=True)
    with open_bytes(path, limits=limits) as stream:
        read = read_delimited(stream, path=path, log=log, limits=limits)
        rows = [fields for _, fields in read.rows]
    if len(log):
        raise InputError(
            str(path),
            f"has {len(log)} broken lines",
            rule="an audit reads every line of a list of persons",
            next_step="Mend the file.",
        )
    return _named(read.names, rows)


def person_of(row: Row, identities: Identities) -> str:
    """Who a row is about: `person_id` where it has one, else the login `user_id`."""
    person = row.get(c.PERSON_ID, "")
    return identities.person(person) if person else identities.of_login(row.get(c.USER_ID, ""))


def suppressed_persons(
    paths: list[Path], identities: Identities, *, as_of: datetime
) -> frozenset[str]:
    """Persons on any suppression list at a moment.

    Raises:
        InputError: a list cannot be read whole.
    """
    rows = (row for path in paths for row in read_rows(path))
    return frozenset(person_of(row, identities) for row in rows if _in_force(row, as_of))


def sends(paths: list[Path], identities: Identities) -> pa.Table:
    """Person, time and channel of every send of other systems' logs.

    Raises:
        InputError: a log cannot be read whole.
    """
    found = [
        {
            c.PERSON_ID: person_of(row, identities),
            c.TIME: parse_moment(row.get(c.TIME, "").replace(" ", "T")),
            c.CHANNEL: row.get(c.CHANNEL, ""),
        }
        for path in paths
        for row in read_rows(path)
    ]
    return pa.Table.from_pylist(found, schema=SENDS)


def _in_force(row: Row, as_of: datetime) -> bool:
    """A date that cannot be read does not end a suppression."""
    starts = parse_moment(row.get(c.STARTS, ""))
    ends = parse_moment(row.get(c.ENDS, ""))
    return (starts is None or starts <= as_of) and (ends is None or as_of < ends)


def _named(names: tuple[str, ...], rows: list[tuple[str, ...]] | list[list[str]]) -> list[Row]:
    return [
        {name: (text or "").strip() for name, text in zip(names, row, strict=True)} for row in rows
    ]
