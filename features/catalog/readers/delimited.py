"""Feeds as TSV or CSV: the first line names the attributes, one item per row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from features.catalog.readers.raw import RawFeed, Row, finish
from features.catalog.spellings import attribute_name
from features.files.delimited import Delimited, read_delimited
from features.files.opening import FileLimits
from features.files.rejects import RejectLog


def read(
    stream: BinaryIO, *, path: Path, limits: FileLimits, delimiter: str | None = None
) -> RawFeed:
    """A delimited feed.

    Raises:
        SchemaError: no usable header, or an attribute named twice in it.
        InputError: the file breaks off or is too large.
    """
    log = RejectLog(path.name)
    found = read_delimited(
        stream, path=path, log=log, limits=limits, delimiter=delimiter, spell=attribute_name
    )
    items, rejects = finish(_rows(found), log)
    return RawFeed(path.name, items, rejects)


def _rows(found: Delimited) -> Iterator[tuple[int, Row]]:
    for line, fields in found.rows:
        yield line, dict(zip(found.names, fields, strict=True))
