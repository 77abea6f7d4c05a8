"""Suppression lists of the CRM: persons whom no export names, applied last, whatever else speaks for them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from features import columns as c
from features.catalog.moments import parse_moment
from features.errors import InputError
from serving.exports.person_lists import ID_COLUMNS, KnownIds, read_list

_FROM: Final = c.STARTS
_UNTIL: Final = c.ENDS


def suppressed_persons(paths: list[Path], known: KnownIds, *, as_of: datetime) -> frozenset[str]:
    """Persons on any of the lists at a moment.

    Args:
        paths: CSV, TSV or Parquet with `person_id` or `user_id`, and where it ends or begins `starts` and `ends` (ISO
            8601; empty = since ever, for good).
        known: who the ids are; ids of nobody suppress nobody.
        as_of: the moment of export.

    Raises:
        InputError: a list is missing, broken, or has a date that cannot be read: nothing is exported then.
    """
    found: set[str] = set()
    for path in paths:
        rows = read_list(path, subject="a suppression list", known=(*ID_COLUMNS, _FROM, _UNTIL))
        for row in rows:
            starts, ends = _moment(row, _FROM, path), _moment(row, _UNTIL, path)
            in_force = (starts is None or starts <= as_of) and (ends is None or as_of < ends)
            person = known.resolve(row)
            if in_force and person is not None:
                found.add(person)
    return frozenset(found)


def _moment(row: dict[str, str], name: str, path: Path) -> datetime | None:
    written = row.get(name, "")
    if not written:
        return None
    moment = parse_moment(written)
    if moment is None:
        raise InputError(
            str(path),
            f"has '{name}: {written[:40]}'",
            rule="a date of a suppression list is ISO 8601, such as 2017-12-25",
            next_step="Mend the date; while it cannot be read nothing is exported.",
        )
    return moment
