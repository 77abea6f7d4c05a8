"""The list of persons to erase: a file that is read whole or refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa
from pydantic import Field

from features import columns as c
from features.config import BaseConfig
from features.errors import InputError
from features.files.delimited import read_delimited
from features.files.opening import FileLimits, open_bytes
from features.files.rejects import RejectLog
from features.run import read_parquet

KINDS: Final = (c.PERSON_ID, c.USER_ID, c.ANONYMOUS_ID)
"""Columns that a list may have, and kinds of id."""

Ids = Mapping[str, frozenset[str]]
"""Ids by kind, every kind present."""


@dataclass(frozen=True)
class Request:
    """Who is to be erased.

    Attributes:
        ids: the listed ids by kind.
        rows: rows of the list.
    """

    ids: Ids
    rows: int


class ErasureConfig(BaseConfig):
    """erasure.yaml: whom to erase, from where."""

    kind: Literal["erasure"]
    """Always `erasure`."""

    list: Path
    """CSV, TSV or Parquet file with at least one of the columns person_id, user_id, anonymous_id; relative to this file."""

    salt: str = Field(min_length=8)
    """Salt of the hashes kept of erased ids; the same for every erasure of a workspace."""

    workspace: Path | None = None
    """Folder to erase from, relative to this file; left out = the workspace of the project.yaml beside it."""


def read_request(path: Path) -> Request:
    """Read the list of persons to erase.

    Blanks around an id are dropped. A row may name a person by several ids; a list without rows is no error.

    Raises:
        InputError: the file cannot be read, has none of the columns, or one of its rows cannot be read or names nobody:
            nobody is erased then, for the list may be the wrong one. The message shows no id.
    """
    names, rows = _parquet(path) if path.suffix == ".parquet" else _text(path)
    places = {kind: names.index(kind) for kind in KINDS if kind in names}
    if not places:
        raise _refused(
            path, f"has the columns {', '.join(names)}", "Name a column after the ids it holds."
        )
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    count = 0
    for line, fields in rows:
        count += 1
        ids = {kind: (fields[place] or "").strip() for kind, place in places.items()}
        if not any(ids.values()):
            raise _refused(path, f"names nobody in line {line}", "Complete or remove the line.")
        for kind, value in ids.items():
            if value:
                found[kind].add(value)
    return Request({kind: frozenset(values) for kind, values in found.items()}, count)


_Rows = Iterator[tuple[int, list[str]]] | Iterator[tuple[int, list[str | None]]]


def _text(path: Path) -> tuple[tuple[str, ...], _Rows]:
    limits, log = FileLimits(), RejectLog(path.name, private=True)
    with open_bytes(path, limits=limits) as stream:
        read = read_delimited(stream, path=path, log=log, limits=limits)
        rows = list(read.rows)
    refused = log.table().to_pylist()
    if refused:
        first = refused[0]
        found = f"cannot be read in line {first[c.LINE]} ({first[c.REASON_CODE]})"
        raise _refused(path, found, "Mend the line; a list that is read in part erases in part.")
    return read.names, iter(rows)


def _parquet(path: Path) -> tuple[tuple[str, ...], _Rows]:
    table = read_parquet(path)
    chosen = [name for name in table.column_names if name in KINDS]
    if not chosen:
        return tuple(table.column_names), iter(())
    try:
        columns = [table[name].cast(pa.string()).to_pylist() for name in chosen]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise _refused(path, "has ids that are no text", "Write ids as text.") from None
    rows = enumerate((list(row) for row in zip(*columns, strict=True)), start=1)
    return tuple(chosen), rows


def _refused(path: Path, found: str, next_step: str) -> InputError:
    return InputError(
        str(path),
        found,
        rule=f"an erasure list has a header, one of the columns {', '.join(KINDS)}, and an id in every row",
        next_step=next_step,
    )
