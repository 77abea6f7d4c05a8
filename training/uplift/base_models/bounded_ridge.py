"""Ridge regression with bounds on its coefficients, solved exactly."""

from __future__ import annotations

import numpy as np
from scipy import linalg, optimize

from features.arrays import FloatArray


def fit_bounded_ridge(
    design: FloatArray,
    target: FloatArray,
    weight: FloatArray | None,
    *,
    penalty: float,
    signs: FloatArray,
) -> tuple[FloatArray, float]:
    """Coefficients and intercept that minimise sum w (y - a - Xb)^2 + penalty b'b with b of the given signs.

    Args:
        design: X, shape (n_rows, n_columns).
        target: y, shape (n_rows,).
        weight: w, positive, shape (n_rows,); None = all one.
        penalty: > 0.
        signs: shape (n_columns,); +1 = b >= 0, -1 = b <= 0, 0 = free.

    Invariants: no coefficient has a forbidden sign, not by rounding either; without active bounds it is ridge
    regression.
    """
    share = np.ones(len(target)) if weight is None else weight
    mean = np.average(design, axis=0, weights=share)
    level = float(np.average(target, weights=share))
    centred = design - mean
    power = (centred * share[:, None]).T @ centred + penalty * np.eye(design.shape[1])
    root = np.linalg.cholesky(power)  # |root' b - goal|^2 differs from the loss by a constant
    goal = linalg.solve_triangular(root, centred.T @ (share * (target - level)), lower=True)
    low, high = np.where(signs > 0, 0.0, -np.inf), np.where(signs < 0, 0.0, np.inf)
    found = optimize.lsq_linear(root.T, goal, bounds=(low, high), method="bvls").x
    coefficients: FloatArray = np.clip(found, low, high)
    return coefficients, level - float(mean @ coefficients)
