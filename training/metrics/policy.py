"""What a rule 'contact these people' is worth, before anybody is contacted: doubly robust, with cost, with intervals.

Value is counted over contacting nobody, in units of money per eligible person: V = mean(contact x (value x G - cost)), G
the doubly robust score. A rule must not have been chosen on the rows it is valued on: fix thresholds on other rows, or use
`best_share`, which allows for the choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from training.metrics.estimates import Estimate, Parts, check_rows, estimate, ratio


@dataclass(frozen=True)
class PolicyReport:
    """A rule beside the rules anybody could follow.

    Attributes:
        share: of the rows that the rule contacts.
        cost: mean cost per row.
        value: of the rule; contacting nobody has the value 0.
        contact_all: value of contacting everybody.
        random: value of contacting at random at the same mean cost.
        over_all, over_random: paired differences.
    """

    share: float
    cost: float
    value: Estimate
    contact_all: Estimate
    random: Estimate
    over_all: Estimate
    over_random: Estimate


def policy_value(
    effect: FloatArray,
    contact: FloatArray | BoolArray,
    *,
    cost: FloatArray | float,
    value: float = 1.0,
    clusters: IntArray | None = None,
) -> Estimate:
    """Value per row of a rule, over contacting nobody.

    Args:
        effect: G, in units of the outcome, shape (n_rows,), finite.
        contact: whether (or with which probability, in [0, 1]) the rule contacts a row, shape (n_rows,).
        cost: of contacting, in money, >= 0, shape (n_rows,) or one number.
        value: of one unit of the outcome, in money.
        clusters: independent unit of each row, shape (n_rows,); None = rows are independent.

    Raises:
        ValueError: shapes differ, no rows, a value is not finite, a probability outside [0, 1] or a negative cost.

    Source: the doubly robust (augmented inverse-probability) off-policy value of Dudík, Langford and Li (2011).

    Example:
        >>> import numpy as np
        >>> policy_value(np.array([3.0, 1.0]), np.array([True, False]), cost=0.5).value  # (3 - 0.5) / 2
        1.25
    """
    return estimate(*_parts(effect, contact, cost, value), clusters)


def policy_difference(
    effect: FloatArray,
    contact: FloatArray | BoolArray,
    other: FloatArray | BoolArray,
    *,
    cost: FloatArray | float,
    value: float = 1.0,
    clusters: IntArray | None = None,
) -> Estimate:
    """Value of `contact` minus value of `other`, paired on the same rows. Arguments and errors as in `policy_value`."""
    one, influence = _parts(effect, contact, cost, value)
    two, other_influence = _parts(effect, other, cost, value)
    return estimate(one - two, influence - other_influence, clusters)


def judge_policy(
    effect: FloatArray,
    contact: FloatArray | BoolArray,
    *,
    cost: FloatArray | float,
    value: float = 1.0,
    clusters: IntArray | None = None,
) -> PolicyReport:
    """A rule beside contacting everybody, nobody, and at random at the same cost.

    The random rule contacts with one probability for everybody, so that its mean cost is that of the rule (its share of
    the rows where contacting costs nothing). Arguments and errors as in `policy_value`.
    """
    own = _parts(effect, contact, cost, value)
    everybody = _parts(effect, np.ones(len(effect)), cost, value)
    costs = _costs(effect, cost)
    weight = costs if costs.any() else np.ones(len(effect))
    spent, full = float((contact * weight).mean()), float(weight.mean())
    probability = ratio((spent, contact * weight - spent), (full, weight - full))
    random = (
        probability[0] * everybody[0],
        probability[0] * everybody[1] + everybody[0] * probability[1],
    )
    return PolicyReport(
        share=float(np.mean(contact)),
        cost=float((contact * costs).mean()),
        value=estimate(*own, clusters),
        contact_all=estimate(*everybody, clusters),
        random=estimate(*random, clusters),
        over_all=estimate(own[0] - everybody[0], own[1] - everybody[1], clusters),
        over_random=estimate(own[0] - random[0], own[1] - random[1], clusters),
    )


def within_budget(worth: FloatArray, *, cost: FloatArray | float, budget: float) -> BoolArray:
    """Rows to contact: best worth per cost first, none that costs more than it is worth, until the budget is reached.

    Rows of equal worth per cost go in or stay out together, so that the row order decides nothing.

    Args:
        worth: predicted value of contacting, in money, shape (n_rows,), finite.
        cost: of contacting, in money, > 0, shape (n_rows,) or one number.
        budget: total, in money, >= 0.

    Raises:
        ValueError: shapes differ, no rows, a value is not finite, or a cost is not positive.
    """
    costs = _costs(worth, cost)
    if (costs <= 0).any():
        raise ValueError("cost must be positive to rank by worth per cost")
    rate = worth / costs
    levels, level = np.unique(-rate, return_inverse=True)
    spent = np.cumsum(np.bincount(level, weights=costs, minlength=len(levels)))
    taken: BoolArray = (spent[level] <= budget * (1 + 1e-12)) & (rate > 1)
    return taken


def _parts(
    effect: FloatArray, contact: FloatArray | BoolArray, cost: FloatArray | float, value: float
) -> Parts:
    chance = np.asarray(contact, dtype=np.float64)
    costs = _costs(effect, cost)
    check_rows(effect=effect, contact=chance, cost=costs)
    if (chance < 0).any() or (chance > 1).any():
        raise ValueError("contact must be between 0 and 1")
    if (costs < 0).any():
        raise ValueError("cost must not be negative")
    profit = chance * (value * effect - costs)
    mean = float(profit.mean())
    return mean, profit - mean


def _costs(effect: FloatArray, cost: FloatArray | float) -> FloatArray:
    costs = np.asarray(cost, dtype=np.float64)
    return np.full(len(effect), float(costs)) if costs.ndim == 0 else costs
