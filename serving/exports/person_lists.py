"""Lists of persons that come as files: read whole or not at all, their ids resolved to persons of today."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.errors import InputError
from features.files.delimited import read_delimited
from features.files.opening import FileLimits, open_bytes
from features.files.rejects import RejectLog
from features.ingest.identity import LOGIN
from features.run import read_parquet

ID_COLUMNS: Final = (c.PERSON_ID, c.USER_ID)
"""Columns that say who a row is about."""


@dataclass(frozen=True, eq=False)
class KnownIds:
    """Who the ids of a list are.

    Attributes:
        persons: person ids of today.
        merged_into: persons of earlier days that have become one with a person of today.
        person_of_user: person of each login; None = the source knows every person by an id of its own.
    """

    persons: frozenset[str]
    merged_into: dict[str, str]
    person_of_user: dict[str, str] | None

    @classmethod
    def of(
        cls, persons: pa.Table, identities: pa.Table | None, merges: pa.Table | None
    ) -> KnownIds:
        """The ids of the persons table and, where there are such, of the identities and person-merges tables."""
        ids = frozenset(persons[c.PERSON_ID].to_pylist())
        merged = {} if merges is None else _pairs(merges, c.PERSON_ID, c.MERGED_INTO)
        if identities is None:
            return cls(ids, merged, None)
        login = pc.starts_with(identities[c.IDENTITY], LOGIN)
        usable = identities.filter(pc.and_not(login, identities[c.QUARANTINED]))
        named = _pairs(usable, c.IDENTITY, c.PERSON_ID)
        users = {user.removeprefix(LOGIN): named[user] for user in sorted(named)}
        return cls(ids, merged, {user: person for user, person in users.items() if person in ids})

    def resolve(self, row: dict[str, str]) -> str | None:
        """The person of a row of a list; None = nobody of today."""
        written = row.get(c.PERSON_ID, "")
        person = self.merged_into.get(written, written)
        if person in self.persons:
            return person
        user = row.get(c.USER_ID, "")
        if self.person_of_user is None:
            return user if user in self.persons else None
        return self.person_of_user.get(user)

    def own_ids(self, person: str) -> tuple[str, ...]:
        """The ids under which the client's own systems know a person: logins, or else the person's id; none for a visitor."""
        if self.person_of_user is None:
            return (person,)
        return self._users_of.get(person, ())

    @cached_property
    def _users_of(self) -> dict[str, tuple[str, ...]]:
        users: dict[str, tuple[str, ...]] = {}
        for user, person in (self.person_of_user or {}).items():
            users[person] = (*users.get(person, ()), user)
        return users


def _pairs(table: pa.Table, key: str, value: str) -> dict[str, str]:
    return dict(zip(table[key].to_pylist(), table[value].to_pylist(), strict=True))


def read_list(path: Path, *, subject: str, known: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV, TSV or Parquet list of persons, every value as text without blanks around it.

    Args:
        path: the file.
        subject: what it is, for messages; they show no value of it.
        known: names of the columns that are read; others are left alone.

    Raises:
        InputError: it cannot be read whole, or has none of `person_id`, `user_id`.
    """
    names, rows = _parquet(path, subject) if path.suffix == ".parquet" else _text(path, subject)
    if not any(name in ID_COLUMNS for name in names):
        raise _refused(path, subject, f"has the columns {', '.join(names)}")
    places = [(place, name) for place, name in enumerate(names) if name in known]
    return [{name: (row[place] or "").strip() for place, name in places} for row in rows]


def _text(path: Path, subject: str) -> tuple[tuple[str, ...], list[list[str]]]:
    limits, log = FileLimits(), RejectLog(path.name, private=True)
    with open_bytes(path, limits=limits) as stream:
        read = read_delimited(stream, path=path, log=log, limits=limits)
        rows = [fields for _, fields in read.rows]
    if len(log):
        first = log.table().to_pylist()[0]
        found = f"cannot be read in line {first[c.LINE]} ({first[c.REASON_CODE]})"
        raise _refused(path, subject, found)
    return read.names, rows


def _parquet(path: Path, subject: str) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    table = read_parquet(path)
    try:
        texts = [column.cast(pa.string()).to_pylist() for column in table.columns]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise _refused(path, subject, "has columns that are no text") from None
    return tuple(table.column_names), zip(*texts, strict=True)


def _refused(path: Path, subject: str, found: str) -> InputError:
    return InputError(
        str(path),
        found,
        rule=f"{subject} has a header, one of the columns {', '.join(ID_COLUMNS)}, and no broken line",
        next_step="Mend the file; a list that is read in part protects in part, so nothing is exported.",
    )
