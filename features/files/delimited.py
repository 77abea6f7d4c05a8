"""Rows of delimited text (TSV, CSV): quoted fields, line breaks inside them, and broken quotes that swallow nothing."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from features.errors import SchemaError
from features.files.opening import FileLimits, Line, read_lines
from features.files.rejects import RejectLog, shown

MAX_FIELD_CHARACTERS: Final = 131_072
DELIMITERS: Final = ("\t", ",", ";", "|")


@dataclass(frozen=True)
class Delimited:
    """A delimited file, its rows read as they are asked for.

    Attributes:
        names: column names from the header, as the caller wants them spelled.
        rows: (line on which the row starts, one text per column); refused rows are in the log instead.
    """

    names: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]


class _UnclosedError(Exception):
    """A quoted field runs into a bad line, or on and on."""


def read_delimited(
    stream: BinaryIO,
    *,
    path: Path,
    log: RejectLog,
    limits: FileLimits,
    delimiter: str | None = None,
    names: tuple[str, ...] | None = None,
    number_repeated: bool = False,
    spell: Callable[[str], str] = str.strip,
) -> Delimited:
    """The header and the rows of a delimited file.

    Args:
        stream: bytes of the file.
        path: its name, for messages.
        log: receives refused rows: `wrong_column_count`, `malformed_quotes`, `value_too_long`, `line_too_long`,
            `nul_byte`, `invalid_utf8`.
        limits: bounds on lines.
        delimiter: one character; None = the first of tab, comma, semicolon, bar that the header holds.
        names: column names of a file without header; None = the first line names them.
        number_repeated: a column named like an earlier one becomes `name#2`, instead of stopping the file.
        spell: header text -> column name.

    Raises:
        SchemaError: no header, a header that cannot be read, or one that names a column twice.

    Invariants: every line that is not blank is part of exactly one yielded row or is in the log; a quote that is
        never closed costs its own line only.
    """
    lines = (line for line in read_lines(stream, path=path, limits=limits) if not _blank(line))
    if names is not None:
        splitter = _Splitter(lines, delimiter or ",", len(names), log, limits.max_line_bytes)
        return Delimited(names, splitter.rows())
    first = next(lines, None)
    if first is None:
        raise _no_header(path, "is empty")
    if first.problem or "\r" in first.text.rstrip("\r\n"):
        problem = first.problem or "bare carriage returns as line ends"
        raise _no_header(path, f"its first line has {problem}")
    separator = delimiter or next((d for d in DELIMITERS if d in first.text), "\t")
    header = _parse([first.text], separator)
    if header is None:
        raise _no_header(path, f"its first line has broken quotes: {shown(first.text)}")
    found = tuple(spell(name) or f"column_{n}" for n, name in enumerate(header, start=1))
    if number_repeated:
        found = _numbered(found)
    _refuse_repeated(found, path)
    splitter = _Splitter(lines, separator, len(found), log, limits.max_line_bytes)
    return Delimited(found, splitter.rows())


class _Splitter:
    def __init__(
        self, lines: Iterator[Line], delimiter: str, width: int, log: RejectLog, max_row: int
    ) -> None:
        self._lines, self._delimiter, self._width = lines, delimiter, width
        self._log, self._max_row = log, max_row

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        for line in self._lines:
            if line.problem or '"' not in line.text:
                yield from self._single(line)
            else:
                yield from self._quoted(line)

    def _quoted(self, first: Line) -> Iterator[tuple[int, list[str]]]:
        """A row that may run over several lines; if it does not end well, each line stands alone."""
        taken = [first]
        fields = self._whole_row(taken)
        if fields is not None and (len(taken) == 1 or len(fields) == self._width):
            yield from self._checked(first, fields)
            return
        for line in taken:
            yield from self._single(line)

    def _whole_row(self, taken: list[Line]) -> list[str] | None:
        def tape() -> Iterator[str]:
            size = len(taken[0].text)
            yield taken[0].text
            for line in self._lines:
                taken.append(line)
                size += len(line.text)
                if line.problem or size > self._max_row:
                    raise _UnclosedError
                yield line.text

        try:
            return _parse(tape(), self._delimiter)
        except _UnclosedError:
            return None

    def _single(self, line: Line) -> Iterator[tuple[int, list[str]]]:
        if line.problem:
            self._log.add(line.problem, line=line.number, value=line.text.rstrip("\r\n"))
            return
        if '"' not in line.text:
            fields: list[str] | None = line.text.rstrip("\r\n").split(self._delimiter)
        else:
            fields = _parse([line.text], self._delimiter)
        if fields is None:
            self._log.add("malformed_quotes", line=line.number, value=line.text.rstrip("\r\n"))
            return
        yield from self._checked(line, fields)

    def _checked(self, line: Line, fields: list[str]) -> Iterator[tuple[int, list[str]]]:
        if len(fields) != self._width:
            self._log.add("wrong_column_count", line=line.number, value=line.text.rstrip("\r\n"))
        elif any(len(field) > MAX_FIELD_CHARACTERS for field in fields):
            self._log.add("value_too_long", line=line.number, value=line.text.rstrip("\r\n"))
        else:
            yield line.number, fields


def _parse(texts: Iterator[str] | list[str], delimiter: str) -> list[str] | None:
    """The first row of the texts by the rules of the csv module; None when its quotes are broken."""
    try:
        return next(csv.reader(texts, delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration):
        return None


def _blank(line: Line) -> bool:
    return line.problem is None and not line.text.strip("\r\n ")


def _numbered(names: tuple[str, ...]) -> tuple[str, ...]:
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return tuple(numbered)


def _refuse_repeated(names: tuple[str, ...], path: Path) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise SchemaError(
            str(path),
            f"two columns are named '{repeated[0]}'",
            rule="a header names each column once",
            next_step="Rename or remove one of them.",
        )


def _no_header(path: Path, found: str) -> SchemaError:
    return SchemaError(
        str(path),
        found,
        rule="the first line of a delimited file names its columns",
        next_step="Write the column names on the first line, in UTF-8.",
    )
