"""Published files read row by row, whatever their platform: who is named, which items are offered, what stands in cells."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.parquet as pq

from serving.audit.contacts import ContactHashes
from serving.audit.identities import Identities

SUPPRESSES: Final = "suppression_list"
"""The one kind of export whose persons are left out by its platform instead of being contacted."""

_BATCH: Final = "personalize"
_PERSON_KEYS: Final = ("person_id", "userId")
_LOGIN_KEY: Final = "EXTERN_ID"
_HASH_KEYS: Final = (
    "Email", "Phone", "First Name", "Last Name", "EMAIL", "PHONE", "FN", "LN", "CT", "ST", "ZIP", "COUNTRY",
)  # fmt: skip
"""Columns that hold hashes; Google's `Country` and `Zip` are not hashed and not spelled like Meta's."""

_ITEM_KEYS: Final = ("item_id", "itemId", "ID", "id")
_PRICE_KEYS: Final = {"price": "list", "Price": "list", "sale_price": "sale", "Sale price": "sale"}
_AVAILABILITY: Final = "availability"
_ADS_ID: Final = "ID"
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?")

Offer = tuple[str, float | None, str, str | None]
"""Item, price, which price it is, availability as said."""


@dataclass(frozen=True)
class Record:
    """One row of a file.

    Attributes:
        line: line of the file, from 1.
        texts: what stands in it, by name.
    """

    line: int
    texts: Mapping[str, str]

    def person(self, identities: Identities) -> str | None:
        """The person named by an id; None = there is no id."""
        for key in _PERSON_KEYS:
            if self.texts.get(key):
                return identities.person(self.texts[key])
        own = self.texts.get(_LOGIN_KEY)
        return identities.of_login(own) if own else None

    def persons(self, identities: Identities, hashes: ContactHashes | None) -> tuple[str, ...]:
        """Everybody named by an id, or by a contact that is nobody else's."""
        named = self.person(identities)
        if named is not None:
            return (named,)
        if hashes is None:
            return ()
        traced = {who for text in self.hashes() for who in hashes.persons.get(text, ())}
        return tuple(traced) if len(traced) == 1 else ()

    def hashes(self) -> tuple[str, ...]:
        """The cells that have to be hashes."""
        return tuple(self.texts[key] for key in _HASH_KEYS if self.texts.get(key))

    def ids(self) -> tuple[str, ...]:
        """The cells that name persons and items."""
        keys = (*_PERSON_KEYS, _LOGIN_KEY, *_ITEM_KEYS)
        return tuple(self.texts[key] for key in keys if self.texts.get(key))

    def offers(self) -> Iterator[Offer]:
        """The item with each price that is said of it; a list of a person states the catalog's price."""
        item = next((self.texts[key] for key in _ITEM_KEYS if self.texts.get(key)), None)
        if item is None:
            return
        of_feed = not any(key in self.texts for key in (*_PERSON_KEYS, _LOGIN_KEY, "itemId"))
        said = self.texts.get(_AVAILABILITY, "in_stock" if _ADS_ID in self.texts else None)
        prices = {kind: self.texts[key] for key, kind in _PRICE_KEYS.items() if self.texts.get(key)}
        if not of_feed:
            yield item, _number(prices.get("list", "")), "catalog", None
            return
        yield item, _number(prices.get("list", "")), "list", said
        if "sale" in prices:
            yield item, _number(prices["sale"]), "sale", said


@dataclass(frozen=True)
class Published:
    """One file of an export.

    Attributes:
        place: `export/<file>`, for findings.
        export: name of the export it belongs to.
        kind: of the export.
        part: of a split audience.
        content: `full`, `add` or `remove`.
        rows_told: rows that exports.json says it has.
        persons_told: persons that exports.json says they stand for.
        records: its rows.
        fault: why it could not be read; "" = it could.
    """

    place: str
    export: str
    kind: str
    part: str
    content: str
    rows_told: int
    persons_told: int
    records: tuple[Record, ...]
    fault: str

    @property
    def targets(self) -> bool:
        """Whether its persons are contacted: not those of a suppression list."""
        return self.kind != SUPPRESSES and self.names

    @property
    def names(self) -> bool:
        """Whether it tells its platform of persons it shall keep; who leaves an audience has to be named to leave."""
        return self.content != "remove"

    @property
    def rows(self) -> int:
        """Rows as exports.json counts them: a query with all its results is one."""
        lines = {record.line for record in self.records}
        return len(lines) if self.kind == _BATCH else len(self.records)


def read_published(folder: Path, entry: Mapping[str, Any], file: Mapping[str, Any]) -> Published:
    """Read a file that exports.json lists; one that cannot be read has a fault and no rows."""
    path = folder / file["file"]
    try:
        records, fault = tuple(_READERS[path.suffix](path)), ""
    except (OSError, ValueError, KeyError, TypeError, csv.Error, ET.ParseError) as error:
        records, fault = (), f"cannot be read ({type(error).__name__})"
    return Published(
        place=f"export/{file['file']}",
        export=entry["name"],
        kind=entry["kind"],
        part=file["part"],
        content=file["content"],
        rows_told=file["rows"],
        persons_told=file["persons"],
        records=records,
        fault=fault,
    )


def _delimited(path: Path) -> Iterator[Record]:
    delimiter = "\t" if path.suffix == ".tsv" else ","
    text = io.StringIO(path.read_bytes().decode("utf-8"), newline="")
    rows = csv.DictReader(text, delimiter=delimiter, strict=True)
    for row in rows:
        yield Record(rows.line_num, {str(name): value or "" for name, value in row.items()})


def _json_lines(path: Path) -> Iterator[Record]:
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        for row in _flat(json.loads(text)):
            yield Record(line, row)


def _flat(content: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The rows of one JSON object: a request of many rows, a query with its results, or a row itself."""
    if "schema" in content:
        for row in content["data"]:
            yield dict(zip(content["schema"], row, strict=True))
    elif "input" in content:
        asked, output = content["input"], content["output"] or {}
        items, users = output.get("recommendedItems", ()), output.get("recommendedUsers", ())
        yield from ({**asked, "itemId": item} for item in items)
        yield from ({**asked, "userId": user} for user in users)
        if not items and not users:
            yield asked
    else:
        yield _texts(content)


def _parquet(path: Path) -> Iterator[Record]:
    try:
        rows = pq.read_table(path).to_pylist()
    except pa.ArrowException as error:
        raise ValueError(str(error)) from None
    for line, row in enumerate(rows, start=1):
        yield Record(line, _texts(row))


def _xml(path: Path) -> Iterator[Record]:
    for number, item in enumerate(ET.parse(path).getroot().iter("item"), start=1):  # noqa: S314 - expat refuses entity bombs, and the file is ours
        yield Record(number, {child.tag.rpartition("}")[2]: child.text or "" for child in item})


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in row.items()}


def _number(text: str) -> float | None:
    found = _NUMBER.match(text)
    return float(found.group()) if found else None


_READERS: Final[dict[str, Callable[[Path], Iterator[Record]]]] = {
    ".csv": _delimited,
    ".tsv": _delimited,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
    ".xml": _xml,
}
