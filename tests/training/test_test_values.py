"""Values of two models are paired by whom they belong to, not by their place."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from features import columns as c
from features.tables import TIMESTAMP
from training.test_values import TestValues, values_table

NAN = np.nan
WEEKS = pa.array([datetime(2017, 12, 4, tzinfo=UTC), datetime(2017, 12, 11, tzinfo=UTC)], TIMESTAMP)


def table(values, persons):
    return TestValues(
        values_table(
            np.array(values, dtype=np.float64),
            names=["ndcg_at_10.all", "ndcg_at_10.novel"],
            units=pa.array(persons),
            lists=WEEKS,
            keys=(c.PERSON_ID, c.AS_OF),
        )
    )


def test_only_what_was_evaluated_is_kept():
    found = table([[[0.5, NAN], [NAN, NAN]], [[NAN, NAN], [0.25, 0.75]]], ["a", "b"])
    assert found.metrics == ["ndcg_at_10.all", "ndcg_at_10.novel"]
    assert found.table.to_pylist() == [
        {
            "person_id": "a",
            "as_of": WEEKS[0].as_py(),
            "ndcg_at_10.all": 0.5,
            "ndcg_at_10.novel": None,
        },
        {
            "person_id": "b",
            "as_of": WEEKS[1].as_py(),
            "ndcg_at_10.all": 0.25,
            "ndcg_at_10.novel": 0.75,
        },
    ]


def test_rows_are_paired_by_person_and_week():
    ours = table([[[0.1, 1], [0.2, 1]], [[0.3, 1], [NAN, NAN]]], ["a", "b"])
    # 'a' was erased from the other's table, and 'c' was never in ours
    theirs = table([[[0.7, 1], [0.6, 1]], [[0.9, 1], [0.8, 1]]], ["b", "c"])
    paired = ours.paired(theirs, "ndcg_at_10.all")
    assert paired.shape == (1, 1, 2)
    assert paired[0, 0].tolist() == [0.3, 0.7]
    itself = ours.paired(ours, "ndcg_at_10.all")
    assert np.nanmax(np.abs(itself[:, :, 0] - itself[:, :, 1])) == 0
    assert np.isnan(itself).sum() == 2  # b in the second week


def test_nobody_in_common_gives_no_pair():
    assert table([[[1, 1], [1, 1]]], ["a"]).paired(
        table([[[1, 1], [1, 1]]], ["b"]), "ndcg_at_10.all"
    ).shape == (0, 0, 2)
