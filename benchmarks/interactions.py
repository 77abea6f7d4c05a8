"""The decayed person-item matrix, against a pandas groupby."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from benchmarks.case import Case
from benchmarks.shop import EVENTS, Shop, make_shop
from features.histories.histories import MICROSECONDS_PER_DAY
from features.interactions import InteractionConfig, interaction_matrix

CONFIG = InteractionConfig(half_life_days=60)


def case(scale: float = 1.0) -> Case[sp.csr_matrix]:
    """One matrix over a year of purchases."""
    shop = make_shop(events=int(EVENTS * scale))
    persons = np.arange(shop.histories.n_persons)
    return Case(
        task=f"person-item matrix: {len(shop.frame):,} events, half-life 60 days",
        rows=len(shop.frame),
        ours=lambda: interaction_matrix(shop.histories.as_of(persons, shop.end), CONFIG),
        peer_name="pandas groupby",
        peer=lambda: _with_pandas(shop),
        require_equal=_require_equal,
    )


def _with_pandas(shop: Shop) -> sp.csr_matrix:
    known = shop.frame[shop.frame["time"] < shop.end]
    age = (shop.end - known["time"]) / MICROSECONDS_PER_DAY
    weight = np.exp2(-age / CONFIG.half_life_days)
    cells = weight.groupby([known["person"], known["item"]]).sum()
    person, item = (cells.index.get_level_values(level) for level in (0, 1))
    shape = (shop.histories.n_persons, shop.histories.n_items)
    return sp.csr_matrix((cells.to_numpy(np.float32), (person, item)), shape=shape)


def _require_equal(one: sp.csr_matrix, other: sp.csr_matrix) -> None:
    other.sort_indices()
    np.testing.assert_array_equal(one.indptr, other.indptr)
    np.testing.assert_array_equal(one.indices, other.indices)
    np.testing.assert_allclose(one.data, other.data, rtol=1e-5)
