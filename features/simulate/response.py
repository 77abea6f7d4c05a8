"""The declared response of people to a contact: the truth that is planted, and that estimators have to find.

Each (person, time) belongs to one response class by what was known then. A contact that reaches a person

- *persuadable* (an order is overdue): turns a week without order into one with an order, with `persuadable_gain`;
- *mild* (everybody else): the same with `mild_gain`;
- *indifferent* (small baskets, or no recent order): changes nothing;
- *harmed* (very frequent buyers, annoyed by ads): turns a week with orders into one without, with `harmed_loss`.

An order won is worth `won_order_value_share` of the person's mean order, because orders that need an ad are smaller than
the rest. Only some of the assigned are reached (`reach_*`), the active more than the others, so the effect on the
assigned is smaller than on the reached.

Sizes: the planted average conversion lift lies in the 5-15 % that 432 display experiments found (median 8 %; Johnson,
Lewis, Nubbemeyer), a segment with no effect as in Hoban and Bucklin (2015), harm to the most active as in Li et al.
(2021), and a third of the week's effect on the first day as in Sahni et al. (2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from features.arrays import FloatArray, IntArray
from features.config import BaseConfig

PERSUADABLE: Final = "persuadable"
MILD: Final = "mild"
INDIFFERENT: Final = "indifferent"
HARMED: Final = "harmed"

Share = Annotated[float, Field(ge=0, le=1)]


class ResponseConfig(BaseConfig):
    """Sizes of the planted effects and limits of the response classes."""

    harmed_orders_28d: float = Field(default=10, ge=0)
    """From this many orders in 28 days a person is harmed by a contact."""

    indifferent_order_value: float = Field(default=15, ge=0)
    """Below this mean order value, or without an order in 91 days, a contact changes nothing."""

    overdue_gap_ratio: float = Field(default=1.2, gt=0)
    """From this ratio of recency to the usual gap a person is persuadable."""

    persuadable_gain: Share = 0.5
    mild_gain: Share = 0.25
    harmed_loss: Share = 0.06

    won_order_value_share: Share = 0.8
    """Value of an order won, as a share of the person's mean order value."""

    active_orders_28d: float = Field(default=4, ge=0)
    reach_active: Share = 0.9
    """Chance that a contact reaches a person with at least `active_orders_28d` orders in 28 days."""

    reach_other: Share = 0.6

    first_day_share: Share = 1 / 3
    """Share of won orders that fall on the first day; the rest spread evenly over the window."""


@dataclass(frozen=True, eq=False)
class Response:
    """The truth of n_rows (person, time) rows.

    Attributes:
        response_class: shape (n_rows,), text.
        gain: chance that a contact that reaches turns no order into an order, in [0, 1].
        loss: chance that it turns an order into none, in [0, 1].
        reach: chance that a contact reaches, in [0, 1].
        won_value: money of an order won.
    """

    response_class: npt.NDArray[np.str_]
    gain: FloatArray
    loss: FloatArray
    reach: FloatArray
    won_value: FloatArray

    def effect_on_conversion(self, converts: IntArray) -> FloatArray:
        """Expected change of the conversion of an assigned row that converts (1) or not (0) without a contact."""
        return self.reach * (self.gain * (1 - converts) - self.loss * converts)

    def effect_on_revenue(self, converts: IntArray, revenue: FloatArray) -> FloatArray:
        """Expected change of the revenue of an assigned row with this conversion and revenue without a contact."""
        return self.reach * (self.gain * (1 - converts) * self.won_value - self.loss * revenue)


def respond(features: pa.Table, config: ResponseConfig) -> Response:
    """The planted response of each row, from its point-in-time features.

    Args:
        features: n_rows of `features.builders.person.FEATURES`.
        config: sizes and limits.
    """
    orders_28d = features["orders_28d"].to_numpy()
    order_value = features["order_value"].to_numpy()
    gap_ratio = features["gap_ratio"].to_numpy()
    harmed = orders_28d >= config.harmed_orders_28d
    indifferent = ~(order_value >= config.indifferent_order_value)
    overdue = gap_ratio >= config.overdue_gap_ratio
    response_class = np.select(
        [harmed, indifferent, overdue], [HARMED, INDIFFERENT, PERSUADABLE], default=MILD
    )
    gains = [config.persuadable_gain, config.mild_gain]
    active = orders_28d >= config.active_orders_28d
    return Response(
        response_class=response_class,
        gain=np.select([response_class == PERSUADABLE, response_class == MILD], gains, default=0.0),
        loss=np.where(response_class == HARMED, config.harmed_loss, 0.0),
        reach=np.where(active, config.reach_active, config.reach_other),
        won_value=config.won_order_value_share * np.nan_to_num(order_value, nan=0.0),
    )
