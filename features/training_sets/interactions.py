"""The interaction set: event weights x time decay of every person and item, under numbers that never change."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from features import columns as c
from features.histories.histories import Histories
from features.interactions import InteractionConfig, interaction_matrix
from features.training_sets.id_maps import IdMap

KEYS: Final = (c.PERSON_ID, c.PERSON_NUMBER, c.ITEM_NUMBER)
"""What identifies a row."""


def interaction_rows(
    part: Histories,
    config: InteractionConfig,
    *,
    as_of: datetime,
    persons: IdMap,
    items: IdMap,
) -> pa.Table:
    """The weights of some persons.

    Args:
        part: whole histories of these persons.
        config: weights and half-life.
        as_of: events at or after it are not seen.
        persons: numbers of persons; these have one.
        items: numbers of items; theirs have one.

    Returns:
        person_id, person_number, item_number, weight (float32, above 0); by person, then by item number.

    Invariants: unchanged by events at or after `as_of`.
    """
    cells = interaction_matrix(part.everyone(as_of), config).tocoo()
    number = items.numbers_of(pa.array(part.item_ids, pa.string()))[cells.col]
    order = np.lexsort((number, cells.row))
    row = cells.row[order]
    ids = pa.array(part.person_ids, pa.string())
    return pa.table(
        {
            c.PERSON_ID: ids.take(pa.array(row)),
            c.PERSON_NUMBER: persons.numbers_of(ids)[row],
            c.ITEM_NUMBER: number[order],
            c.WEIGHT: cells.data[order].astype(np.float32),
        }
    )


def interaction_schema() -> pa.Schema:
    """Columns of `interaction_rows`."""
    return pa.schema(
        [
            (c.PERSON_ID, pa.string()),
            (c.PERSON_NUMBER, pa.int64()),
            (c.ITEM_NUMBER, pa.int64()),
            (c.WEIGHT, pa.float32()),
        ]
    )


def read_interactions(rows: pa.Table, *, persons: IdMap, items: IdMap) -> sp.csr_matrix:
    """The matrix of stored rows: CSR float32, shape (persons.free, items.free); a number given to nobody is empty."""
    place = (rows[c.PERSON_NUMBER].to_numpy(), rows[c.ITEM_NUMBER].to_numpy())
    shape = (persons.free, items.free)
    matrix = sp.coo_matrix((rows[c.WEIGHT].to_numpy(), place), shape=shape).tocsr()
    matrix.sort_indices()
    return matrix
