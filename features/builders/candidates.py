"""Everything known about candidates for recommendation, one row per (person, item): the table a ranker reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features.arrays import IntArray
from features.builders.item import item_features
from features.builders.knowledge import Knowledge
from features.builders.pair import pair_features
from features.builders.registry import BUILDERS, PERSON_GROUPS, person_group_features
from features.builders.treatment import treatment_features
from features.contacts import ContactsAsOf
from features.histories.histories import AsOf

CANDIDATE_COLUMNS: Final = tuple(
    column for builder in BUILDERS if builder.describes != "treatment" for column in builder.columns
)
"""The columns of `candidate_features` with every group and without contacts, in order."""


def candidate_features(
    history: AsOf,
    knowledge: Knowledge,
    *,
    row: IntArray,
    item: IntArray,
    groups: Sequence[str] = PERSON_GROUPS,
    contacts: ContactsAsOf | None = None,
) -> pa.Table:
    """Person, item and pair features of each candidate.

    Args:
        history: n_rows rows.
        knowledge: the whole shop with its counts, built at or before the earliest row.
        row: row of each candidate in `history`, shape (n_pairs,), never falling.
        item: code of its item in `knowledge`, shape (n_pairs,); -1 = unknown, its item features are NaN.
        groups: names of the groups of person features.
        contacts: past treatment of the same rows as `history`; None = none of its columns.

    Returns:
        n_pairs rows in the same order, float32: person, item, pair and, if given, treatment columns.

    Raises:
        ValueError: as the builders say; or the rows of `contacts` are not those of `history`.
    """
    if contacts is not None and not np.array_equal(contacts.time, history.time):
        raise ValueError("the rows of contacts differ from those of history, must be the same ones")
    of_pair = pair_features(history, knowledge, row=row, item=item)
    of_person = person_group_features(history, knowledge, groups=groups)
    times = np.bincount(row, minlength=len(history))
    columns = _each(of_person, lambda values: np.repeat(values, times))
    of_item = item_features(knowledge)
    columns |= _each(of_item, lambda values: np.append(values, np.float32(np.nan))[item])
    columns |= _each(of_pair, lambda values: values)
    if contacts is not None:
        columns |= _each(treatment_features(contacts), lambda values: np.repeat(values, times))
    return pa.table(columns)


def _each(table: pa.Table, step: Any) -> dict[str, Any]:
    """A step on every column, as float32."""
    return {name: step(table[name].to_numpy().astype(np.float32)) for name in table.column_names}
