"""A table of the report: cells with the number behind their text, and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: as it is shown.
        told: population, convention and interval in words, for whoever asks.
        value: the number it shows, by which rows are sorted and which a download has in full; None = a text, or not known.
        low, high: ends of its interval.
    """

    text: str
    told: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                object.__setattr__(self, name, None)


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        cells: as many as the table has columns.
        mark: how it stands out: "chosen" = bold, "bad" = in the colour of warnings, "" = like the others.
    """

    cells: tuple[Cell, ...]
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table with its title.

    Attributes:
        title: of the table, and of the file it is downloaded as.
        head: names of the columns.
        rows: in order.
        note: stands below it.
        about: population and convention of the numbers of a column, by its name; a cell's own text comes first.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    about: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def right(self) -> frozenset[int]:
        """Places of the columns of numbers."""
        return frozenset(
            place
            for place in range(len(self.head))
            if any(row.cells[place].value is not None for row in self.rows)
        )

    def told(self, place: int, cell: Cell) -> str:
        """What the figure of a cell rests on; nothing behind a cell without a figure.

        Args:
            place: of its column.
            cell: the cell.
        """
        return cell.told or (self.about.get(self.head[place], "") if cell.value is not None else "")


def row(*cells: Cell | str, mark: str = "") -> Row:
    """A row; texts become cells."""
    return Row(tuple(Cell(cell) if isinstance(cell, str) else cell for cell in cells), mark)


def figure(text: str, value: Any, *, told: str = "", low: Any = None, high: Any = None) -> Cell:
    """A cell with the number behind its text."""
    return Cell(text, told, *(None if one is None else float(one) for one in (value, low, high)))
