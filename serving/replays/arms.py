"""How to contact: the message that did best among those whom a coin gave it, apart for persons with and without an open cart."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import BoolArray, IntArray
from features.histories.histories import Histories
from features.segments.cart import open_carts

FIRST: Final = 0
"""The message that is used until another one is better."""

_CART_DAYS: Final = 14.0


def in_cart(histories: Histories, persons: IntArray, time: int) -> BoolArray:
    """Whether each person has an open cart at a moment, shape of `persons`.

    Args:
        histories: the events known.
        persons: row numbers, -1 = unknown.
        time: microseconds since 1970 UTC.
    """
    lines = open_carts(histories.as_of(persons, time), window_days=_CART_DAYS)
    found: BoolArray = np.isin(np.arange(len(persons)), lines.row)
    return found


def best_arms(cart: BoolArray, arm: IntArray, converted: BoolArray, *, n_arms: int) -> IntArray:
    """The arm for persons without and with an open cart, shape (2,).

    Another arm takes the place of the first once its share of conversions leads by more than the standard error of the
    difference; of several the one that leads most.

    Args:
        cart: shape (n,), had an open cart when contacted.
        arm: shape (n,), position of the arm that a coin chose.
        converted: shape (n,), ordered in the week.
        n_arms: how many arms there are.
    """
    chosen = np.full(2, FIRST)
    for stage in (False, True):
        rows = [converted[(cart == stage) & (arm == each)] for each in range(n_arms)]
        if len(rows[FIRST]) == 0:
            continue
        leads = [_lead(other, rows[FIRST]) for other in rows]
        chosen[int(stage)] = int(np.argmax(leads))
    return chosen


def _lead(one: BoolArray, first: BoolArray) -> float:
    """By how much one share is above another, if by more than a standard error; else 0."""
    if len(one) == 0:
        return 0.0
    shares = [(part.sum() + 0.5) / (len(part) + 1) for part in (one, first)]  # never quite 0 or 1
    lead = float(shares[0] - shares[1])
    error = np.sqrt(
        sum(s * (1 - s) / len(part) for s, part in zip(shares, (one, first), strict=True))
    )
    return lead if lead > error else 0.0
