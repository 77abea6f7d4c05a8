"""The relational engine of one machine: Ibis expressions on embedded DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import ibis
import ibis.expr.datatypes as dt
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import InputError, SchemaError

LINE: Final = "file_row_number"
"""Row number inside its file, from 0, of a table opened by `LocalEngine.parquet`."""

ROW: Final = "row_"
"""Number of a row among all files of `LocalEngine.files`: rises with the file, then with the line; has gaps."""

_FILE_SHIFT: Final = 40  # a file of a trillion rows still fits


class LocalEngine:
    """Runs Ibis expressions in this process; spills to disk past its memory limit."""

    def __init__(
        self, *, threads: int = 2, memory_limit: str = "2GB", spill: Path | None = None
    ) -> None:
        """Open an engine; beyond `memory_limit` it writes to the folder `spill`, None = DuckDB's choice."""
        place = {} if spill is None else {"temp_directory": str(spill)}
        self._connection: Any = ibis.duckdb.connect(
            threads=threads, memory_limit=memory_limit, **place
        )
        self._views = 0

    def parquet(self, path: Path) -> Any:
        """A Parquet file as an Ibis table, with the row number in `LINE`.

        Raises:
            InputError: the file is missing, is not Parquet, or holds no rows.
        """
        if not path.is_file():
            raise InputError(
                str(path), "no such file", rule="the source reads it", next_step="Check the folder."
            )
        try:
            table = self._connection.read_parquet(path, file_row_number=True)
            empty = table.limit(1).count().execute() == 0
        except self._failure as error:
            raise InputError(
                str(path),
                f"cannot be read as Parquet ({' '.join(str(error).split())})",
                rule="the source reads Parquet files",
                next_step="Export the file again.",
            ) from None
        if empty:
            raise InputError(
                str(path),
                "holds no rows",
                rule="nothing can be learned from an empty table",
                next_step="Check the export that wrote it.",
            )
        return table

    def files(self, paths: Sequence[Path], schema: pa.Schema) -> Any:
        """Parquet files of one schema as one Ibis table, with the number of each row in `ROW`.

        Raises:
            InputError: there is no file, one is missing, or one is not Parquet.
            SchemaError: the columns of a file are not those of `schema`.
        """
        if not paths:
            raise InputError(
                "events", "no files", rule="at least one is read", next_step="Check the folder."
            )
        for path in paths:
            _require_columns(path, schema)
        names = ", ".join("'{}'".format(str(path).replace("'", "''")) for path in paths)
        columns = ", ".join(f'"{name}"' for name in schema.names)
        self._views += 1
        view = f"files_{self._views}"
        place = f"(file_index::BIGINT << {_FILE_SHIFT}) | file_row_number AS {ROW}"
        rows = f"SELECT {columns}, {place} FROM read_parquet([{names}], hive_partitioning = false)"  # noqa: S608 - quoted above
        self._connection.raw_sql(f"CREATE TEMP VIEW {view} AS {rows}")
        return self._connection.table(view)

    def fingerprint(self, column: Any) -> Any:
        """A whole number for each value of a text column: equal texts have equal ones, others nearly never."""
        return _hash(column)

    def write(self, expression: Any, path: Path) -> None:
        """Run an expression into a Parquet file, without holding the result in memory."""
        self._connection.to_parquet(expression, path, compression="zstd")

    def table(self, table: pa.Table) -> Any:
        """An Arrow table as an Ibis table."""
        return ibis.memtable(table)

    def collect(self, expression: Any) -> pa.Table:
        """Run an expression; rows come in no particular order unless it sorts."""
        return self._connection.to_pyarrow(expression)

    @property
    def _failure(self) -> type[Exception]:
        import duckdb  # noqa: PLC0415 - only for its error class

        failure: type[Exception] = duckdb.Error
        return failure


@ibis.udf.scalar.builtin(name="hash")
def _hash(text: str) -> dt.uint64:
    """DuckDB's own; the one of Ibis goes through a cast that costs more than the hash."""


def _require_columns(path: Path, schema: pa.Schema) -> None:
    try:
        found = pq.read_schema(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(
            str(path),
            f"cannot be read as Parquet ({' '.join(str(error).split())})",
            rule="the files are Parquet files",
            next_step="Check the path, or write the file again.",
        ) from None
    for field in schema:
        at = found.get_field_index(field.name)
        if at < 0 or found.field(at).type != field.type:
            raise SchemaError(
                str(path),
                f"column '{field.name}' is {'missing' if at < 0 else found.field(at).type}",
                rule=f"it must be {field.type}",
                next_step="Write the file with the columns of the table.",
            )
