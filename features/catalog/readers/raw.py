"""What every reader returns: unchecked text columns, each row with its line, and the refused rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from features import columns as c
from features.files.rejects import RejectLog

LIST_ATTRIBUTES: Final = frozenset(
    {
        "additional_image_link", "excluded_destination", "included_destination", "product_detail",
        "product_highlight", "product_type", "shipping", "tax",
    }
)  # fmt: skip
"""Attributes an item may have several of; their values are joined by commas."""

_ROWS_PER_BATCH: Final = 10_000
_OWN_LINE: Final = "line_"
"""Where an attribute that a feed calls `line` goes: the name is taken by the place of the row."""

Row = Mapping[str, str]
"""Texts by Merchant attribute name."""


@dataclass(frozen=True)
class RawFeed:
    """A feed as it was sent.

    Attributes:
        source: name of the file.
        items: unchecked; `line`, then one text column per attribute met, null where an item lacks it.
        rejects: rows that could not be read, as the rejects table.
        generated_at: the time of writing the feed states about itself, as text; None = it states none.
        longest_line: bytes of the longest line.

    Invariants: rows of the feed = items + rejects.
    """

    source: str
    items: pa.Table
    rejects: pa.Table
    generated_at: str | None = None
    longest_line: int = 0

    @property
    def rows(self) -> int:
        return int(self.items.num_rows + self.rejects.num_rows)


def join_repeated(found: list[tuple[str, str]]) -> dict[str, str] | None:
    """One text per attribute; None when an attribute that has one value is given two different ones."""
    row: dict[str, str] = {}
    for name, value in found:
        earlier = row.get(name)
        if earlier is None or earlier == value:
            row[name] = value
        elif name in LIST_ATTRIBUTES:
            row[name] = f"{earlier},{value}"
        else:
            return None
    return row


def to_table(rows: Iterator[tuple[int, Row]]) -> pa.Table:
    """(line, row) pairs as one table, built batch by batch."""
    tables, lines, batch = [], [], []
    for line, row in rows:
        lines.append(line)
        batch.append(row)
        if len(batch) == _ROWS_PER_BATCH:
            tables.append(_batch(lines, batch))
            lines, batch = [], []
    tables.append(_batch(lines, batch))
    return pa.concat_tables(tables, promote_options="default")


def _batch(lines: list[int], rows: list[Row]) -> pa.Table:
    names = {name: None for row in rows for name in row}
    columns = {
        _OWN_LINE if name == c.LINE else name: pa.array(
            [row.get(name) for row in rows], pa.string()
        )
        for name in names
    }
    return pa.table({c.LINE: pa.array(lines, pa.int64()), **columns})


def finish(
    rows: Iterator[tuple[int, Row]],
    log: RejectLog,
) -> tuple[pa.Table, pa.Table]:
    """Read all rows, then close the log: (items, rejects)."""
    items = to_table(rows)
    return items, log.table()
