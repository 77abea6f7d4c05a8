"""Event weights times decay, as arithmetic."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features.histories.histories import microseconds
from features.interactions import InteractionConfig, interaction_matrix

ROWS = (
    ("a", 0, "x", None, 1.0, "view"),
    ("a", 10, "x", None, 1.0),
    ("a", 20, "y", None, 1.0),
    ("b", 20, "y", None, 1.0, "view"),
    ("b", 40, "x", None, 1.0),
)


def test_weights_decay_by_half_lives_and_add_up(make_histories, day):
    config = InteractionConfig(weights={"view": 1.0, "purchase": 4.0}, half_life_days=10)
    matrix = interaction_matrix(make_histories(*ROWS).everyone(day(30)), config)
    expected = [[1 * 0.5**3 + 4 * 0.5**2, 4 * 0.5**1], [0, 1 * 0.5**1]]
    np.testing.assert_allclose(matrix.toarray(), expected, rtol=1e-6)
    assert matrix.dtype == np.float32


def test_an_event_without_weight_counts_nothing(make_histories, day):
    matrix = interaction_matrix(make_histories(*ROWS).everyone(day(30)), InteractionConfig())
    assert (matrix.toarray() > 0).tolist() == [[True, True], [False, False]]
    assert matrix.nnz == 2


def test_an_event_without_item_counts_nothing_whatever_its_weight(make_histories, day):
    histories = make_histories(("a", 1, None, None, 1.0, "page_view"), ("a", 1, "x", None, 1.0))
    config = InteractionConfig(weights={"page_view": 5.0, "purchase": 1.0}, half_life_days=1)
    assert interaction_matrix(histories.everyone(day(2)), config).toarray().tolist() == [[0.5]]


def test_rows_follow_the_view_and_unknown_persons_are_empty(make_histories, day):
    histories = make_histories(*ROWS)
    rows = histories.person_rows(pa.array(["nobody", "a"]))
    matrix = interaction_matrix(histories.as_of(rows, microseconds(day(30))), InteractionConfig())
    assert np.diff(matrix.indptr).tolist() == [0, 2]


@pytest.mark.parametrize("name", ["half_life_days", "weights"])
def test_ranges_are_enforced(name):
    with pytest.raises(ValueError, match="greater than"):
        InteractionConfig(**{name: 0 if name == "half_life_days" else {"purchase": -1}})
