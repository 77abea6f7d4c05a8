"""The lift of treated regions with its p-value and interval from the assignments that the lot could have made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray

_TIE: Final = 1e-9
"""Relative difference below which two statistics count as the same."""


@dataclass(frozen=True)
class RegionLift:
    """A relative effect on the treated regions.

    Attributes:
        relative: level of the treated regions over what it would have been, less 1.
        low, high: interval at 1 - alpha; `high` infinite and `low` -1 where no value is refused.
        p_value: two-sided, against no effect.
        assignments: in the placebo distribution.
    """

    relative: float
    low: float
    high: float
    p_value: float
    assignments: int


@dataclass(frozen=True, eq=False)
class Placebos:
    """Statistics of every assignment, if the treated regions' level were divided by 1 + an effect.

    The statistic of assignment a is `fixed[a] + x treated[a]`, where x = 1 / (1 + effect): the weights depend on the period
    before alone, so it is linear in the levels after.

    Attributes:
        fixed: what regions that were not treated add, shape (n_assignments,); the real assignment comes first.
        treated: what treated regions add, shape (n_assignments,).
    """

    fixed: FloatArray
    treated: FloatArray

    @classmethod
    def of(cls, weights: FloatArray, after: FloatArray, treated: BoolArray) -> Placebos:
        """From contrast weights, shape (n_assignments, n_regions), and levels after over those before, shape (n_regions,)."""
        return cls(weights @ (after * ~treated), weights @ (after * treated))

    def p_value(self, effect: float) -> float:
        """Share of assignments whose statistic is as far from 0 as the real one's, were `effect` the truth."""
        return float(self._as_extreme(np.array([1 / (1 + effect)]))[0])

    def lift(self, *, alpha: float) -> RegionLift:
        """The effect that makes the real statistic 0, and the smallest interval with every effect that a test at alpha does not refuse.

        Args:
            alpha: of the test; the interval's level is 1 - alpha.

        Invariants: holds the truth with probability 1 - alpha or more for any outcomes, if the assignment was by lot and every
        treated region's level rose by the same share.

        Source: Fisher (1935), The design of experiments; inverted as in Rosenbaum (2002), Observational studies, chapter 2.
        """
        inverse = -self.fixed[0] / self.treated[0]
        low, high = self._accepted(alpha)
        return RegionLift(
            relative=1 / inverse - 1,
            low=1 / high - 1 if np.isfinite(high) else -1.0,
            high=1 / low - 1 if low > 0 else float("inf"),
            p_value=self.p_value(0.0),
            assignments=len(self.fixed),
        )

    def _accepted(self, alpha: float) -> tuple[float, float]:
        """Ends of the values x that are not refused; between two crossings of statistics nothing changes."""
        with np.errstate(divide="ignore", invalid="ignore"):
            crossings = np.concatenate(
                [
                    -(self.fixed - side * self.fixed[0]) / (self.treated - side * self.treated[0])
                    for side in (1, -1)
                ]
            )
        crossings = np.unique(crossings[np.isfinite(crossings) & (crossings > 0)])
        if not len(crossings):
            return 0.0, float("inf")
        ends = np.concatenate([[0.0], crossings, [np.inf]])
        inside = np.concatenate(
            [[crossings[0] / 2], (crossings[1:] + crossings[:-1]) / 2, [2 * crossings[-1]]]
        )
        kept = np.flatnonzero(self._as_extreme(inside) > alpha)
        return float(ends[kept[0]]), float(ends[kept[-1] + 1])

    def _as_extreme(self, inverse: FloatArray) -> FloatArray:
        statistic = np.abs(self.fixed + inverse[:, None] * self.treated)
        return np.asarray((statistic >= statistic[:, :1] * (1 - _TIE)).mean(axis=1), np.float64)
