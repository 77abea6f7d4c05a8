"""The share of their own orders that contacts cost people, by how often they visit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from features.arrays import BoolArray, FloatArray
from training.uplift.doubly_robust import DoublyRobustScores

_ABOVE: Final = (0.8, 0.9, 0.95)  # shares of persons who visit less often
_LEAST_CHANCE: Final = 0.002
_SPREAD: Final = (
    1 / 8,
    1 / 4,
    1 / 2,
    1.0,
)  # of the steps before anything is known: harm is sought among the frequent


@dataclass(frozen=True, eq=False)
class Losses:
    """A step for everybody, and one more for the most frequent fifth, tenth and twentieth of visitors.

    Attributes:
        limits: visits from which the later steps count, shape (3,).
        steps: what each step adds to the relative effect of a contact, shape (4,).
    """

    limits: FloatArray
    steps: FloatArray

    @classmethod
    def learn(
        cls,
        visits: FloatArray,
        scores: DoublyRobustScores,
        *,
        weight: FloatArray,
        unchosen: BoolArray,
        prior: float,
    ) -> Self:
        """Weighted ridge regression, through the origin, of the effect relative to the chance of an order.

        Args:
            visits: shape (n,), how often each row's person visits, in any rising scale.
            scores: of the effect on orders, and the chance of one without contact.
            weight: shape (n,), p (1 - p) of the probability p of a contact.
            unchosen: shape (n,), rows that no policy picked: the limits are shares of these.
            prior: standard deviation of the last step that is expected before anything is known; of each step before half.
        """
        limits = np.quantile(visits[unchosen], _ABOVE).astype(np.float64)
        chance = np.maximum(scores.control, _LEAST_CHANCE)
        relative = scores.effect / chance
        counts = weight * chance  # inverse variance of the relative effect, where orders are rare
        design = _design(visits, limits)
        moment = design.T @ (design * counts[:, None])
        spread = prior * np.array(_SPREAD)
        steps = np.linalg.solve(moment + np.diag(spread**-2), design.T @ (relative * counts))
        return cls(limits, steps.astype(np.float64))

    def share(self, visits: FloatArray) -> FloatArray:
        """Share of orders lost by a contact, shape of `visits`, in [0, 1]."""
        return np.clip(-_design(visits, self.limits) @ self.steps, 0.0, 1.0)


def _design(visits: FloatArray, limits: FloatArray) -> FloatArray:
    above = visits[:, None] >= limits
    return np.column_stack([np.ones(len(visits)), above]).astype(np.float64)
