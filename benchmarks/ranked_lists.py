"""Lists of ten and what was bought, for the benchmarks of ranking metrics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.arrays import CodeArray
from training.metrics.ranking import Relevant

K = 10


@dataclass(frozen=True, eq=False)
class Lists:
    """What was recommended, shape (n_rows, K), and what was relevant: one to twelve items per person."""

    recommended: CodeArray
    relevant: Relevant


def make_lists(*, persons: int, items: int) -> Lists:
    """Everybody has a list of different items and at least one relevant item; the same in every run."""
    rng = np.random.default_rng(17)
    start, step = rng.integers(items, size=persons), 1 + 2 * rng.integers(items // 4, size=persons)
    recommended = (start[:, None] + step[:, None] * np.arange(K)) % items
    wanted = rng.integers(1, 13, size=persons)
    row = np.repeat(np.arange(persons), wanted)
    hit = rng.random(len(row)) < 0.3
    item = np.where(
        hit, recommended[row, rng.integers(K, size=len(row))], rng.integers(items, size=len(row))
    )
    return Lists(recommended.astype(np.int32), Relevant.from_pairs(row, item, n_rows=persons))
