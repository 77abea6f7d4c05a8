"""What a model was worth to each person of the test: kept as a table, so that later models can be compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import FloatArray, TextArray
from features.tables import TIMESTAMP

TEST_VALUES: Final = "test_values"
"""Name of the table in a run of a recommender training."""

KEYS: Final = (c.PERSON_ID, c.AS_OF)


@dataclass(frozen=True, eq=False)
class TestValues:
    """One model on the test windows.

    Attributes:
        table: person_id, as_of (the cut-off) and one column per metric ('ndcg_at_10.all'); null = not evaluated. Persons with no value
            at a cut-off are left out. Sorted by person, then cut-off.
        coverage: share of the model's items in at least one list, mean over cut-offs.
    """

    __test__ = False  # no test case for pytest

    table: pa.Table
    coverage: float

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics."""
        return [name for name in self.table.column_names if name not in KEYS]

    def paired(self, other: TestValues, metric: str) -> FloatArray:
        """Both models' values of a metric, shape (n_persons, n_cutoffs, 2); NaN = not evaluated.

        Rows that only one of them has are left out: a person erased meanwhile is in neither.
        """
        columns = [*KEYS, metric]
        both = self.table.select(columns).join(
            other.table.select(columns), keys=list(KEYS), join_type="inner", right_suffix=".other"
        )
        both = both.sort_by([(key, "ascending") for key in KEYS])
        person = pc.dictionary_encode(both[c.PERSON_ID].combine_chunks()).indices.to_numpy()
        cutoff = pc.dictionary_encode(both[c.AS_OF].combine_chunks()).indices.to_numpy()
        values = np.full((person.max(initial=-1) + 1, cutoff.max(initial=-1) + 1, 2), np.nan)
        for place, name in enumerate((metric, f"{metric}.other")):
            values[person, cutoff, place] = both[name].to_numpy()
        return values


def values_table(
    values: FloatArray,
    *,
    names: Sequence[str],
    person_ids: TextArray,
    cutoffs: Sequence[datetime],
) -> pa.Table:
    """Values of persons at cut-offs as the table of `TestValues`.

    Args:
        values: shape (n_persons, n_cutoffs, n_metrics), NaN = not evaluated.
        names: of the metrics.
        person_ids: shape (n_persons,), sorted.
        cutoffs: rising.
    """
    person, cutoff = np.nonzero(~np.isnan(values).all(axis=2))
    moments = pa.array(list(cutoffs), TIMESTAMP)
    columns = {
        c.PERSON_ID: pa.array(person_ids[person], pa.string()),
        c.AS_OF: moments.take(pa.array(cutoff)),
    }
    found = values[person, cutoff]
    return pa.table(
        columns
        | {name: pa.array(found[:, place], from_pandas=True) for place, name in enumerate(names)}
    )
