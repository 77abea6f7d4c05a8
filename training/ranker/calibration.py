"""From a ranker's raw score to a purchase probability, and how far off that probability is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from features.arrays import FloatArray, IntArray
from training.metrics.intervals import Interval

_SMALL: Final = 1e-10
_LEAST_SLOPE: Final = 1e-6
_BINS: Final = 10


@dataclass(frozen=True)
class Calibration:
    """Probability = 1 / (1 + exp(-(intercept + slope * score))).

    Invariants: the slope is above 0, so a higher score never has a lower probability.
    """

    intercept: float
    slope: float

    def probability(self, score: FloatArray) -> FloatArray:
        """Shape of the scores, in (0, 1)."""
        probability: FloatArray = expit(self.intercept + self.slope * score)
        return probability


def fit_calibration(score: FloatArray, label: IntArray) -> Calibration:
    """Maximum likelihood of intercept and slope by Newton steps within a trusted region.

    Args:
        score: raw scores, shape (n,).
        label: 1 = taken up, shape (n,). The counts of Platt's prior are added, so that one class alone does no harm.

    Source: Platt (1999), with the targets (hits + 1) / (hits + 2) and 1 / (misses + 2).
    """
    hits, misses = float(label.sum()), float(len(label) - label.sum())
    target = np.where(label > 0, (hits + 1) / (hits + 2), 1 / (misses + 2))
    spread = float(score.std()) or 1.0
    columns = np.column_stack([np.ones(len(score)), (score - score.mean()) / spread])

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        linear = columns @ parameters
        gradient = columns.T @ (expit(linear) - target) / len(target)
        return float(np.mean(np.logaddexp(0, linear) - target * linear)), gradient

    def curvature(parameters: FloatArray) -> FloatArray:
        probability = expit(columns @ parameters)
        weighted = columns * (probability * (1 - probability))[:, None]
        curve: FloatArray = columns.T @ weighted / len(target)
        return curve

    start = np.array([np.log((hits + 1) / (misses + 1)), 0.0])
    found = minimize(
        loss, start, jac=True, hess=curvature, method="trust-exact", options={"gtol": _SMALL}
    )
    parameters = found.x
    slope = max(float(parameters[1]) / spread, _LEAST_SLOPE)
    return Calibration(float(parameters[0]) - slope * float(score.mean()), slope)


@dataclass(frozen=True)
class ReliabilityBin:
    """Candidates of like probability.

    Attributes:
        predicted: their mean probability.
        observed: share of them that was taken up.
        candidates: their number.
    """

    predicted: float
    observed: float
    candidates: int


@dataclass(frozen=True)
class Reliability:
    """How far probabilities are off.

    Attributes:
        table: bins of about as many candidates each, rising.
        error: expected calibration error: mean over candidates of |predicted - observed| of their bin, with its interval.
    """

    table: tuple[ReliabilityBin, ...]
    error: Interval


def reliability(
    probability: FloatArray,
    label: IntArray,
    person: IntArray,
    *,
    replicates: int = 1_000,
    level: float = 0.95,
    rng: int | np.random.Generator,
) -> Reliability:
    """Reliability table and expected calibration error.

    Args:
        probability: shape (n,), in (0, 1).
        label: 1 = taken up, shape (n,).
        person: shape (n,), a number per person; persons are resampled, as the candidates of one hang together.
        replicates: number of resamples.
        level: confidence level of the percentile interval.
        rng: seed or generator.

    Returns:
        Ten bins, fewer where probabilities tie. The error of a perfect model is above 0 too, by chance.

    Source: expected calibration error on bins of equal mass, Naeini et al. (2015).
    """
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, _BINS + 1)[1:-1]))
    place = np.searchsorted(edges, probability, side="left")
    _, number = np.unique(person, return_inverse=True)
    shape = (number.max(initial=-1) + 1, len(edges) + 1)
    key = number * shape[1] + place
    size, predicted, observed = (
        np.bincount(key, weights=weights, minlength=shape[0] * shape[1]).reshape(shape)
        for weights in (np.ones(len(key)), probability, label)
    )
    table = tuple(
        ReliabilityBin(float(p / n), float(o / n), int(n))
        for p, o, n in zip(
            predicted.sum(axis=0), observed.sum(axis=0), size.sum(axis=0), strict=True
        )
        if n
    )
    generator = np.random.default_rng(rng)
    weights = generator.multinomial(shape[0], np.full(shape[0], 1 / shape[0]), size=replicates)
    gaps = np.abs(weights @ (predicted - observed)).sum(axis=1) / (weights @ size).sum(axis=1)
    low, high = np.quantile(gaps, [(1 - level) / 2, (1 + level) / 2])
    error = float(np.abs((predicted - observed).sum(axis=0)).sum() / len(probability))
    return Reliability(table, Interval(error, float(low), float(high), int(shape[0])))
