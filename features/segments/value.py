"""What a customer was worth: recency, frequency, money net of refunds, and tiers by rank among all customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
from pydantic import Field

from features import columns as c
from features.arrays import FloatArray, IntArray
from features.builders.spend import Spend
from features.config import BaseConfig
from features.histories.histories import Histories

HIGH: Final = "high"
MEDIUM: Final = "medium"
LOW: Final = "low"
ZERO: Final = "zero"
VALUE_TIERS: Final = (HIGH, MEDIUM, LOW, ZERO)

RFM_SCORES: Final = 5
_INNER: Final = np.arange(1, RFM_SCORES) / RFM_SCORES


class ValueConfig(BaseConfig):
    """What counts as worth, and how many are at the top."""

    high_share: float = Field(default=0.2, gt=0, lt=1)
    """Share of customers with net revenue that are `high`."""

    medium_share: float = Field(default=0.3, gt=0, lt=1)
    """Share of customers with net revenue that are `medium`; the others are `low`, those without any `zero`."""


@dataclass(frozen=True, eq=False)
class PersonValues:
    """Worth of n persons, in person order.

    Attributes:
        recency_days: shape (n,), days since the last kept order of 365 days, NaN = none.
        orders: shape (n,), orders of 365 days of which something was kept.
        revenue: shape (n,), their money less refunds, >= 0.
    """

    recency_days: FloatArray
    orders: IntArray
    revenue: FloatArray


@dataclass(frozen=True, eq=False)
class ValueCuts:
    """Limits between tiers and between RFM scores, over all persons.

    Attributes:
        high, medium: net revenue above which a customer is in the tier; infinite when nobody has any.
        recency, frequency, money: shape (4,), limits between the five scores, among persons with an order.
    """

    high: float
    medium: float
    recency: FloatArray
    frequency: FloatArray
    money: FloatArray


def person_values(histories: Histories, *, as_of: datetime) -> PersonValues:
    """What each person was worth before `as_of`.

    Invariants: a person with nothing but refunds is worth 0; unchanged by events and refunds at or after `as_of`.
    """
    spend = Spend.of(histories.everyone(as_of))
    buys = spend.orders > 0
    return PersonValues(
        recency_days=np.where(buys, spend.last_days, np.nan),
        orders=spend.orders.astype(np.int64),
        revenue=np.where(buys, spend.money, 0.0),
    )


def value_cuts(parts: list[PersonValues], config: ValueConfig) -> ValueCuts:
    """The limits over all parts of the persons; each limit is a value somebody has.

    Invariants: independent of how persons are parted and of the order of parts.
    """
    revenue = np.concatenate([part.revenue for part in parts])
    orders = np.concatenate([part.orders for part in parts])
    recency = np.concatenate([part.recency_days for part in parts])
    paying, buying = revenue[revenue > 0], orders > 0
    top = 1 - config.high_share
    return ValueCuts(
        high=_limits(paying, np.array([top]))[0],
        medium=_limits(paying, np.array([max(0.0, top - config.medium_share)]))[0],
        recency=_limits(recency[buying], _INNER),
        frequency=_limits(orders[buying].astype(np.float64), _INNER),
        money=_limits(revenue[buying], _INNER),
    )


def value_tiers(values: PersonValues, cuts: ValueCuts) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """`high`, `medium`, `low` or `zero` for each person, shape (n,)."""
    revenue = values.revenue
    return np.select(
        [revenue <= 0, revenue > cuts.high, revenue > cuts.medium], [ZERO, HIGH, MEDIUM], LOW
    )


def rfm_table(values: PersonValues, cuts: ValueCuts) -> pa.Table:
    """Recency, frequency and money scores, 1 (worst) to 5 (best) by fifths of the buyers; null without an order."""
    none = values.orders == 0
    recency = RFM_SCORES - np.searchsorted(cuts.recency, np.nan_to_num(values.recency_days))
    frequency = 1 + np.searchsorted(cuts.frequency, values.orders)
    money = 1 + np.searchsorted(cuts.money, values.revenue)
    scores = (recency, frequency, money)
    names = (c.RFM_RECENCY, c.RFM_FREQUENCY, c.RFM_MONEY)
    return pa.table(
        {n: pa.array(s.astype(np.int64), mask=none) for n, s in zip(names, scores, strict=True)}
    )


def _limits(values: FloatArray, shares: FloatArray) -> FloatArray:
    """Smallest observed values with at least these shares of all at or below them; infinite without values."""
    if not len(values):
        return np.full(len(shares), np.inf)
    limits: FloatArray = np.quantile(values, shares, method="inverted_cdf").astype(np.float64)
    return limits
