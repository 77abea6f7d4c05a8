"""The files of a run without the rows of some persons; everything about the others stays byte for byte."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features import columns as c
from features.erasure.persons import PERSON_COLUMNS, belongs, names_persons
from features.erasure.request import KINDS, Ids
from features.files.delimited import DELIMITERS
from features.histories.histories import without_persons
from features.run import RunWriter, read_arrays, read_parquet

_HISTORIES: Final = "histories"
_OFFSETS: Final = "offsets"
_PERSON_IDS: Final = "person_ids"
_EVENT_IDS: Final = (c.EVENT_ID, c.REFUND_EVENT_ID)


@dataclass(frozen=True)
class CleanFile:
    """A file that names persons to be erased.

    Attributes:
        name: path inside the run.
        rows: rows before.
        removed: rows that go.
        write: writes it without them.
    """

    name: str
    rows: int
    removed: int
    write: Callable[[RunWriter], None]


def clean_files(folder: Path, ids: Ids) -> Iterator[CleanFile]:
    """The files of a run that hold rows of the persons: Parquet tables, histories, CSV, TSV and JSON lines.

    A table without persons loses the rows whose event goes. Item and transaction codes stay what they were.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    events = _erased_events(paths, ids)
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".parquet":
            found = _table(path, name, ids, events)
        elif path.suffix in (".csv", ".tsv"):
            found = _delimited(path, name, ids)
        elif path.suffix == ".jsonl":
            found = _json_lines(path, name, ids)
        elif name == f"{_HISTORIES}/{_OFFSETS}.npy":
            found = _histories(folder, ids)
        else:
            continue
        if found.removed:
            yield found


def _erased_events(paths: list[Path], ids: Ids) -> pa.Array:
    found = [pa.array([], pa.string())]
    for path in paths:
        if path.suffix == ".parquet":
            names = pq.read_schema(path).names
            if c.EVENT_ID in names and names_persons(names):
                table = read_parquet(path)
                found += table.filter(pa.array(belongs(table, ids)))[c.EVENT_ID].chunks
    return pa.concat_arrays(found)


def _table(path: Path, name: str, ids: Ids, events: pa.Array) -> CleanFile:
    names = pq.read_schema(path).names
    if not (names_persons(names) or set(names) & set(_EVENT_IDS)):
        return CleanFile(name, 0, 0, _nothing)
    table = read_parquet(path)
    gone = belongs(table, ids)
    for column in _EVENT_IDS:
        if column in names:
            gone |= pc.is_in(table[column], value_set=events).to_numpy().astype(np.bool_)

    def write(writer: RunWriter) -> None:
        (writer.path / name).parent.mkdir(parents=True, exist_ok=True)
        writer.parquet(name.removesuffix(".parquet"), table.filter(pa.array(~gone)))

    return CleanFile(name, table.num_rows, int(gone.sum()), write)


def _histories(folder: Path, ids: Ids) -> CleanFile:
    persons = read_parquet(folder / f"{_PERSON_IDS}.parquet")
    stays = ~belongs(persons, ids)
    arrays = read_arrays(folder / _HISTORIES)
    lengths = np.diff(arrays[_OFFSETS])

    def write(writer: RunWriter) -> None:
        writer.arrays(_HISTORIES, without_persons(arrays, stays))

    return CleanFile(_HISTORIES, int(lengths.sum()), int(lengths[~stays].sum()), write)


def _delimited(path: Path, name: str, ids: Ids) -> CleanFile:
    header, *records = list(_records(path.read_bytes().decode("utf-8"))) or [""]
    delimiter = next((d for d in DELIMITERS if d in header), "\t")
    names = next(csv.reader([header.lstrip("\ufeff")], delimiter=delimiter))
    places = {place: PERSON_COLUMNS[n] for place, n in enumerate(names) if n in PERSON_COLUMNS}

    def stays(record: str) -> bool:
        fields = next(csv.reader([record], delimiter=delimiter), [])
        return not any(
            _plain(fields[place]) in ids[kind]
            for place, kind in places.items()
            if place < len(fields)
        )

    kept = [record for record in records if stays(record)] if places else records
    write = partial(_write_text, name, header + "".join(kept))
    return CleanFile(name, len(records), len(records) - len(kept), write)


def _records(text: str) -> Iterator[str]:
    """The records of a delimited text as they stand there; a quoted field may run over lines."""
    record = ""
    for line in io.StringIO(text, newline="\n"):
        record += line
        if record.count('"') % 2 == 0:
            yield record
            record = ""
    if record:
        yield record


def _plain(field: str) -> str:
    """A field without the apostrophe that keeps spreadsheets from running it."""
    return field[1:] if field[:2] in ("'=", "'+", "'-", "'@") else field


def _json_lines(path: Path, name: str, ids: Ids) -> CleanFile:
    lines = path.read_bytes().decode("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not _names_one(line, ids)]
    write = partial(_write_text, name, "".join(kept))
    return CleanFile(name, len(lines), len(lines) - len(kept), write)


def _names_one(line: str, ids: Ids) -> bool:
    try:
        row: Any = json.loads(line)
    except ValueError:
        return False  # no JSON: the last search looks at its text
    return isinstance(row, dict) and any(str(row.get(kind)) in ids[kind] for kind in KINDS)


def _write_text(name: str, content: str, writer: RunWriter) -> None:
    writer.text(name, content)


def _nothing(_: RunWriter) -> None:
    """Nothing to write."""
