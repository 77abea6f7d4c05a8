"""Whom to contact under a budget: the best incremental margin per unit of cost, down to a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.arrays import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Allocation:
    """Who is contacted.

    Attributes:
        contact: shape (n,).
        expected_cost: money the contacts are expected to cost, at most the budget.
        expected_margin: incremental margin they are expected to earn.
        threshold: least value per cost among the contacted, NaN when nobody is.
        budget_binds: True when somebody worth contacting was left out for want of budget.
    """

    contact: BoolArray
    expected_cost: float
    expected_margin: float
    threshold: float
    budget_binds: bool


def allocate(
    value: FloatArray,
    cost: FloatArray,
    *,
    candidates: BoolArray,
    budget: float,
    min_return: float,
    tie_break: FloatArray,
) -> Allocation:
    """Contact candidates in falling order of value per cost until the next one would break the budget.

    Args:
        value: expected incremental margin of a contact, shape (n,); NaN = unknown, never contacted.
        cost: expected cost of a contact, shape (n,), > 0.
        candidates: who may be contacted.
        budget: most that the contacts together may cost.
        min_return: least value per cost.
        tie_break: distinct numbers in [0, 1) that order equal value per cost.

    Invariants: cost within budget; nobody left out for budget has a higher value per cost than somebody contacted; a
    larger budget never removes a contact.
    """
    per_cost = value / cost
    worth = candidates & (per_cost >= min_return)
    order = np.lexsort((tie_break, -np.where(worth, per_cost, -np.inf)))[: int(worth.sum())]
    affordable = np.cumsum(cost[order]) <= budget
    chosen = order[: int(np.argmin(affordable)) if not affordable.all() else len(order)]
    contact = np.zeros(len(value), np.bool_)
    contact[chosen] = True
    return Allocation(
        contact=contact,
        expected_cost=float(cost[chosen].sum()),
        expected_margin=float(value[chosen].sum()),
        threshold=float(per_cost[chosen[-1]]) if len(chosen) else float("nan"),
        budget_binds=len(chosen) < len(order),
    )
