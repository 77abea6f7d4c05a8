"""What a model was worth to each person of the test: kept as a table, so that later models can be compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import FloatArray

TEST_VALUES: Final = "test_values"
"""Name of the table in a run of a recommender training."""


@dataclass(frozen=True, eq=False)
class TestValues:
    """One model on the rows of a test.

    Attributes:
        table: whom a value belongs to, which of their lists it is of, then one column per metric ('ndcg_at_10.all');
            null = not evaluated. Lists without any value are left out. Sorted by the first two columns.
        coverage: share of the model's items in at least one list, mean over cut-offs; None = not measured.
    """

    __test__ = False  # no test case for pytest

    table: pa.Table
    coverage: float | None = None

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics."""
        return list(self.table.column_names[2:])

    def paired(self, other: TestValues, metric: str) -> FloatArray:
        """Both models' values of a metric, shape (n_units, n_lists, 2); NaN = not evaluated.

        Rows that only one of them has are left out: a person erased meanwhile is in neither.
        """
        keys = self.table.column_names[:2]
        columns = [*keys, metric]
        both = self.table.select(columns).join(
            other.table.select(columns), keys=keys, join_type="inner", right_suffix=".other"
        )
        unit, place = (
            pc.dictionary_encode(both[key].combine_chunks()).indices.to_numpy() for key in keys
        )
        values = np.full((unit.max(initial=-1) + 1, place.max(initial=-1) + 1, 2), np.nan)
        for column, name in enumerate((metric, f"{metric}.other")):
            values[unit, place, column] = both[name].to_numpy()
        return values


def values_table(
    values: FloatArray,
    *,
    names: Sequence[str],
    units: pa.Array,
    lists: pa.Array,
    keys: Sequence[str],
) -> pa.Table:
    """Values as the table of `TestValues`.

    Args:
        values: shape (n_units, n_lists, n_metrics), NaN = not evaluated.
        names: of the metrics.
        units: whom a value belongs to, shape (n_units,), rising.
        lists: which of their lists it is of, shape (n_lists,), rising.
        keys: names of the two columns that hold them.
    """
    unit, place = np.nonzero(~np.isnan(values).all(axis=2))
    of = units.take(pa.array(unit)), lists.take(pa.array(place))
    found = values[unit, place]
    return pa.table(
        dict(zip(keys, of, strict=True))
        | {name: pa.array(found[:, place], from_pandas=True) for place, name in enumerate(names)}
    )
