"""Random factors and seen items, for the benchmarks of ranked lists from factors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from features.arrays import ScoreArray
from training.recommenders.top_k import Eligible

PERSONS = 4_096
ITEMS = 100_000
FACTORS = 64
SEEN = 20
K = 10
THREADS = 2


@dataclass(frozen=True, eq=False)
class Factors:
    """Persons and items as factors, and the items each person has seen.

    Attributes:
        persons: shape (n_persons, FACTORS).
        items: shape (n_items, FACTORS).
        seen: CSR of ones, shape (n_persons, n_items).
    """

    persons: ScoreArray
    items: ScoreArray
    seen: sp.csr_matrix

    @property
    def eligible(self) -> Eligible:
        return Eligible(np.ones(len(self.items), np.bool_), self.seen)


def make_factors(scale: float) -> Factors:
    """The same in every run."""
    rng = np.random.default_rng(21)
    persons, items = max(40, int(PERSONS * scale)), max(400, int(ITEMS * scale))
    row = np.repeat(np.arange(persons), SEEN)
    seen = sp.coo_matrix(
        (np.ones(len(row), np.float32), (row, rng.integers(items, size=len(row)))),
        shape=(persons, items),
    ).tocsr()
    seen.data[:] = 1
    return Factors(
        persons=rng.normal(size=(persons, FACTORS)).astype(np.float32),
        items=rng.normal(size=(items, FACTORS)).astype(np.float32),
        seen=seen,
    )
