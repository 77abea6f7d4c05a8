"""Which rows the lot was drawn for: rows, or the clusters they belong to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.arrays import BoolArray, IntArray


def first_rows(arm: npt.NDArray[np.generic], cluster: IntArray | None) -> BoolArray:
    """One row per draw of the lot: the first row of a cluster where every cluster is in one arm, else every row.

    Args:
        arm: assigned arm of each row, shape (n_rows,).
        cluster: independent unit of each row, shape (n_rows,); None = every row.

    Returns:
        Shape (n_rows,). Where a cluster is in several arms its rows were drawn one by one.

    Example:
        >>> first_rows(np.array([0, 0, 1, 1]), np.array([7, 7, 8, 9]))
        array([ True, False,  True,  True])
    """
    everyone = np.ones(len(arm), np.bool_)
    if cluster is None or not len(arm):
        return everyone
    _, first, code = np.unique(cluster, return_index=True, return_inverse=True)
    if (arm != arm[first][code]).any():
        return everyone
    drawn = np.zeros(len(arm), np.bool_)
    drawn[first] = True
    return drawn
