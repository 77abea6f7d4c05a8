"""What a company without the truth would say a policy earned, and whether the truth lies in the interval."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from serving.proof.decided import Decided
from serving.proof.intervals import by_unit, difference, skewed_interval
from training.uplift.base import TrialRows
from training.uplift.base_models.linear import LinearConfig
from training.uplift.doubly_robust import doubly_robust_scores

HOLDOUT: Final = "holdout"
DOUBLY_ROBUST: Final = "doubly robust"

_OUTCOME: Final = LinearConfig(penalty=100)
_FOLDS: Final = 3
_LEAST: Final = 2  # rows of an arm that a variance needs


class Judged(NamedTuple):
    """An estimate of the profit per chosen person and week, beside the exact one.

    Attributes:
        method: `HOLDOUT` or `DOUBLY_ROBUST`.
        week: number of the decision; -1 = all weeks together.
        value, low, high: estimate and 95 % interval, money.
        exact: money.
    """

    method: str
    week: int
    value: float
    low: float
    high: float
    exact: float

    @property
    def covers(self) -> bool:
        """Whether the interval holds the exact value."""
        return self.low <= self.exact <= self.high


def judge(decided: Decided, *, seed: int) -> list[Judged]:
    """Estimates from the persons whom a policy chose, some of whom were held out by lot; empty where it chose nobody.

    The outcome is the margin of the week less the money paid for impressions. `HOLDOUT` is the difference of the arms'
    means, `DOUBLY_ROBUST` the mean of cross-fitted scores with a linear outcome model; intervals allow for skewness. Over all
    weeks a person is one unit, however often chosen. A week with fewer than two persons in an arm has no estimate.

    Args:
        decided: of one policy.
        seed: of the folds.
    """
    rows = decided.where(decided.chosen)
    if len(rows.person) == 0:
        return []
    profit = rows.margin - rows.cost
    scores = doubly_robust_scores(
        TrialRows(
            matrix=rows.features.astype(np.float64),
            outcome=profit,
            treated=rows.treated,
            probability=rows.probability,
            kind="continuous",
            groups=rows.person,
        ),
        config=_OUTCOME,
        n_folds=_FOLDS,
        seed=seed,
    ).effect
    found = []
    for week in (-1, *np.unique(rows.moment).tolist()):
        of = np.ones(len(profit), np.bool_) if week < 0 else rows.moment == week
        part = rows.where(of)
        exact = float((part.effect - part.price).mean())
        if min(part.treated.sum(), (~part.treated).sum()) < _LEAST:
            continue
        mean = float(scores[of].mean())
        estimates = {
            HOLDOUT: difference(profit[of], part.treated),
            DOUBLY_ROBUST: (mean, (scores[of] - mean) / of.sum()),
        }
        for method, (value, influence) in estimates.items():
            low, high = skewed_interval(value, by_unit(influence, part.person))
            found.append(Judged(method, week, value, low, high, exact))
    return found


def coverage(found: Iterator[Judged], method: str, *, weekly: bool) -> tuple[int, int]:
    """How many intervals of a method hold the truth, of how many."""
    covers = [each.covers for each in found if each.method == method and (each.week >= 0) == weekly]
    return sum(covers), len(covers)
