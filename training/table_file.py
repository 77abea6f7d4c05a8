"""A table that a user asked for by file name: Parquet or CSV, old or new, never half."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa

from features.errors import ConfigError
from features.run import RunWriter

FORMATS: Final = (".parquet", ".csv")


def write_table(table: pa.Table, out: Path) -> None:
    """Write a table to a .parquet or .csv file; a reader sees the old file or the new one.

    Raises:
        ConfigError: another ending.
        WorkspaceError: the folder cannot be written.
    """
    if out.suffix not in FORMATS:
        raise ConfigError(
            str(out),
            f"ends with '{out.suffix}'",
            rule="a table is written as .parquet or .csv",
            next_step="Name the output with one of these endings.",
        )
    writer = RunWriter(out.parent, out.stem)
    fresh = f".{out.stem}"
    if out.suffix == ".csv":
        writer.csv(f"{fresh}.csv", table)
    else:
        writer.parquet(fresh, table)
    (out.parent / f"{fresh}{out.suffix}").replace(out)
