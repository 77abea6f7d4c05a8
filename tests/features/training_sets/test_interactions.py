"""The interaction set is the interaction matrix under other numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features import columns as c
from features.interactions import InteractionConfig, interaction_matrix
from features.training_sets.id_maps import IdMap
from features.training_sets.interactions import (
    interaction_rows,
    interaction_schema,
    read_interactions,
)
from features.training_sets.parts import person_parts

CONFIG = InteractionConfig(weights={"purchase": 1.0, "view": 0.2}, half_life_days=20)


def maps(histories):
    """Numbers in another order than the codes, with a gap."""
    return [
        IdMap.empty()
        .extended(pa.array(["gone"], pa.string()))
        .extended(pa.array(ids[half], pa.string()))
        .extended(pa.array(ids, pa.string()))
        for ids, half in (
            (histories.person_ids, slice(10, 20)),
            (histories.item_ids, slice(4, 6)),
        )
    ]


def test_the_rows_are_the_matrix(shop, day):
    persons, items = maps(shop)
    rows = pa.concat_tables(
        interaction_rows(part, CONFIG, as_of=day(40), persons=persons, items=items)
        for part in person_parts(shop, partitions=3)
    )
    assert rows.schema.equals(interaction_schema())
    matrix = read_interactions(rows, persons=persons, items=items)
    assert matrix.shape == (shop.n_persons + 1, shop.n_items + 1)
    assert matrix[0].nnz == 0
    person = persons.numbers_of(pa.array(shop.person_ids, pa.string()))
    item = items.numbers_of(pa.array(shop.item_ids, pa.string()))
    expected = interaction_matrix(shop.everyone(day(40)), CONFIG).toarray()
    np.testing.assert_array_equal(matrix.toarray()[np.ix_(person, item)], expected)
    assert rows[c.WEIGHT].to_numpy().min() > 0
