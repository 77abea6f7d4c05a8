"""What every engine does around a function of whole person histories: cut into parts, check what comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from features.engines.base import PersonFunction
from features.engines.failures import packing
from features.errors import SchemaError
from features.tables import TIMESTAMP


def apply(function: PersonFunction, histories: pa.Table, schema: pa.Schema) -> pa.Table:
    """What a function says about the persons of one part, in the columns of `schema`.

    Raises:
        SchemaError: the function gave other columns or types.
    """
    found = function(neutral(histories))
    if found.schema.names != schema.names:
        raise SchemaError(
            "a function of person histories",
            f"gave the columns {found.schema.names}",
            rule=f"it declares {schema.names}",
            next_step="This is a defect: give the columns that the schema names, in its order.",
        )
    try:
        return found.cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise SchemaError(
            "a function of person histories",
            f"gave other types ({' '.join(str(error).split())})",
            rule=f"it declares {', '.join(f'{field.name}: {field.type}' for field in schema)}",
            next_step="This is a defect: give the types that the schema names.",
        ) from None


def apply_to_batches(
    batches: Iterable[pa.RecordBatch],
    *,
    function: PersonFunction,
    columns: pa.Schema,
    schema: pa.Schema,
) -> Iterator[pa.RecordBatch]:
    """`apply` as a worker of a cluster runs it: the batches of one part in, batches out, errors with their facts."""
    received = list(batches)
    if not received:
        return
    with packing():
        histories = pa.Table.from_batches(received).cast(columns)
        yield from apply(function, histories, schema).combine_chunks().to_batches()


def neutral(table: pa.Table) -> pa.Table:
    """A table as it looks from any engine: times in the one time type, every column nullable, no metadata."""
    columns = [_neutral(column) for column in table.columns]
    fields = [
        pa.field(name, column.type)
        for name, column in zip(table.column_names, columns, strict=True)
    ]
    return pa.table(columns, schema=pa.schema(fields))


def _neutral(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_timestamp(column.type) or column.type == TIMESTAMP:
        return column
    times = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    if column.type.tz is None:
        times = pc.assume_timezone(times, "UTC")
    return times.cast(TIMESTAMP)
