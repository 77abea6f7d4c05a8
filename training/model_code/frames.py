"""Rows of a data frame as a flat table: what a model is given when no file is read."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from features.errors import InputError
from features.sources.flat_table import FlatTable, flat_table_of

_SOURCE = "model input"


def frame_rows(frame: pd.DataFrame) -> FlatTable:
    """The rows of a frame, its index left out.

    Raises:
        InputError: no rows, or a column with values of several kinds.
        SchemaError: two columns share a name.
    """
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError) as error:
        raise InputError(
            _SOURCE,
            f"is no table ({' '.join(str(error).split())[:200]})",
            rule="each column holds values of one kind, under a name of its own",
            next_step="Convert the column, or rename it.",
        ) from None
    return flat_table_of(table.replace_schema_metadata(None), source=_SOURCE)
