"""CSV and TSV as platforms read them: UTF-8, a header, quotes only where needed, every cell inert."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from features.run import write_text
from serving.exports.base import FaultError, Row
from serving.exports.inert import clean_text, looks_like_formula


@dataclass(frozen=True)
class DelimitedFormat:
    """Rows of text under a header.

    Attributes:
        columns: names in the header, in order.
        delimiter: between the cells.
        row_problem: why a platform would refuse a row; None = it would not.
        unique: places of the cells that together occur once; empty = any row may repeat.
        numbers: places of cells that hold a number, which may be below zero.
    """

    columns: tuple[str, ...]
    delimiter: str = ","
    row_problem: Callable[[Row], str | None] = lambda _: None
    unique: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()

    @property
    def suffix(self) -> str:
        return ".tsv" if self.delimiter == "\t" else ".csv"

    def write(self, path: Path, rows: Sequence[Row]) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=self.delimiter, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(rows)
        write_text(path, text.getvalue())

    def read(self, path: Path) -> list[Row]:
        try:
            text = path.read_bytes().decode("utf-8")
            lines = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter, strict=True)
            header, *rows = (tuple(line) for line in lines)
        except (UnicodeDecodeError, csv.Error, ValueError) as error:
            raise FaultError(f"cannot be read ({error})") from None
        if header != self.columns:
            raise FaultError(f"its header is {', '.join(header)}, not {', '.join(self.columns)}")
        return rows

    def faults(self, path: Path) -> Iterator[str]:
        try:
            rows = self.read(path)
        except FaultError as fault:
            yield str(fault)
            return
        seen: set[Row] = set()
        for number, row in enumerate(rows, start=2):
            problem = self._problem(row)
            if problem is not None:
                yield f"row {number}: {problem}"
                continue
            key = tuple(row[place] for place in self.unique)
            if key and key in seen:
                yield f"row {number}: {self._named()} occur twice"
            seen.add(key)

    def _problem(self, row: Row) -> str | None:
        if len(row) != len(self.columns):
            return f"{len(row)} cells under {len(self.columns)} names"
        for place, text in enumerate(row):
            if clean_text(text) != text:
                return f"'{self.columns[place]}' holds a control or invisible character"
            if looks_like_formula(text) and place not in self.numbers:
                return f"'{self.columns[place]}' starts like a formula"
        return self.row_problem(row)

    def _named(self) -> str:
        return " and ".join(f"'{self.columns[place]}'" for place in self.unique)
