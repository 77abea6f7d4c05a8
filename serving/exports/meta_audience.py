"""Meta custom audiences: request payloads of hashed contacts and the client's own ids, one payload a line.

Source: Meta, customer-file custom audiences: schema keys, hashing, at most 10,000 rows per request.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from features.catalog.limits import read_limits
from features.run import write_text
from serving.exports import contacts as k
from serving.exports import hashing
from serving.exports.audiences import AudienceConfig, RowsOf, prepare_audience
from serving.exports.base import FaultError, Format, Outcome, Row
from serving.exports.contacts import Contacts
from serving.exports.facts import ExportFacts
from serving.exports.inert import id_problem, json_line
from serving.exports.matching import hashed, nothing_matches
from serving.exports.person_lists import KnownIds

SCHEMA: Final = ("EXTERN_ID", "EMAIL", "PHONE", "FN", "LN", "CT", "ST", "ZIP", "COUNTRY")
"""Keys of a row; all but the first are hashed."""

KEYS: Final = (0, 1, 2)
"""Own id, e-mail and phone say whom a row is about."""

_HEX: Final = re.compile(r"[0-9a-f]{64}")
_PAYLOAD: Final = {"schema", "data"}


class MetaAudienceConfig(AudienceConfig):
    """An audience for Meta: the client's own ids, and contacts where there is a contacts file."""

    kind: Literal["meta_audience"]


def prepare(name: str, config: MetaAudienceConfig, facts: ExportFacts) -> Outcome:
    """A row per contact of each person to contact, with the client's own id; a row per further own id."""
    return prepare_audience(
        name, config, facts, rows_of(facts.known, facts.contacts), row_problem, keys=KEYS
    )


def rows_of(known: KnownIds, contacts: Contacts | None) -> RowsOf:
    """The rows of a person: contacts under the first own id, further own ids alone."""

    def of(person: str, drops: Counter[str]) -> list[Row]:
        ids = []
        for own in known.own_ids(person):
            problem = id_problem(own)
            if problem is None:
                ids.append(own)
            else:
                drops[problem] += 1
        first = ids[0] if ids else ""
        reached = [] if contacts is None else _hashed(contacts, person, drops)
        found = [(first, *hashes) for hashes in reached if not nothing_matches(hashes)]
        alone = ids[1:] if found else ids
        return [*found, *((own, *("",) * (len(SCHEMA) - 1)) for own in alone)]

    return of


def _hashed(contacts: Contacts, person: str, drops: Counter[str]) -> list[Row]:
    return [_hashes(row, contacts.calling_code, drops) for row in contacts.of(person)]


def _hashes(contact: dict[str, str], calling_code: str | None, drops: Counter[str]) -> Row:
    def digits(text: str) -> str:
        return hashing.phone_digits(text, calling_code=calling_code)

    def small_country(text: str) -> str:
        return hashing.country(text).lower()

    return (
        hashed(contact[k.E_MAIL], hashing.e_mail, drops),
        hashed(contact[k.PHONE], digits, drops),
        hashed(contact[k.FIRST_NAME], hashing.meta_name, drops),
        hashed(contact[k.LAST_NAME], hashing.meta_name, drops),
        hashed(contact[k.CITY], hashing.letters, drops),
        hashed(contact[k.STATE], hashing.letters, drops),
        hashed(contact[k.ZIP], hashing.meta_zip, drops),
        hashed(contact[k.COUNTRY], small_country, drops),
    )


@dataclass(frozen=True)
class MetaAudienceFormat:
    """Payloads in JSON, one a line, each with as many rows as a request may have."""

    rows_per_request: int

    @property
    def suffix(self) -> str:
        return ".jsonl"

    def write(self, path: Path, rows: Sequence[Row]) -> None:
        size = self.rows_per_request
        lines = [
            json_line({"schema": list(SCHEMA), "data": [list(row) for row in rows[at : at + size]]})
            for at in range(0, len(rows), size)
        ]
        write_text(path, "".join(lines))

    def read(self, path: Path) -> list[Row]:
        return [tuple(row) for payload in self._payloads(path) for row in payload["data"]]

    def faults(self, path: Path) -> Iterator[str]:
        try:
            payloads = self._payloads(path)
        except FaultError as fault:
            yield str(fault)
            return
        for number, payload in enumerate(payloads, start=1):
            if len(payload["data"]) > self.rows_per_request:
                yield f"request {number}: more than {self.rows_per_request} rows"
            for row in payload["data"]:
                problem = row_problem(row)
                if problem is not None:
                    yield f"request {number}: {problem}"

    def _payloads(self, path: Path) -> list[dict[str, list[list[str]]]]:
        try:
            lines = path.read_bytes().decode("ascii").splitlines()
            payloads = [json.loads(line) for line in lines]
        except ValueError as error:
            raise FaultError(f"is no JSON in ASCII ({error})") from None
        for payload in payloads:
            if not isinstance(payload, dict) or set(payload) != _PAYLOAD:
                raise FaultError("a payload has not exactly 'schema' and 'data'")
            if payload["schema"] != list(SCHEMA):
                raise FaultError(f"a schema is not {', '.join(SCHEMA)}")
        return payloads


def file_format(_: MetaAudienceConfig, __: ExportFacts) -> Format:
    """JSON lines, a request a line."""
    return payloads()


def payloads() -> Format:
    """The format of any list of persons for Meta, with the number of rows it allows in a request."""
    return MetaAudienceFormat(read_limits()["meta.audience.request.rows"].limit)


def row_problem(row: Sequence[str]) -> str | None:
    """Why Meta would refuse a row, or match nobody by it."""
    if len(row) != len(SCHEMA) or not all(isinstance(text, str) for text in row):
        return "wrong_columns"
    own, *hashes = row
    if nothing_matches(row):
        return "nothing_to_match"
    if any(text and _HEX.fullmatch(text) is None for text in hashes):
        return "not_hashed"
    return id_problem(own) if own else None
