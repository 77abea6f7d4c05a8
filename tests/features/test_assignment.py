"""Hash draws: pinned, uniform, independent of order and of each other."""

from __future__ import annotations

import hashlib

import numpy as np
from scipy import stats

from features.assignment import uniform


def test_a_draw_is_the_first_53_bits_of_the_hash():
    digest = hashlib.sha256(b"salt|p1").hexdigest()
    assert uniform(["p1"], salt="salt")[0] == (int(digest[:16], 16) >> 11) / 2**53


def test_order_and_company_do_not_matter():
    alone = uniform(["b"], salt="s")
    assert uniform(["a", "b"], salt="s")[1] == uniform(["b", "c"], salt="s")[0] == alone[0]


def test_draws_are_uniform_and_salts_independent():
    units = [str(number) for number in range(20_000)]
    one, other = uniform(units, salt="one"), uniform(units, salt="other")
    assert stats.kstest(one, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(len(units))
    assert one.min() >= 0
    assert one.max() < 1
