"""Which items are bought together: baskets, joint counts and lift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from features.arrays import FloatArray
from training.recommenders.observed import ItemEvents


@dataclass(frozen=True, eq=False)
class JointBaskets:
    """How often items share a basket.

    Attributes:
        joint: CSR, shape (n_items, n_items), baskets that hold both; without the diagonal.
        single: shape (n_items,), baskets that hold the item.
        baskets: number of baskets.
    """

    joint: sp.csr_matrix
    single: FloatArray
    baskets: int

    def lift(self) -> sp.csr_matrix:
        """Joint baskets over those expected if items fell into baskets independently; same stored entries as `joint`."""
        pairs = self.joint.tocoo()
        expected = self.single[pairs.row] * self.single[pairs.col] / self.baskets
        return sp.csr_matrix((pairs.data / expected, (pairs.row, pairs.col)), shape=pairs.shape)


def basket_matrix(events: ItemEvents, *, gap_days: float, n_items: int) -> sp.csr_matrix:
    """Which basket holds which item, CSR of ones, shape (n_baskets, n_items), in the order of `ItemEvents.sessions`."""
    session, row = events.sessions(gap_days=gap_days)
    shape = (len(row), n_items)
    held = sp.coo_matrix((np.ones(len(session), np.float32), (session, events.item)), shape=shape)
    matrix = held.tocsr()
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def joint_baskets(baskets: sp.csr_matrix, *, minimum_baskets: int) -> JointBaskets:
    """Counts over baskets of two items or more apart; pairs below the minimum are left out.

    Args:
        baskets: CSR of ones, shape (n_baskets, n_items).
        minimum_baskets: joint baskets a pair needs, >= 1.
    """
    single = np.bincount(baskets.indices, minlength=baskets.shape[1]).astype(np.float64)
    often = np.flatnonzero(single >= minimum_baskets)
    part = baskets[:, often]
    part = part[np.diff(part.indptr) > 1]
    found = (part.T @ part).tocoo()
    keep = (found.data >= minimum_baskets) & (found.row != found.col)
    pairs = (often[found.row[keep]], often[found.col[keep]])
    shape = (baskets.shape[1], baskets.shape[1])
    joint = sp.csr_matrix((found.data[keep].astype(np.float64), pairs), shape=shape)
    joint.sort_indices()
    return JointBaskets(joint, single, baskets.shape[0])
