"""Estimates on regions as weights: the treated regions' mean, less what the controls say it would have been."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from features.arrays import BoolArray, FloatArray
from training.experiments.regions.config import RegionMethod


def contrast_weights(method: RegionMethod, before: FloatArray, treated: BoolArray) -> FloatArray:
    """A weight per region and assignment: 1 over their number for the treated, minus the weights of the controls.

    Args:
        method: equal weights for the controls, or those of a synthetic control.
        before: level of each region in the period before, over its own mean there, shape (n_regions, n_days).
        treated: assignments, shape (n_assignments, n_regions).

    Returns:
        Shape (n_assignments, n_regions). Each row sums to 0; weights of controls are not above 0.
    """
    share: FloatArray = treated / treated.sum(axis=1, keepdims=True)
    if method == "difference_in_differences":
        return np.asarray(share - ~treated / (~treated).sum(axis=1, keepdims=True), np.float64)
    gram = before @ before.T
    weights: FloatArray = share.copy()
    for row, assignment in enumerate(treated):
        control = np.flatnonzero(~assignment)
        weights[row, control] = -_of_products(gram, share[row], control)
    return weights


def synthetic_weights(target: FloatArray, controls: FloatArray) -> FloatArray:
    """Weights of controls, none below 0, summing to 1, whose weighted series is nearest to the target's.

    Args:
        target: shape (n_days,).
        controls: shape (n_controls, n_days).

    Returns:
        Shape (n_controls,).

    Source: Abadie, Diamond and Hainmueller (2010), Synthetic control methods, without covariates. Solved by non-negative least
    squares: for weights w = s u with u summing to 1, ||G w||^2 + (sum w - 1)^2 with G = controls - target is least over s at
    g / (1 + g), g = ||G u||^2, which rises with g; so the solution over its sum is the wanted u.

    Example:
        >>> synthetic_weights(np.array([1.0, 2.0]), np.array([[0.0, 2.0], [4.0, 2.0]]))
        array([0.75, 0.25])
    """
    series = np.vstack([target, controls])
    one = np.zeros(len(series))
    one[0] = 1.0
    return _of_products(series @ series.T, one, np.arange(1, len(series)))


def _of_products(gram: FloatArray, target: FloatArray, control: np.ndarray) -> FloatArray:
    """The weights from inner products of series alone; `target` is a mix of series."""
    to_target = gram[control] @ target
    own = target @ gram @ target
    apart = gram[np.ix_(control, control)] - to_target[:, None] - to_target[None, :] + own
    scale = max(float(np.trace(apart)) / len(control), np.finfo(np.float64).tiny)
    value, vector = np.linalg.eigh(apart / scale)
    root = np.sqrt(np.clip(value, 0, None))[:, None] * vector.T
    system = np.vstack([root, np.ones(len(control))])
    goal = np.zeros(len(system))
    goal[-1] = 1.0
    found, _ = nnls(system, goal)
    return np.asarray(found / found.sum(), np.float64)
