"""Contacts of persons, read from a file of the client at the moment of export; in clear they exist in memory only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field

from features.config import BaseConfig
from serving.exports.person_lists import ID_COLUMNS, KnownIds, read_list

E_MAIL: Final = "email"
PHONE: Final = "phone"
FIRST_NAME: Final = "first_name"
LAST_NAME: Final = "last_name"
CITY: Final = "city"
STATE: Final = "state"
ZIP: Final = "zip"
COUNTRY: Final = "country"
FIELDS: Final = (E_MAIL, PHONE, FIRST_NAME, LAST_NAME, CITY, STATE, ZIP, COUNTRY)
"""Columns of a contacts file, beside the id."""


class ContactsConfig(BaseConfig):
    """Where e-mail addresses and phone numbers are. The file stays where it is: only hashes are written."""

    file: str
    """CSV, TSV or Parquet, relative to the config: person_id or user_id, and any of email, phone, first_name, last_name,
    city, state, zip, country. A person may have several rows."""

    calling_code: str | None = Field(default=None, pattern=r"^[1-9][0-9]{0,2}$")
    """Country code of phone numbers written without one; left out = such numbers are left out."""


@dataclass(frozen=True, eq=False)
class Contacts:
    """What is known of how to reach persons.

    Attributes:
        rows: the rows of each person; a missing field is "".
        unknown: rows of nobody of today.
        calling_code: country code of phone numbers without one.
    """

    rows: dict[str, list[dict[str, str]]]
    unknown: int
    calling_code: str | None

    def of(self, person: str) -> list[dict[str, str]]:
        """The rows of a person; none for a person without contact."""
        return self.rows.get(person, [])


def read_contacts(config: ContactsConfig, known: KnownIds, *, folder: Path) -> Contacts:
    """The contacts of everybody known today.

    Args:
        config: the file and the country of its phones.
        known: who the ids are.
        folder: where relative paths start.

    Raises:
        InputError: the file cannot be read whole.
    """
    path = (folder / config.file).resolve()
    persons: dict[str, list[dict[str, str]]] = {}
    unknown = 0
    for row in read_list(path, subject="a contacts file", known=(*ID_COLUMNS, *FIELDS)):
        person = known.resolve(row)
        if person is None:
            unknown += 1
        else:
            persons.setdefault(person, []).append({name: row.get(name, "") for name in FIELDS})
    return Contacts(persons, unknown, config.calling_code)
