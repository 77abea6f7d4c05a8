"""Folds over rows, whole groups together."""

from __future__ import annotations

import numpy as np

from features.arrays import IntArray


def make_folds(n_rows: int, *, n_folds: int, seed: int, groups: IntArray | None) -> IntArray:
    """Fold of each row, shape (n_rows,), in 0 … n_folds - 1; rows of one group share a fold.

    Args:
        n_rows: number of rows.
        n_folds: number of folds, at least 2.
        seed: seed of the shuffle.
        groups: group of each row, shape (n_rows,); None = every row is its own group.

    Invariants: fold sizes, counted in groups, differ by at most one.
    """
    if groups is None:
        unit, n_units = np.arange(n_rows), n_rows
    else:
        found, unit = np.unique(groups, return_inverse=True)
        n_units = len(found)
    fold_of_unit = np.random.default_rng(seed).permutation(np.arange(n_units) % n_folds)
    return np.asarray(fold_of_unit[unit], dtype=np.int64)
