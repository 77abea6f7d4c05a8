"""How a table is checked: columns, types, nulls, ranges, key; `check` says what is wrong and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from features.errors import SchemaError

_FIRST_BAD_ROWS: Final = 3


@dataclass(frozen=True)
class Column:
    """One column of a contract.

    Attributes:
        name: column name, from `features.columns`.
        type: Arrow type, exact.
        nullable: whether null is allowed.
        low, high: inclusive range of non-null values.
        values: closed list of allowed non-null values.
        filled: whether a text must hold more than white space.
    """

    name: str
    type: pa.DataType
    nullable: bool = False
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    filled: bool = False


@dataclass(frozen=True)
class TableContract:
    """The contract of one table; `key` columns are jointly unique."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    schema: pa.Schema = field(init=False, compare=False)

    def __post_init__(self) -> None:
        fields = [pa.field(col.name, col.type, nullable=col.nullable) for col in self.columns]
        object.__setattr__(self, "schema", pa.schema(fields))


def check(table_: pa.Table, contract: TableContract, *, source: str) -> pa.Table:
    """`table_` with its columns in contract order, cast without loss, every rule held.

    Args:
        table_: unchecked table.
        contract: what it must be.
        source: file or step the table came from, for the message.

    Raises:
        SchemaError: a missing or unexpected column, a wrong type, a null, a value outside its range or list, or a
            repeated key; the message names the column, the rule and the first bad rows.
    """
    _check_names(table_, contract, source)
    table = pa.table(
        [_cast(table_[col.name], col, contract, source) for col in contract.columns],
        schema=contract.schema,
    )
    for col in contract.columns:
        _check_values(table[col.name], col, contract, source)
    _check_key(table, contract, source)
    return table


def _check_names(table_: pa.Table, contract: TableContract, source: str) -> None:
    expected = [col.name for col in contract.columns]
    missing = [name for name in expected if name not in table_.column_names]
    extra = [name for name in table_.column_names if name not in expected]
    if missing:
        raise SchemaError(
            source,
            f"column '{missing[0]}' is missing (found: {_quoted(table_.column_names)})",
            rule=f"required by the {contract.name} table",
            next_step="Rename it, or map it in the source's config.",
        )
    if extra:
        raise SchemaError(
            source,
            f"column '{extra[0]}' is not in the {contract.name} table",
            rule=f"its columns are {_quoted(expected)}",
            next_step="Drop or rename it.",
        )


def _cast(
    values: pa.ChunkedArray, col: Column, contract: TableContract, source: str
) -> pa.ChunkedArray:
    if values.type == col.type:
        return values
    try:
        return values.cast(col.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SchemaError(
            source,
            f"column '{col.name}' is {values.type} ({' '.join(str(error).split())})",
            rule=f"the {contract.name} table wants {col.type}",
            next_step="Convert the column before it enters.",
        ) from None


def _check_values(
    values: pa.ChunkedArray, col: Column, contract: TableContract, source: str
) -> None:
    if not col.nullable:
        _refuse(pc.is_null(values), values, col, contract, source, rule="no value may be missing")
    if col.low is not None:
        _refuse(
            pc.less(values, col.low), values, col, contract, source, rule=f"must be >= {col.low}"
        )
    if col.high is not None:
        _refuse(
            pc.greater(values, col.high),
            values,
            col,
            contract,
            source,
            rule=f"must be <= {col.high}",
        )
    if pa.types.is_floating(col.type):
        bad = pc.invert(pc.is_finite(values))
        _refuse(bad, values, col, contract, source, rule="must be finite")
    if col.filled:
        blank = pc.equal(pc.utf8_trim_whitespace(values), "")
        _refuse(blank, values, col, contract, source, rule="must not be blank")
    if col.values:
        allowed = pc.is_in(values, value_set=pa.array(col.values, col.type), skip_nulls=False)
        bad = pc.and_not(pc.is_valid(values), allowed)
        _refuse(bad, values, col, contract, source, rule=f"must be one of {_quoted(col.values)}")


def _refuse(
    bad: pa.ChunkedArray,
    values: pa.ChunkedArray,
    col: Column,
    contract: TableContract,
    source: str,
    *,
    rule: str,
) -> None:
    if len(bad) == 0:  # pyarrow 25 crashes on the nonzero indices of an array without chunks
        return
    rows = pc.indices_nonzero(pc.fill_null(bad, False)).to_pylist()
    if not rows:
        return
    shown = ", ".join(f"row {row}: {values[row].as_py()!r}" for row in rows[:_FIRST_BAD_ROWS])
    raise SchemaError(
        source,
        f"column '{col.name}' has {len(rows)} bad rows ({shown})",
        rule=f"in the {contract.name} table it {rule}"
        if rule.startswith("must")
        else f"in the {contract.name} table {rule}",
        next_step="Correct these rows, or let the source reject them.",
    )


def _check_key(table: pa.Table, contract: TableContract, source: str) -> None:
    if not contract.key:
        return
    keys = table.select(list(contract.key))
    counts = keys.group_by(list(contract.key)).aggregate([([], "count_all")])
    if counts.num_rows == table.num_rows:
        return
    repeated = counts.filter(pc.greater(counts["count_all"], 1)).slice(0, _FIRST_BAD_ROWS)
    shown = ", ".join(str(tuple(row[k] for k in contract.key)) for row in repeated.to_pylist())
    raise SchemaError(
        source,
        f"{table.num_rows - counts.num_rows} rows repeat a key (first: {shown})",
        rule=f"{_quoted(contract.key)} is unique in the {contract.name} table",
        next_step="Remove the duplicates, or let the source reject them.",
    )


def _quoted(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)
