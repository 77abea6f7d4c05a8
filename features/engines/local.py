"""The relational engine of one machine: Ibis expressions on embedded DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import ibis
import pyarrow as pa

from features.errors import InputError

LINE: Final = "file_row_number"
"""Row number inside its file, from 0, of a table opened by `LocalEngine.parquet`."""


class LocalEngine:
    """Runs Ibis expressions in this process; spills to disk past its memory limit."""

    def __init__(self, *, threads: int = 2, memory_limit: str = "2GB") -> None:
        self._connection: Any = ibis.duckdb.connect(threads=threads, memory_limit=memory_limit)

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
