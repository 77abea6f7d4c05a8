"""Many effects looked at together: each moved towards their mean, as far as its noise asks for."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import brentq

from features.arrays import FloatArray

FEWEST: Final = 4
"""Effects of which the spread tells something; with fewer none is moved."""


class Moved(NamedTuple):
    """Effects after moving them, shape (n,) each.

    Attributes:
        effect: towards the mean.
        se: root of the error that is left, with that of the mean and of the spread between effects.
    """

    effect: FloatArray
    se: FloatArray


def shrink(effect: FloatArray, noise: FloatArray) -> Moved:
    """Effects moved towards their mean m: b* = b + B (m - b), B = (k - 3) / (k - 1) v / (v + t) for the noise v of one of k.

    What is far from the mean for its noise gets the wider interval: its error holds that of t.

    Args:
        effect: shape (n,), finite.
        noise: squared standard errors, shape (n,), > 0.

    Returns:
        As they are where there are fewer than `FEWEST`.

    Invariants: every effect stays between itself and the mean.

    Source: Morris (1983), Parametric empirical Bayes inference, section 5.
    """
    count = len(effect)
    if count < FEWEST:
        return Moved(effect, np.sqrt(noise))
    between = between_variance(effect, noise)
    weight = 1 / (between + noise)
    mean = weight @ effect / weight.sum()
    pull = (count - 3) / (count - 1) * noise * weight
    typical = weight @ noise / weight.sum()
    unsure = 2 / (count - 3) * pull**2 * (typical + between) * weight
    left = noise * (1 - (count - 1) / count * pull) + unsure * (effect - mean) ** 2
    return Moved(effect + pull * (mean - effect), np.sqrt(left))


def between_variance(effect: FloatArray, noise: FloatArray) -> float:
    """Variance of the true effects, never below 0: where their squared distances from the mean are what it and the noise make them.

    Args:
        effect: shape (n,).
        noise: their squared standard errors, shape (n,).

    Source: Paule and Mandel (1982), Consensus values and weighting factors. Unlike weights of the noise alone (DerSimonian and
    Laird) it sees that few effects, though measured badly, are far from the rest.
    """

    def excess(between: float) -> float:
        weight = 1 / (between + noise)
        mean = weight @ effect / weight.sum()
        return float(weight @ (effect - mean) ** 2) - (len(effect) - 1)

    if excess(0.0) <= 0:
        return 0.0
    most = float(np.ptp(effect)) ** 2 * len(effect)
    return float(brentq(excess, 0.0, most, xtol=1e-12 * most))
