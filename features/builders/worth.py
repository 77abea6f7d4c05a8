"""What a person is worth: refunds, recency, frequency, money, expected money to come, stage of life as a customer."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from pydantic import Field

from features.arrays import FloatArray
from features.builders.feature import Feature, feature_table, ratio
from features.builders.knowledge import Knowledge
from features.builders.spend import SPEND_DAYS, Spend, SpendCounts
from features.config import BaseConfig
from features.histories.histories import AsOf

LIFECYCLES: Final = ("prospect", "new", "active", "at_risk", "lapsed")
"""Stages of life as a customer; the position is the code."""

_NO_ORDER: Final = "no standing order yet"

WORTH_FEATURES: Final = (
    Feature("refund_rate", "money taken back over money of purchases of 365 days, 0 to 1", "no money in 365 days"),
    Feature("rfm_recency_days", "days since the last standing order", _NO_ORDER),
    Feature("rfm_frequency", "standing orders of 365 days", "never"),
    Feature("rfm_monetary", "money of 365 days less what was taken back", "never"),
    Feature("net_order_value", "money of 365 days less what was taken back, per standing order", "no standing order in 365 days"),
    Feature("expected_value_365d", "money less refunds expected in the next 365 days", "no event yet, or no shop average"),
    Feature("lifecycle", "position in LIFECYCLES", "never"),
    Feature("known_days", "days since the first event of any kind", "no event yet"),
)  # fmt: skip
"""The columns of `worth_features`, in order. A standing order is one of which something was not taken back."""


class WorthConfig(BaseConfig):
    """How a short history is judged."""

    prior_days: float = Field(default=90.0, gt=0)
    """The shop's average order rate counts like that many days of a person's own."""

    prior_orders: float = Field(default=2.0, gt=0)
    """The shop's average order value counts like that many orders of a person's own."""

    new_days: float = Field(default=30.0, gt=0)
    """A customer is new for that many days after the first order."""

    usual_gap_days: float = Field(default=30.0, gt=0)
    """Days between orders taken as usual for somebody with a single order."""

    shortest_gap_days: float = Field(default=7.0, gt=0)
    """A shorter mean gap counts as this."""

    at_risk_ratio: float = Field(default=2.0, gt=0)
    """At risk once the silence is longer than that many usual gaps."""

    lapsed_ratio: float = Field(default=4.0, gt=0)
    """Lapsed once the silence is longer than that many usual gaps."""


def worth_features(
    history: AsOf, knowledge: Knowledge, *, config: WorthConfig | None = None
) -> pa.Table:
    """Worth of each row's person, from events strictly before the row's time.

    The expected value is `365 * rate * order value`: the rate is `(orders + prior_days * shop rate) / (days watched +
    prior_days)`, the mean of a gamma-Poisson posterior; the order value is `(money + prior_orders * shop order value) /
    (orders + prior_orders)`. Silence lowers it only as far as it lowers the rate: it does not know who is gone for good, so
    it is too high for the lapsed, and it holds no margin.

    Args:
        history: n_rows rows.
        knowledge: the shop's average person; without it there is no expected value.
        config: weights of the average and limits of the stages.

    Returns:
        n_rows rows in the same order, the columns of `WORTH_FEATURES`.

    Raises:
        ValueError: a row lies before the moment the knowledge was built.

    Invariants: unchanged by events, refunds too, at or after a row's time.

    Source: the conjugate update of a Poisson rate (Gelman et al., Bayesian Data Analysis, 2.6); the weighted mean of the
    gamma-gamma model of spend (Fader, Hardie, 2013).
    """
    config = config or WorthConfig()
    knowledge.require_known(history)
    spend = Spend.of(history)
    return feature_table(
        WORTH_FEATURES,
        [
            ratio(spend.gross - spend.money, spend.gross),
            spend.last_days,
            spend.orders,
            spend.money,
            ratio(spend.money, spend.orders),
            _expected_value(spend, knowledge.spend, config),
            _lifecycle(spend, config),
            spend.known_days,
        ],
    )


def _expected_value(spend: Spend, average: SpendCounts | None, config: WorthConfig) -> FloatArray:
    if average is None or average.days <= 0 or average.orders <= 0:
        return np.full(len(spend.orders), np.nan)
    shop_rate, shop_value = average.orders / average.days, average.money / average.orders
    rate = (spend.orders + config.prior_days * shop_rate) / (spend.watched_days + config.prior_days)
    value = (spend.money + config.prior_orders * shop_value) / (spend.orders + config.prior_orders)
    return np.where(np.isnan(spend.known_days), np.nan, SPEND_DAYS * rate * value)


def _lifecycle(spend: Spend, config: WorthConfig) -> FloatArray:
    mean_gap = ratio(spend.first_days - spend.last_days, spend.orders_ever - 1)
    gap = np.where(
        spend.orders_ever > 1, np.maximum(mean_gap, config.shortest_gap_days), config.usual_gap_days
    )
    stages = [
        spend.orders_ever == 0,
        spend.last_days > config.lapsed_ratio * gap,
        spend.last_days > config.at_risk_ratio * gap,
        spend.first_days <= config.new_days,
    ]
    codes = [LIFECYCLES.index(name) for name in ("prospect", "lapsed", "at_risk", "new")]
    return np.select(stages, codes, LIFECYCLES.index("active")).astype(np.float64)
