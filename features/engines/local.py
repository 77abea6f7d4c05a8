"""The engine of one machine: Ibis expressions on embedded DuckDB, persons mapped by threads of this process."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import ibis
import ibis.expr.datatypes as dt
import pyarrow as pa
import pyarrow.parquet as pq

from features import columns as c
from features.engines.base import FILE_SHIFT, ROW, PersonFunction, file_of
from features.engines.person_parts import apply, neutral
from features.files.parquet import require_columns, require_rows

__all__ = ["ROW", "LocalEngine", "file_of"]

_ROWS_PER_PART: Final = 1_000_000
_PART: Final = "part_"


@dataclass(frozen=True)
class Held:
    """A value that threads of this process share."""

    value: Any


class LocalEngine:
    """Runs in this process; spills to disk past its memory limit. See `features.engines.base.Engine`."""

    def __init__(
        self, *, threads: int = 2, memory_limit: str = "2GB", spill: Path | None = None
    ) -> None:
        """Open an engine; beyond `memory_limit` it writes to the folder `spill`, None = DuckDB's choice."""
        place = {} if spill is None else {"temp_directory": str(spill)}
        self._connection: Any = ibis.duckdb.connect(
            threads=threads, memory_limit=memory_limit, **place
        )
        self._threads = threads
        self._spill = spill
        self._views = 0
        self._kept = contextlib.ExitStack()

    def parquet(self, path: Path) -> Any:
        """A Parquet file as a table, with the row number in `LINE`."""
        require_rows(path)
        return self._connection.read_parquet(path, file_row_number=True)

    def files(self, paths: Sequence[Path], schema: pa.Schema) -> Any:
        """Parquet files of one schema as one table, with the number of each row in `ROW`."""
        require_columns(paths, schema)
        place = f"(file_index::BIGINT << {FILE_SHIFT}) | file_row_number AS {ROW}"
        columns = ", ".join(f'"{name}"' for name in schema.names)
        return self._view(f"SELECT {columns}, {place} FROM {_reading(paths)}")  # noqa: S608 - quoted

    def fingerprint(self, column: Any) -> Any:
        """A whole number >= 0, int64, for each value of a text column."""
        return (_hash(column) >> 1).cast("int64")

    def write(self, expression: Any, path: Path) -> None:
        """Run an expression into one Parquet file, without holding the result in memory."""
        self._connection.to_parquet(expression, path, compression="zstd")

    def table(self, table: pa.Table) -> Any:
        """An Arrow table as a table of this engine."""
        return ibis.memtable(table)

    def collect(self, expression: Any) -> pa.Table:
        """Run an expression into memory."""
        return neutral(self._connection.to_pyarrow(expression))

    def broadcast(self, value: Any) -> Held:
        """A value for functions of `map_persons`: threads share it as it is."""
        return Held(value)

    def map_persons(
        self,
        table: Any,
        function: PersonFunction,
        schema: pa.Schema,
        *,
        partitions: int | None = None,
    ) -> Any:
        """Apply a function to whole person histories, here and now; what it gives lies on disk, not in memory.

        As many parts are in memory at once as there are threads.
        """
        rows = self.table(table) if isinstance(table, pa.Table) else table
        if self._spill is not None:
            self._spill.mkdir(parents=True, exist_ok=True)
        folder = Path(
            self._kept.enter_context(TemporaryDirectory(prefix="persons-", dir=self._spill))
        )
        parts = self._cut(rows, partitions or self._parts(rows), folder)

        def compute(part: list[Path]) -> Path:
            histories = pq.ParquetDataset(part, partitioning=None).read(use_threads=False)
            target = part[0].parent.with_suffix(".result")
            pq.write_table(apply(function, histories, schema), target)
            for path in part:
                path.unlink()
            return target

        with ThreadPoolExecutor(self._threads) as pool:
            results = list(pool.map(compute, parts))
        if not results:
            return self.table(schema.empty_table())
        return self._view(f"SELECT * FROM {_reading(results)}")  # noqa: S608 - quoted

    def close(self) -> None:
        """Remove temporary files and let go of the connection."""
        self._kept.close()
        self._connection.disconnect()

    def _parts(self, rows: Any) -> int:
        count = int(self._connection.execute(rows.count()))
        return max(self._threads, -(-count // _ROWS_PER_PART))

    def _cut(self, rows: Any, partitions: int, folder: Path) -> list[list[Path]]:
        """The files of each part that has persons."""
        part = self.fingerprint(rows[c.PERSON_ID]) % partitions
        self._connection.to_parquet(rows.mutate(**{_PART: part}), folder, partition_by=_PART)
        return [sorted(place.iterdir()) for place in sorted(folder.iterdir())]

    def _view(self, query: str) -> Any:
        self._views += 1
        name = f"view_{self._views}"
        self._connection.raw_sql(f"CREATE TEMP VIEW {name} AS {query}")
        return self._connection.table(name)


@ibis.udf.scalar.builtin(name="hash")
def _hash(text: str) -> dt.uint64:
    """DuckDB's own; the one of Ibis goes through a cast that costs more than the hash."""


def _reading(paths: Sequence[Path]) -> str:
    names = ", ".join("'{}'".format(str(path).replace("'", "''")) for path in paths)
    return f"read_parquet([{names}], hive_partitioning = false)"
