"""Refused input rows: why, where, and a value safe to show."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

import pyarrow as pa

from features import columns as c
from features.contracts import check
from features.tables import REJECTS

SHOWN_CHARACTERS: Final = 80

_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SHORT: Final = 8


def shown(value: str) -> str:
    r"""A raw value fit for a report: its first 80 characters, control characters written as escapes.

    Example:
        >>> print(shown("two\nlines"))
        two\x0alines
    """
    cut = value[:SHOWN_CHARACTERS]
    text = _UNPRINTABLE.sub(lambda found: f"\\x{ord(found.group()):02x}", cut)
    return text if len(value) <= SHOWN_CHARACTERS else f"{text}... ({len(value)} characters)"


def masked(value: str) -> str:
    """An identity that can be recognised by who knows it and not read by who does not.

    Example:
        >>> masked("alice@example.com"), masked("17850")
        ('a***(17)', '***(5)')
    """
    first = shown(value[0]) if len(value) >= _SHORT else ""
    return f"{first}***({len(value)})"


class RejectLog:
    """Collects the refused rows of one source.

    Args:
        source: name of the source.
        private: its lines name persons, so values are masked unless they are known to be harmless.
    """

    def __init__(self, source: str, *, private: bool = False) -> None:
        self.source = source
        self._private = private
        self.counts: Counter[str] = Counter()
        self._seen: Counter[tuple[int, str]] = Counter()
        self._rows: list[tuple[str, str, int, str | None]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, code: str, *, line: int, value: str | None, identity: bool | None = None) -> None:
        """Refuse one row.

        Args:
            code: reason code.
            line: line of the source on which the row starts, from 1.
            value: the offending raw value; None = there is none to show.
            identity: whether the value names a person and is masked; None = if the source is private.
        """
        self.counts[code] += 1
        self._seen[line, code] += 1
        nth = self._seen[line, code]
        # a file on one single line holds many rows: number them, so that each keeps its own entry
        source = self.source if nth == 1 else f"{self.source}#{nth}"
        mask = self._private if identity is None else identity
        safe = None if value is None else masked(value) if mask else shown(value)
        self._rows.append((code, source, line, safe))

    def table(self) -> pa.Table:
        """The refused rows as the rejects table, in the order they were met."""
        if not self._rows:
            return REJECTS.schema.empty_table()
        by_column = zip(*self._rows, strict=True)
        names = (c.REASON_CODE, c.SOURCE, c.LINE, c.RAW_VALUE)
        arrays = {
            name: pa.array(values, REJECTS.schema.field(name).type)
            for name, values in zip(names, by_column, strict=True)
        }
        return check(pa.table(arrays), REJECTS, source=self.source)
