"""The files of one run of a step: written once, read again with their contracts."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from features import columns as c
from features.array_files import ArrayFile
from features.contracts import TableContract, check
from features.errors import InputError, WorkspaceError
from features.provenance import file_hash

MANIFEST: Final = "manifest.json"

_UNIQUE: Final = (c.EVENT_ID, c.REFUND_EVENT_ID)
_DICTIONARY_BYTES: Final = 1 << 24

_FORMULA_START: Final = r"^[=+\-@\t\r\n]"


@dataclass(frozen=True)
class Run:
    """A finished run of one step.

    Attributes:
        path: its folder.
        run_id: hash of everything that determines its content.
        manifest: the parsed manifest.
        reused: True when the run was already there and nothing was computed.
    """

    path: Path
    run_id: str
    manifest: Mapping[str, Any]
    reused: bool = False

    def read(self, contract: TableContract) -> pa.Table:
        """The table of that name, checked against its contract.

        Raises:
            InputError: the file is not there or is not Parquet.
            SchemaError: it breaks the contract.
        """
        path = self.path / f"{contract.name}.parquet"
        return check(read_parquet(path), contract, source=str(path))

    def json(self, name: str) -> Any:
        """The parsed JSON file of that name."""
        return json.loads((self.path / name).read_text(encoding="utf-8"))


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """What the system refuses inside was to be written to `folder`.

    Raises:
        WorkspaceError: it was refused.
    """
    try:
        yield
    except OSError as error:
        raise not_written(folder, error) from error


def not_written(folder: Path, error: OSError) -> WorkspaceError:
    """The system refused to write to `folder`."""
    return WorkspaceError(
        str(folder),
        f"writing failed ({error.strerror or error})",
        rule="a run is written whole or not at all",
        next_step="Free space or fix permissions, then run again; the last good output is intact.",
    )


class RunWriter:
    """Writes the files of one run; everything lands in the manifest with its hash."""

    def __init__(self, path: Path, run_id: str) -> None:
        self.path = path
        self.run_id = run_id
        self._tables: dict[str, dict[str, Any]] = {}

    def table(self, table_: pa.Table, contract: TableContract, *, source: str) -> pa.Table:
        """Check a table against its contract and write it as Parquet; returns the checked table."""
        table = check(table_, contract, source=source)
        self.parquet(contract.name, table)
        return table

    def parquet(self, name: str, table: pa.Table) -> None:
        """Write a table that has no contract of its own (features, scores)."""
        path = self.path / f"{name}.parquet"
        with writing_to(self.path):
            pq.write_table(table, path, **parquet_options(table.schema))
        self._tables[name] = {
            "rows": table.num_rows,
            "schema": {field.name: str(field.type) for field in table.schema},
        }

    def parquet_parts(self, name: str, parts: Iterable[pa.Table], schema: pa.Schema) -> None:
        """Write a table part by part, each part let go of before the next is asked for; all have these columns."""
        rows = 0
        path = self.path / f"{name}.parquet"
        with pq.ParquetWriter(path, schema, **parquet_options(schema)) as file:
            for part in parts:
                file.write_table(part)
                rows += part.num_rows
        self._tables[name] = {
            "rows": rows,
            "schema": {field.name: str(field.type) for field in schema},
        }

    @contextlib.contextmanager
    def growing(
        self, contract: TableContract, *, source: str, csv: bool = False
    ) -> Iterator[Callable[[pa.Table], None]]:
        """Gives a function that appends rows to the table of a contract, each part checked; no key may come back in a later part.

        With `csv` the rows also go to a file for a person to open: UTF-8, quoted text, no cell that a spreadsheet would run.
        """
        path, schema = self.path / f"{contract.name}.parquet", contract.schema
        rows = 0
        with contextlib.ExitStack() as files:
            files.enter_context(writing_to(self.path))
            file = files.enter_context(pq.ParquetWriter(path, schema, **parquet_options(schema)))
            sheet = (
                files.enter_context(pacsv.CSVWriter(path.with_suffix(".csv"), schema))
                if csv
                else None
            )

            def append(part: pa.Table) -> None:
                nonlocal rows
                table = check(part, contract, source=source)
                file.write_table(table)
                if sheet is not None:
                    sheet.write_table(_inert(table))
                rows += table.num_rows

            yield append
        self._tables[contract.name] = {
            "rows": rows,
            "schema": {field.name: str(field.type) for field in schema},
        }

    def columns(self, contract: TableContract, names: Sequence[str]) -> pa.Table:
        """Some columns of a table that was written."""
        return pq.read_table(self.path / f"{contract.name}.parquet", columns=list(names))

    def csv(self, name: str, table: pa.Table) -> None:
        """Write a table for a person to open: UTF-8, quoted text, no cell that a spreadsheet would run."""
        with writing_to(self.path):
            pacsv.write_csv(_inert(table), self.path / name)

    def arrays(self, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write a folder of plain .npy arrays, to be memory-mapped by `read_arrays`."""
        folder = self.path / name
        with writing_to(self.path):
            folder.mkdir(exist_ok=True)
            for key, array in arrays.items():
                np.save(folder / f"{key}.npy", array, allow_pickle=False)

    def array_file(self, name: str, key: str, dtype: npt.DTypeLike, *, length: int) -> ArrayFile:
        """One array of such a folder, to be written piece by piece."""
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        return ArrayFile(folder / f"{key}.npy", dtype, length=length)

    def json(self, name: str, content: Any) -> None:
        """Write a JSON file with sorted keys; NaN is written as null."""
        self.text(name, to_json(content))

    def text(self, name: str, content: str) -> None:
        """Write a text file."""
        with writing_to(self.path):
            write_text(self.path / name, content)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder beside the run for what is needed only while it is written; nothing of it stays."""
        folder = self.path.with_name(f"{self.path.name}-scratch")
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def manifest(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        files = sorted(p for p in self.path.rglob("*") if p.is_file() and p != self.path / MANIFEST)
        hashes = {str(p.relative_to(self.path)): file_hash(p) for p in files}
        return {**facts, "tables": self._tables, "files": hashes}


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """How tables are written: each different text once per row group, so that ids are told apart before they are read."""
    repeated = [
        field.name
        for field in schema
        if pa.types.is_string(field.type) and field.name not in _UNIQUE
    ]
    return {
        "compression": "zstd",
        "use_dictionary": repeated,
        "dictionary_pagesize_limit": _DICTIONARY_BYTES,
    }


def read_parquet(path: Path) -> pa.Table:
    """A Parquet file as an Arrow table, times in the one time type.

    Raises:
        InputError: the file is missing or is not Parquet.
    """
    with _reading(path):
        return pq.read_table(path)


def read_parquet_parts(path: Path, *, rows_at_once: int) -> Iterator[pa.Table]:
    """The rows of a Parquet file, so many at a time. Errors as in `read_parquet`."""
    with _reading(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(rows_at_once):
            yield pa.Table.from_batches([batch])


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(
            str(path),
            "no such file",
            rule="the table is read from here",
            next_step="Check the path.",
        ) from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            str(path),
            f"cannot be read as Parquet ({' '.join(str(error).split())})",
            rule="tables are Parquet files",
            next_step="Write it again, or delete the folder and rerun the step that makes it.",
        ) from None


def read_arrays(folder: Path) -> dict[str, npt.NDArray[Any]]:
    """Memory-mapped arrays written by `RunWriter.arrays`, by name."""
    paths = sorted(folder.glob("*.npy"))
    return {p.stem: np.load(p, mmap_mode="r", allow_pickle=False) for p in paths}


def to_json(content: Any) -> str:
    """JSON with sorted keys and two spaces; NaN and infinities become null, numpy scalars plain numbers."""
    return json.dumps(_plain(content), sort_keys=True, indent=2, allow_nan=False) + "\n"


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text with the same line ends on every machine."""
    path.write_text(content, encoding="utf-8", newline="\n")


def _plain(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, np.ndarray):
        return _plain(content.tolist())
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [_plain(value) for value in content]
    if isinstance(content, np.generic):
        return _plain(content.item())
    if isinstance(content, float) and not np.isfinite(content):
        return None
    return content


def _inert(table: pa.Table) -> pa.Table:
    """Text cells that a spreadsheet would read as a formula get a leading apostrophe."""
    for position, column in enumerate(table.schema):
        if pa.types.is_string(column.type):
            texts = table[column.name]
            runs = pc.match_substring_regex(texts, _FORMULA_START)
            quoted = pc.binary_join_element_wise("'", texts, "")
            table = table.set_column(position, column, pc.if_else(runs, quoted, texts))
    return table
