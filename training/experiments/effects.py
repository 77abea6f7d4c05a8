"""Effects of one treated arm on one outcome: means, ratios and their adjustments, all as lifts of a value per row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from training.experiments.lift import LiftEstimate, arm_mean, estimate_lift, without_interval
from training.metrics.estimates import (
    MINIMUM_OUTCOMES,
    Estimate,
    Parts,
    estimate,
    fieller,
    ratio,
    unknown,
)

RATIO: Final = "sum of the numerator over sum of the denominator per arm (delta method over independent units); "
ADJUSTED: Final = "; adjusted by CUPED: outcome - theta (covariate - its mean), theta = covariance / variance over both arms"
FIELLER: Final = "; relative interval by Fieller, as values may be negative"


@dataclass(frozen=True, eq=False)
class ContrastRows:
    """The rows of one treated arm and the control.

    Attributes:
        treated: shape (n_rows,).
        probability: known probability that the row is treated, shape (n_rows,).
        clusters: independent unit of each row, shape (n_rows,); None = rows are independent.
    """

    treated: BoolArray
    probability: FloatArray
    clusters: IntArray | None

    @property
    def weight(self) -> FloatArray:
        """Inverse probability of the arm received; all ones where it does not vary."""
        if np.ptp(self.probability) < 1e-12:  # noqa: PLR2004 - rounding of a constant
            return np.ones(len(self.treated))
        return np.where(self.treated, 1 / self.probability, 1 / (1 - self.probability))

    def subset(self, keep: BoolArray) -> ContrastRows:
        """The rows where `keep` is True, shape (n_rows,)."""
        return ContrastRows(
            self.treated[keep],
            self.probability[keep],
            None if self.clusters is None else self.clusters[keep],
        )

    def lift(
        self,
        outcome: FloatArray,
        *,
        signed: bool | None = None,
        responded: BoolArray | None = None,
    ) -> LiftEstimate:
        """Lift of a value per row; without an interval where an arm has fewer than `MINIMUM_OUTCOMES` outcomes.

        Args:
            outcome: shape (n_rows,).
            signed: whether what is measured may be negative: its relative interval is then Fieller's, not the one on
                the log scale. None = whether a value is.
            responded: which rows have an outcome, shape (n_rows,); None = those whose value is not 0.
        """
        found = estimate_lift(
            outcome, self.treated, probability=self.probability, clusters=self.clusters
        )
        some = outcome != 0 if responded is None else responded
        if min(np.sum(some & self.treated), np.sum(some & ~self.treated)) < MINIMUM_OUTCOMES:
            return without_interval(found)
        if not ((outcome < 0).any() if signed is None else signed):
            return found
        quotient = fieller(
            arm_mean(outcome, self.treated, self.weight),
            arm_mean(outcome, ~self.treated, self.weight),
            self.clusters,
        )
        known = found.base_mean > 0
        nan = float("nan")
        return replace(
            found,
            relative=found.effect / found.base_mean if known else nan,
            relative_low=quotient.low - 1 if known else nan,
            relative_high=quotient.high - 1 if known else nan,
            convention=found.convention + FIELLER,
        )

    def effect(self, values: FloatArray) -> Parts:
        """Difference of the arm means of a value per row, with its influence."""
        top = arm_mean(values, self.treated, self.weight)
        base = arm_mean(values, ~self.treated, self.weight)
        return top[0] - base[0], top[1] - base[1]


def linearised(
    numerator: FloatArray, denominator: FloatArray, rows: ContrastRows
) -> FloatArray | None:
    """A value per row whose arm means are the arms' ratios, and whose variance is the delta method's.

    L = R + (N - R D) / mean D, with R and mean D of the row's own arm. Intervals of L hold from about 180 rows with a denominator
    in the smaller arm on; at 20 they hold 90 % of the truths.

    Args:
        numerator: N, shape (n_rows,).
        denominator: D, shape (n_rows,).
        rows: arms.

    Returns:
        Shape (n_rows,); None where the denominator of an arm is 0 or negative in sum.

    Source: Deng, Knoblich and Lu (2018), Applying the delta method in metric analytics.
    """
    value = np.empty(len(numerator))
    for arm in (rows.treated, ~rows.treated):
        mean = float(np.average(denominator[arm], weights=rows.weight[arm]))
        if not mean > 0:
            return None
        level = float(np.average(numerator[arm], weights=rows.weight[arm])) / mean
        value[arm] = level + (numerator[arm] - level * denominator[arm]) / mean
    return value


@dataclass(frozen=True, eq=False)
class Adjusted:
    """An outcome after CUPED.

    Attributes:
        values: outcome - theta (covariate - its mean), shape (n_rows,).
        theta: covariance over variance of the covariate, over both arms; 0 where the covariate is constant.
        correlation: of outcome and covariate over both arms; without the effect, variances shrink by its square.
    """

    values: FloatArray
    theta: float
    correlation: float


def cuped(outcome: FloatArray, covariate: FloatArray) -> Adjusted:
    """Take out of an outcome what a covariate known before assignment says of it.

    Args:
        outcome: of the rows of both arms, shape (n_rows,), finite.
        covariate: of the same rows, shape (n_rows,), finite.

    Invariants: a constant covariate changes nothing; scale and origin of the covariate do not matter.

    Source: Deng, Xu, Kohavi and Walker (2013), CUPED.

    Example:
        >>> round(float(np.var(cuped(np.array([1.0, 2, 3]), np.array([2.0, 4, 6])).values)), 12)
        0.0
    """
    centred = covariate - covariate.mean()
    spread = float(np.mean(centred**2))
    if spread <= 0 or not np.ptp(covariate) > 0:
        return Adjusted(outcome, 0.0, 0.0)
    shared = float(np.mean(centred * (outcome - outcome.mean())))
    own = float(np.var(outcome))
    correlation = shared / np.sqrt(spread * own) if own > 0 else 0.0
    theta = shared / spread
    return Adjusted(outcome - theta * centred, theta, float(correlation))


def incremental_ratio(
    numerator: FloatArray, denominator: FloatArray, rows: ContrastRows
) -> Estimate:
    """Change of one column over change of another, with Fieller's interval; unknown where the latter is not told from 0."""
    top, bottom = rows.effect(numerator), rows.effect(denominator)
    if bottom[0] == 0:
        return unknown(len(numerator), len(numerator))
    return fieller(top, bottom, rows.clusters)


def arm_level(
    numerator: FloatArray, denominator: FloatArray | None, arm: BoolArray, rows: ContrastRows
) -> Estimate:
    """Mean of one arm, or its ratio of sums, with a 95 % interval; unknown where the denominator is 0."""
    top = arm_mean(numerator, arm, rows.weight)
    if denominator is None:
        return estimate(*top, rows.clusters)
    return estimate(*ratio(top, arm_mean(denominator, arm, rows.weight)), rows.clusters)
