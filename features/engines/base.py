"""The seam between what is computed and where: one machine or a cluster, the same tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa

LINE: Final = "file_row_number"
"""Row number inside its file, from 0, of a table opened by `Engine.parquet`."""

ROW: Final = "row_"
"""Number of a row among all files of `Engine.files`: rises with the file, then with the line; has gaps."""

FILE_SHIFT: Final = 40
"""Bits of `ROW` that hold the row number inside its file: a file of a trillion rows still fits."""


def file_of(row: Any) -> Any:
    """Number of the file, from 0, of row numbers in `ROW`: a column or an array."""
    return row >> FILE_SHIFT


PersonFunction = Callable[[pa.Table], pa.Table]
"""From whole histories of some persons to rows about them. See `Engine.map_persons`."""


class Broadcast(Protocol):
    """A value that every worker holds once."""

    @property
    def value(self) -> Any:
        """The value, read only."""


class Engine(Protocol):
    """Runs Ibis expressions and maps plain functions over persons.

    Tables are Ibis tables of the engine that made them; two engines' tables never meet in one expression. Times are
    microseconds in UTC, null and NaN are different things, and text is ordered by its UTF-8 bytes.

    Invariants: every engine gives the same rows for the same expression or function, however many threads, workers or
        partitions it has. Rows have no order unless the expression sorts. Sums and means of floats are equal up to
        rounding, because the order of additions is not fixed; whatever must be equal to the bit is counted in whole
        numbers or computed per person.
    """

    def parquet(self, path: Path) -> Any:
        """A Parquet file as a table, with the row number in `LINE`.

        Raises:
            InputError: the file is missing, is not Parquet, or holds no rows.
        """

    def files(self, paths: Sequence[Path], schema: pa.Schema) -> Any:
        """Parquet files of one schema as one table, with the number of each row in `ROW`.

        Raises:
            InputError: there is no file, one is missing, or one is not Parquet.
            SchemaError: the columns of a file are not those of `schema`.
        """

    def table(self, table: pa.Table) -> Any:
        """An Arrow table as a table of this engine."""

    def collect(self, expression: Any) -> pa.Table:
        """Run an expression into memory; times come in the one time type."""

    def write(self, expression: Any, path: Path) -> None:
        """Run an expression into one Parquet file, in its order, without holding the result in memory."""

    def fingerprint(self, column: Any) -> Any:
        """A whole number >= 0, int64, for each value of a text column: equal texts have equal ones, others nearly never.

        Two engines give different numbers: use them inside one job and never store them.
        """

    def broadcast(self, value: Any) -> Broadcast:
        """A value for functions of `map_persons`, sent to each worker once; read it as `.value`."""

    def map_persons(
        self,
        table: Any,
        function: PersonFunction,
        schema: pa.Schema,
        *,
        partitions: int | None = None,
    ) -> Any:
        """Apply a plain function to whole person histories.

        Args:
            table: an Arrow table or a table of this engine, with `person_id`, never null.
            function: takes some rows of `table`, all rows of each person among them, in any order, and gives rows of
                `schema`. What it says about a person depends on that person's rows (and on broadcast values) alone. It
                is sent to workers: a function of a module, or a `functools.partial` of one with picklable arguments.
            schema: columns of the result; checked.
            partitions: number of parts the persons are cut into, >= 1; one part has to fit into a worker's memory.
                None = the engine's choice. Changes time and memory, nothing else.

        Returns:
            A table of this engine, rows in no order. A distributed engine runs the function when the table is used, and
            again when it is used again.

        Raises:
            SchemaError: the function gave other columns than `schema`.
            RetargetError: whatever the function raised on purpose, from whichever worker.
        """

    def close(self) -> None:
        """Let go of views, temporary files and workers; tables of this engine cannot be used any more."""
