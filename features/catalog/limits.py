"""Platform limits, read by key from the dated table `limits.csv`.

A vendor's number changes without notice, so none of them stands in code. Every row says on which day it was compared with
what. A limit whose source was not the vendor's own page gives a warning and not an error, until somebody opens the live
page and writes the day, and `page`, into the row.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from features.errors import ConfigError
from features.provenance import content_hash

LIMITS_FILE: Final = Path(__file__).with_name("limits.csv")
FIELDS: Final = (
    "platform", "object", "field", "limit", "unit", "severity", "source", "mark", "date_checked",
    "checked_against",
)  # fmt: skip
MARKS: Final = ("C", "C*", "S", "C/S", "U", "P")
"""C the vendor's page, C* the vendor's text seen elsewhere, S secondary, C/S mixed, U unverified, P our own rule."""

AGAINST: Final = {
    "notes": "our notes on the vendor's format",
    "copy": "a stored copy of the vendor's page",
    "page": "the vendor's live page",
}
"""What a row was compared with, in words; only the live page takes doubt away."""

_LIVE: Final = "page"
_DOUBTFUL: Final = ("S", "C/S", "U")
_COMPILED: Final = re.compile(r"# compiled (\d{4}-\d{2}-\d{2})")


class Severity(StrEnum):
    """What a broken rule does: `ERROR` removes the item, `WARNING` is counted, `ADVICE` is only listed."""

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


@dataclass(frozen=True)
class Limit:
    """One row of the table.

    Attributes:
        key: `platform.object.field.unit`, unique.
        limit: the largest allowed number (the smallest, where the unit ends in `_minimum`), in `unit`.
        unit: what is counted: characters, bytes, values, rows, hours, days ...
        stated: severity if the limit is certain.
        source: page it was read on; empty = none recorded.
        mark: how sure it is, see `MARKS`.
        date_checked: day it was last compared; None = never.
        checked_against: what it was compared with, a key of `AGAINST`; "" = nothing.
    """

    key: str
    limit: int
    unit: str
    stated: Severity
    source: str
    mark: str
    date_checked: date | None
    checked_against: str

    @property
    def severity(self) -> Severity:
        """The severity to apply: an error only where the limit is certain."""
        doubtful = self.mark in _DOUBTFUL and self.checked_against != _LIVE
        return Severity.WARNING if doubtful and self.stated is Severity.ERROR else self.stated

    def __str__(self) -> str:
        """The limit and how sure it is, for a report."""
        day = self.date_checked
        checked = (
            "never checked"
            if day is None
            else f"checked {day} against {AGAINST[self.checked_against]}"
        )
        return f"{self.key} {self.limit:,}, mark {self.mark}, {checked}"


class Limits(Mapping[str, Limit]):
    """All limits by key.

    Attributes:
        compiled: the date of the file, for the manifest of a run.
        version: content hash of the file, for the manifest of a run.
    """

    def __init__(self, limits: Mapping[str, Limit], *, compiled: date, version: str) -> None:
        self._limits = dict(limits)
        self.compiled = compiled
        self.version = version

    def __getitem__(self, key: str) -> Limit:
        if key not in self._limits:
            near = difflib.get_close_matches(key, self._limits, n=1)
            raise ConfigError(
                f"limit '{key}'",
                "is not in the table of limits",
                rule="a limit is read by platform.object.field.unit",
                next_step=f"Did you mean '{near[0]}'?" if near else f"Add a row to {LIMITS_FILE}.",
            )
        return self._limits[key]

    def __contains__(self, key: object) -> bool:
        return key in self._limits

    def __iter__(self) -> Iterator[str]:
        return iter(self._limits)

    def __len__(self) -> int:
        return len(self._limits)

    def under(self, prefix: str, *, unit: str) -> dict[str, Limit]:
        """Limits of one object in one unit, by field: `under("google_merchant.item", unit="characters")`."""
        start, end = f"{prefix}.", f".{unit}"
        return {
            key.removeprefix(start).removesuffix(end): limit
            for key, limit in self._limits.items()
            if key.startswith(start) and key.endswith(end)
        }


@cache
def read_limits(path: Path = LIMITS_FILE) -> Limits:
    """The table of limits.

    Raises:
        ConfigError: the file is missing, undated, or a row is wrong; the message names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _broken(path, f"cannot be read ({error.strerror})") from None
    lines = content.decode("utf-8").splitlines()
    compiled = _compiled(lines[0] if lines else "", path)
    rows = list(csv.DictReader(lines[1:]))
    limits: dict[str, Limit] = {}
    for number, row in enumerate(rows, start=3):
        limit = _parse(row, path, number, compiled)
        if limit.key in limits:
            raise _broken(path, f"line {number}: '{limit.key}' stands there twice")
        limits[limit.key] = limit
    return Limits(limits, compiled=compiled, version=content_hash(content))


def _compiled(first: str, path: Path) -> date:
    dated = _COMPILED.match(first)
    if dated is None:
        raise _broken(path, "line 1 does not say '# compiled YYYY-MM-DD'")
    try:
        return date.fromisoformat(dated.group(1))
    except ValueError as error:
        raise _broken(path, f"line 1: {error}") from None


def _parse(row: dict[str, str], path: Path, number: int, compiled: date) -> Limit:
    if tuple(row) != FIELDS or None in row.values():
        raise _broken(path, f"line {number}: its columns are not {', '.join(FIELDS)}")
    if row["mark"] not in MARKS:
        raise _broken(path, f"line {number}: unknown mark {row['mark']!r}")
    checked, against = row["date_checked"], row["checked_against"]
    if bool(checked) != bool(against) or (against and against not in AGAINST):
        raise _broken(
            path,
            f"line {number}: compared on {checked or 'no day'} with {against or 'nothing'}; both are given or "
            f"neither, and it is one of {', '.join(AGAINST)}",
        )
    try:
        limit = Limit(
            key=f"{row['platform']}.{row['object']}.{row['field']}.{row['unit']}",
            limit=int(row["limit"]),
            unit=row["unit"],
            stated=Severity(row["severity"]),
            source=row["source"],
            mark=row["mark"],
            date_checked=date.fromisoformat(checked) if checked else None,
            checked_against=against,
        )
    except ValueError as error:
        raise _broken(path, f"line {number}: {error}") from None
    if limit.date_checked is not None and limit.date_checked > compiled:
        raise _broken(path, f"line {number}: checked on {checked}, after the table was compiled")
    return limit


def _broken(path: Path, found: str) -> ConfigError:
    return ConfigError(
        str(path),
        found,
        rule="the table of limits is a dated CSV file, one row per limit",
        next_step="Correct the file.",
    )
