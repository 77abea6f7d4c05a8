"""What every export has in common: rows, the format that writes and reads them, and what was left out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from features.errors import GateError

SCHEMA_VERSION: Final = "1"
"""Version of the columns of our own formats; a changed column is another version."""

Row = tuple[str, ...]
"""One row of a file, as the texts that stand in it."""


class Format(Protocol):
    """How rows become a file and are found again in it."""

    @property
    def suffix(self) -> str:
        """End of the file name, with its dot."""

    def write(self, path: Path, rows: Sequence[Row]) -> None:
        """Write the rows; the same rows give the same bytes."""

    def read(self, path: Path) -> list[Row]:
        """The rows of a file, through the parser a platform would use.

        Raises:
            FaultError: the file is not of this format.
        """

    def faults(self, path: Path) -> Iterator[str]:
        """Everything in a written file that its platform would refuse, in words; also what `read` raises."""


class FaultError(Exception):
    """A file that its platform would refuse, in words."""


@dataclass(frozen=True)
class Prepared:
    """The rows of one file, not yet written.

    Attributes:
        part: name of the part of a split audience; "" = the export is one file.
        rows: sorted, each once.
        persons: persons they stand for; 0 = they are items.
        drops: what was left out, by reason.
        warnings: what somebody should know, in words.
        keys: places of the cells that say whom a row of an audience is about.
    """

    part: str
    rows: tuple[Row, ...]
    persons: int = 0
    drops: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    keys: tuple[int, ...] = ()


@dataclass(frozen=True)
class Unavailable:
    """An export that cannot be made of what is known.

    Attributes:
        why: in a sentence.
    """

    why: str


Outcome = list[Prepared] | Unavailable


def number_in(text: str) -> float | None:
    """The finite number a cell holds; None = it holds none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def distinct_rows(
    rows: Iterable[Row], problem: Callable[[Row], str | None]
) -> tuple[tuple[Row, ...], Counter[str]]:
    """The rows without problem, sorted, each once, and how many were left out for what."""
    drops: Counter[str] = Counter()
    kept: set[Row] = set()
    for row in rows:
        found = problem(row)
        if found is None:
            kept.add(row)
        else:
            drops[found] += 1
    return tuple(sorted(kept)), drops


def require_valid(path: Path, format_: Format, rows: Sequence[Row]) -> None:
    """Read a written file again from disk and demand that it holds these rows and nothing its platform refuses.

    Raises:
        GateError: it does not; nothing is published then.
    """
    faults = list(format_.faults(path))
    if not faults and format_.read(path) != list(rows):
        faults = ["read again, it holds other rows than were written"]
    if faults:
        raise GateError(
            f"export {path.name}",
            f"{faults[0]}" + (f", and {len(faults) - 1} more faults" if len(faults) > 1 else ""),
            rule="a file that its platform would refuse is not published; the last good export stays",
            next_step="This is a defect: please report it with the config.",
        )
