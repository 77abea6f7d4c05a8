"""Parquet files looked at before they are read, so that every reader refuses the same ones in the same words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import InputError, SchemaError


def require_rows(path: Path) -> None:
    """Stop at a file that cannot be a table.

    Raises:
        InputError: the file is missing, is not Parquet, or holds no rows.
    """
    if not path.is_file():
        raise InputError(
            str(path), "no such file", rule="the source reads it", next_step="Check the folder."
        )
    try:
        rows = pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(
            str(path),
            f"cannot be read as Parquet ({' '.join(str(error).split())})",
            rule="the source reads Parquet files",
            next_step="Export the file again.",
        ) from None
    if rows == 0:
        raise InputError(
            str(path),
            "holds no rows",
            rule="nothing can be learned from an empty table",
            next_step="Check the export that wrote it.",
        )


def require_columns(paths: Sequence[Path], schema: pa.Schema) -> None:
    """Stop at files that do not hold the columns of `schema`; further columns may be there.

    Raises:
        InputError: there is no file, one is missing, or one is not Parquet.
        SchemaError: a column is missing or has another type.
    """
    if not paths:
        raise InputError(
            "events", "no files", rule="at least one is read", next_step="Check the folder."
        )
    for path in paths:
        _require_columns(path, schema)


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
