"""Factors and seen items, for the benchmarks of ranked lists from factors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from features.arrays import ScoreArray
from training.recommenders.als_solver import alternating_least_squares
from training.recommenders.top_k import Eligible

PERSONS = 8_192
ITEMS = 100_000
FACTORS = 64
K = 10
THREADS = 2
_EVENTS_PER_ITEM = 12
_EVENTS_PER_PERSON = 20
_TASTES = 200
_ITERATIONS = 3


@dataclass(frozen=True, eq=False)
class Factors:
    """Persons and items as factors, and the items each person has seen.

    Attributes:
        persons: shape (n_persons, FACTORS).
        items: shape (n_items, FACTORS).
        seen: CSR, shape (n_persons, n_items).
    """

    persons: ScoreArray
    items: ScoreArray
    seen: sp.csr_matrix

    @property
    def eligible(self) -> Eligible:
        return Eligible(np.ones(len(self.items), np.bool_), self.seen)


def fitted_factors(scale: float) -> Factors:
    """Factors of a made-up shop, fitted by alternating least squares; the same in every run.

    Items are as popular as 1 / rank ** 0.9, persons lognormally busy, and 40 % of what a person sees is of the person's
    taste, one of 200.
    """
    rng = np.random.default_rng(21)
    items = max(400, int(ITEMS * scale))
    events = _EVENTS_PER_ITEM * items
    everybody = events // _EVENTS_PER_PERSON
    busy = np.cumsum(rng.lognormal(0, 1.2, everybody))
    person = np.searchsorted(busy, busy[-1] * rng.random(events))
    popular = np.cumsum(np.arange(1, items + 1) ** -0.9)
    item = rng.permutation(items)[np.searchsorted(popular, popular[-1] * rng.random(events))]
    of_taste = rng.zipf(1.3, events) % max(1, items // _TASTES) + person % _TASTES * (
        items // _TASTES
    )
    item = np.where(rng.random(events) < 0.4, of_taste, item)
    counts = sp.coo_matrix(
        (np.ones(events, np.float32), (person, item)), shape=(everybody, items)
    ).tocsr()
    counts.data = (1 + 10 * np.log1p(counts.data)).astype(np.float32)
    rows, columns = alternating_least_squares(
        counts,
        factors=FACTORS,
        regularization=0.05,
        iterations=_ITERATIONS,
        seed=0,
        threads=THREADS,
    )
    known = np.flatnonzero(np.diff(counts.indptr))
    judged = np.sort(rng.permutation(known)[: max(40, int(PERSONS * scale))])
    return Factors(rows[judged], columns, counts[judged])


def shapeless_factors(scale: float) -> Factors:
    """The same persons with random factors: no item is longer than the others, so none can be skipped."""
    fitted = fitted_factors(scale)
    rng = np.random.default_rng(22)
    persons = rng.normal(size=fitted.persons.shape).astype(np.float32)
    items = rng.normal(size=fitted.items.shape).astype(np.float32)
    return replace(fitted, persons=persons, items=items)
