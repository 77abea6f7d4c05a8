from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.metrics.estimates import cluster_sums


@pytest.mark.parametrize("codes", [[3, 0, 3, 1], [10**9, 0, 10**9, 7], [-1, -9, -1, -2]])
def test_values_are_summed_by_cluster_in_the_order_of_codes(codes: list[int]) -> None:
    found = cluster_sums(np.array([1.0, 10, 100, 1000]), np.array(codes))
    by_code = {codes[0]: 1.0 + 100, codes[1]: 10.0, codes[3]: 1000.0}
    assert found.tolist() == [by_code[code] for code in sorted(by_code)]


@given(st.lists(st.tuples(st.integers(-3, 40), st.integers(-9, 9)), min_size=1, max_size=12))
def test_sums_do_not_depend_on_what_clusters_are_called(pairs: list[tuple[int, int]]) -> None:
    codes, values = (np.array(part) for part in zip(*pairs, strict=True))
    expected = [values[codes == code].sum() for code in np.unique(codes)]
    assert cluster_sums(values.astype(float), codes).tolist() == expected
