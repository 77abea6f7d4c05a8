"""Two builds of the same rows, column by column: what differs leaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

TOLERANCE: Final = 1e-6
"""Relative difference of numbers that is rounding: features are stored with 24 bits."""


class Difference(NamedTuple):
    """A column that is not what it was.

    Attributes:
        column: its name; the last of the key columns when rows appear or vanish.
        future: which other future changed it.
        rows: rows that differ.
        of_rows: rows compared.
        first: the first such row: its key, the value stored, the value rebuilt.
    """

    column: str
    future: str
    rows: int
    of_rows: int
    first: str


def find_differences(
    stored: pa.Table, rebuilt: pa.Table, *, keys: Sequence[str], future: str
) -> list[Difference]:
    """Columns whose values differ between two builds of the same rows.

    Args:
        stored: rows of the set, with the key columns and those to compare.
        rebuilt: the same rows built again; further columns are not looked at.
        keys: columns that identify a row.
        future: name of the future it was rebuilt with.
    """
    order = [(name, "ascending") for name in keys]
    stored = stored.sort_by(order)
    rebuilt = rebuilt.select(stored.column_names).sort_by(order)
    one, other = stored.select(list(keys)), rebuilt.select(list(keys))
    if not one.equals(other):
        return [_other_rows(one, other, keys, future)]
    differences = []
    for name in stored.column_names:
        if name in keys:
            continue
        before, after = (table[name].to_numpy(zero_copy_only=False) for table in (stored, rebuilt))
        differs = np.flatnonzero(~_equal(before, after))
        if len(differs):
            at = int(differs[0])
            first = f"{_row(one, at)}: {before[at]} stored, {after[at]} rebuilt"
            differences.append(Difference(name, future, len(differs), len(before), first))
    return differences


def _equal(
    before: npt.NDArray[np.generic], after: npt.NDArray[np.generic]
) -> npt.NDArray[np.bool_]:
    if np.issubdtype(before.dtype, np.floating):
        close: npt.NDArray[np.bool_] = np.isclose(
            before, after, rtol=TOLERANCE, atol=1e-9, equal_nan=True
        )
        return close
    same: npt.NDArray[np.bool_] = before == after
    return same


def _other_rows(one: pa.Table, other: pa.Table, keys: Sequence[str], future: str) -> Difference:
    before, after = ({tuple(row.values()) for row in t.to_pylist()} for t in (one, other))
    changed = sorted(before ^ after, key=str)
    verb = "stored only" if changed and changed[0] in before else "rebuilt only"
    first = f"{', '.join(map(str, changed[0]))}: {verb}" if changed else "rows repeat"
    return Difference(keys[-1], future, len(changed), one.num_rows, first)


def _row(keys: pa.Table, at: int) -> str:
    return ", ".join(str(value) for value in keys.slice(at, 1).to_pylist()[0].values())
