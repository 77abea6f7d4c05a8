"""Any CSV or Parquet file as a training table: one row per unit, rows in = rows out + rejects."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from features import columns as c
from features.errors import InputError, SchemaError
from features.provenance import content_hash
from features.run import read_parquet
from features.tables import REJECTS

MIN_NUMBER_SHARE: Final = 0.5
"""A text column with at least this share of numbers is a number column with bad rows; below it, a wrong column."""

_MIN_BLOCK = 1 << 20
_MAX_BLOCK = (1 << 31) - 1
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class FlatTable:
    """Rows read from one file, and the rows refused.

    Attributes:
        table: accepted rows; text columns are dictionaries with sorted levels.
        line: shape (n_rows,), place of each accepted row in the file; the first data row of a CSV is 2 (the header
            is 1, blank lines are not counted), that of a Parquet file is 1.
        rejects: refused rows, as the rejects table.
        source: the file, for messages.
        content: hash of the file's bytes.
    """

    table: pa.Table
    line: npt.NDArray[np.int64]
    rejects: pa.Table
    source: str
    content: str

    @property
    def rows_in(self) -> int:
        """Rows of the file: accepted and refused."""
        return int(self.table.num_rows + self.rejects.num_rows)

    def refuse(
        self, bad: npt.NDArray[np.bool_], *, reason: str, values: Sequence[str | None] = ()
    ) -> FlatTable:
        """The rows where `bad` is False; the others join the rejects.

        Args:
            bad: shape (n_rows,).
            reason: reason code.
            values: the offending value of each bad row, already masked; empty = none kept.
        """
        if not bad.any():
            return self
        refused = _rejects(self.source, self.line[bad], reason, values)
        return FlatTable(
            self.table.filter(pa.array(~bad)),
            self.line[~bad],
            pa.concat_tables([self.rejects, refused]),
            self.source,
            self.content,
        )


def read_flat_table(path: Path, *, separator: str = ",") -> FlatTable:
    """Read a CSV (UTF-8, header in the first line) or a Parquet file (by its suffix).

    Column types of a CSV are inferred from the whole file. Empty cells are missing. A CSV line with too few or too
    many fields is refused with reason `ragged_row`.

    Args:
        path: the file.
        separator: one character between the fields of a CSV.

    Raises:
        InputError: no such file, unreadable, empty, or not UTF-8.
        SchemaError: two columns share a name.
    """
    content = _content(path)
    if path.suffix == ".parquet":
        table_, line, ragged = read_parquet(path), None, _rejects(str(path), [], "", ())
    else:
        table_, line, ragged = _read_csv(path, content, separator)
    _check_table(table_, str(path), is_text=path.suffix != ".parquet")
    lines = np.arange(1, table_.num_rows + 1) if line is None else line
    return FlatTable(_with_categories(table_), lines, ragged, str(path), content_hash(content))


def flat_table_of(table: pa.Table, *, source: str) -> FlatTable:
    """Rows that are at hand already, as if read from a Parquet file; `content` is empty.

    Raises:
        InputError: no rows.
        SchemaError: two columns share a name.
    """
    _check_table(table, source, is_text=False)
    rejects = _rejects(source, [], "", ())
    lines = np.arange(1, table.num_rows + 1)
    return FlatTable(_with_categories(table), lines, rejects, source, "")


def require_columns(table: pa.Table, names: Sequence[str], *, source: str) -> None:
    """Check that every named column is there.

    Raises:
        SchemaError: naming the first missing column, the columns found and the nearest name.
    """
    found = table.column_names
    missing = [name for name in names if name not in found]
    if not missing:
        return
    near = difflib.get_close_matches(missing[0], found, n=1, cutoff=0.5)
    raise SchemaError(
        source,
        f"column '{missing[0]}' is missing (found: {', '.join(repr(name) for name in found)})",
        rule="the training config names it",
        next_step=f"Did you mean '{near[0]}'?" if near else "Correct the config or the separator.",
    )


def reject_missing(flat: FlatTable, column: str) -> FlatTable:
    """Refuse the rows where `column` is empty or NaN, with reason `missing_<column>`."""
    values = flat.table[column]
    return flat.refuse(_as_mask(pc.is_null(values, nan_is_null=True)), reason=f"missing_{column}")


def as_numbers(flat: FlatTable, column: str) -> FlatTable:
    """`column` as finite float64; rows where it is missing or no number are refused.

    Raises:
        SchemaError: fewer than half of the values are numbers, so it is the wrong column.
    """
    flat = reject_missing(flat, column)
    numbers = number_values(flat.table[column])
    if numbers is None or np.isfinite(numbers).mean() < MIN_NUMBER_SHARE:
        examples = pc.unique(flat.table[column]).to_pylist()[:_SHOWN]
        raise SchemaError(
            flat.source,
            f"column '{column}' is {_type_name(flat.table[column].type)} "
            f"(for example {', '.join(repr(value) for value in examples)})",
            rule="it must hold numbers",
            next_step="Name another column, or convert this one.",
        )
    bad = ~np.isfinite(numbers)
    masked = [_masked(text) for text in flat.table[column].filter(pa.array(bad)).to_pylist()]
    kept = flat.refuse(bad, reason=f"not_a_number_{column}", values=masked)
    place = kept.table.column_names.index(column)
    table = kept.table.set_column(place, column, pa.array(numbers[~bad]))
    return FlatTable(table, kept.line, kept.rejects, kept.source, kept.content)


def number_values(values: pa.ChunkedArray) -> npt.NDArray[np.float64] | None:
    """Values as float64, NaN where missing or no number; None for a type that cannot hold numbers."""
    if pa.types.is_dictionary(values.type):
        encoded = values.combine_chunks()
        numbers = np.array([_number(text) for text in encoded.dictionary.to_pylist()] + [np.nan])
        codes = pc.fill_null(encoded.indices, len(numbers) - 1).to_numpy()
        return np.asarray(numbers[codes], dtype=np.float64)
    if not _is_number(values.type):
        return None
    return np.asarray(
        pc.fill_null(values.cast(pa.float64(), safe=False), float("nan")).to_numpy(), np.float64
    )


def text_values(values: pa.ChunkedArray) -> list[str | None]:
    """Values as text, whole numbers without a decimal point: 1.0 and 1 are both '1'."""
    if pa.types.is_dictionary(values.type):
        return list(values.cast(pa.string()).to_pylist())
    plain = values.to_pylist()
    return [
        None
        if value is None
        else str(int(value))
        if isinstance(value, float | bool) and float(value).is_integer()
        else str(value)
        for value in plain
    ]


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            str(path),
            "no such file",
            rule="the training table is read from here",
            next_step="Correct the path in the config, or override it with data.path=FILE.",
        ) from None
    except OSError as error:
        raise InputError(
            str(path),
            f"cannot be read ({error.strerror})",
            rule="the training table is a readable file",
            next_step="Check the path and its permissions.",
        ) from None
    if not content.strip():
        raise InputError(
            str(path),
            "is empty",
            rule="the training table has a header and rows",
            next_step="Check the export that wrote the file.",
        )
    return content


def _read_csv(
    path: Path, content: bytes, separator: str
) -> tuple[pa.Table, npt.NDArray[np.int64], pa.Table]:
    ragged: list[tuple[int, str]] = []

    def skip(row: pacsv.InvalidRow) -> str:
        ragged.append((row.number, f"{row.actual_columns} of {row.expected_columns} fields"))
        return "skip"

    # One block, so that types come from every row; one thread, so that line numbers are known.
    block = min(max(len(content) + 1, _MIN_BLOCK), _MAX_BLOCK)
    try:
        table_ = pacsv.read_csv(
            pa.BufferReader(content),
            read_options=pacsv.ReadOptions(use_threads=False, block_size=block),
            parse_options=pacsv.ParseOptions(delimiter=separator, invalid_row_handler=skip),
            convert_options=pacsv.ConvertOptions(strings_can_be_null=True),
        )
    except pa.ArrowInvalid as error:
        raise InputError(
            str(path),
            f"cannot be read as CSV ({' '.join(str(error).split())})",
            rule="a training table is UTF-8 CSV or Parquet",
            next_step="Check the separator and the encoding, or convert it to Parquet.",
        ) from None
    numbers = np.array([number for number, _ in ragged], dtype=np.int64)
    line = np.arange(2, table_.num_rows + len(ragged) + 2)
    line = line[~np.isin(line, numbers)]
    return table_, line, _rejects(str(path), numbers, "ragged_row", [text for _, text in ragged])


def _check_table(table_: pa.Table, source: str, *, is_text: bool) -> None:
    names = table_.column_names
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SchemaError(
            source,
            f"column '{repeated[0]}' appears {names.count(repeated[0])} times",
            rule="column names are unique",
            next_step="Rename one of them.",
        )
    binary = [f.name for f in table_.schema if pa.types.is_binary(f.type)]
    if binary and is_text:
        raise InputError(
            source,
            f"column '{binary[0]}' is not UTF-8 text",
            rule="a CSV is UTF-8",
            next_step="Convert the file, for example with 'iconv -t UTF-8'.",
        )
    if table_.num_rows == 0:
        raise InputError(
            source,
            "has a header but no rows",
            rule="training needs rows",
            next_step="Check the export that wrote the file.",
        )


def _with_categories(table: pa.Table) -> pa.Table:
    """Text columns as dictionaries whose levels are sorted; empty columns as missing numbers."""
    for place, name in enumerate(table.column_names):
        values = table[name]
        if pa.types.is_null(values.type):
            table = table.set_column(place, name, values.cast(pa.float64()))
        elif _is_text(values.type):
            table = table.set_column(place, name, _sorted_categories(values.cast(pa.string())))
    return table


def _sorted_categories(values: pa.ChunkedArray) -> pa.DictionaryArray:
    levels = sorted(level for level in pc.unique(values).to_pylist() if level is not None)
    codes = pc.index_in(values, value_set=pa.array(levels, pa.string())).combine_chunks()
    return pa.DictionaryArray.from_arrays(codes, pa.array(levels, pa.string()))


def _is_text(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        return _is_text(type_.value_type)
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))


def _is_number(type_: pa.DataType) -> bool:
    kinds = pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal
    return any(is_kind(type_) for is_kind in kinds)


def _type_name(type_: pa.DataType) -> str:
    return "text" if pa.types.is_dictionary(type_) else str(type_)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _masked(value: object) -> str:
    """Enough of a value to find it again, not enough to leak a contact."""
    text = str(value)
    return f"{text[:2]}***" if len(text) > 2 else text  # noqa: PLR2004 - two characters are shown


def _as_mask(values: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return np.asarray(values.to_numpy(), dtype=np.bool_)


def _rejects(
    source: str,
    line: Sequence[int] | npt.NDArray[np.int64],
    reason: str,
    values: Sequence[str | None],
) -> pa.Table:
    count = len(line)
    columns = {
        c.REASON_CODE: [reason] * count,
        c.SOURCE: [source] * count,
        c.LINE: np.asarray(line, dtype=np.int64),
        c.RAW_VALUE: list(values) or [None] * count,
    }
    return pa.table(columns, schema=REJECTS.schema)
