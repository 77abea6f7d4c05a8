"""The planted truth, as arithmetic."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.simulate.response import ResponseConfig, respond

CONFIG = ResponseConfig(
    persuadable_gain=0.5,
    mild_gain=0.25,
    harmed_loss=0.1,
    won_order_value_share=0.8,
    reach_active=0.9,
    reach_other=0.6,
)


def test_classes_sizes_and_reach():
    features = pa.table(
        {
            "orders_28d": [10.0, 0.0, 3.0, 4.0, 2.0],
            "order_value": [40.0, np.nan, 14.9, 15.0, 20.0],
            "gap_ratio": [9.0, 9.0, 9.0, 1.2, 1.1],
        }
    )
    found = respond(features, CONFIG)
    assert found.response_class.tolist() == [
        "harmed",
        "indifferent",
        "indifferent",
        "persuadable",
        "mild",
    ]
    assert found.gain.tolist() == [0, 0, 0, 0.5, 0.25]
    assert found.loss.tolist() == [0.1, 0, 0, 0, 0]
    assert found.reach.tolist() == [0.9, 0.6, 0.6, 0.9, 0.6]
    np.testing.assert_allclose(found.won_value, [0.8 * 40, 0, 0.8 * 14.9, 0.8 * 15, 0.8 * 20])


def test_the_harmed_come_before_the_indifferent():
    """Many small baskets: annoyed, whatever they are worth."""
    features = pa.table({"orders_28d": [10.0], "order_value": [1.0], "gap_ratio": [2.0]})
    found = respond(features, CONFIG)
    assert (found.response_class.tolist(), found.loss.tolist()) == (["harmed"], [0.1])


def test_a_gain_counts_without_an_order_and_a_loss_with_one():
    features = pa.table(
        {
            "orders_28d": [10.0, 10.0, 0.0, 0.0],
            "order_value": [40.0] * 4,
            "gap_ratio": [0.0, 0.0, 2.0, 2.0],
        }
    )
    converts = np.array([0, 1, 0, 1])
    found = respond(features, CONFIG)
    np.testing.assert_allclose(found.effect_on_conversion(converts), [0, -0.9 * 0.1, 0.6 * 0.5, 0])
    np.testing.assert_allclose(
        found.effect_on_revenue(converts, np.array([0.0, 70.0, 0.0, 70.0])),
        [0, -0.9 * 0.1 * 70, 0.6 * 0.5 * 0.8 * 40, 0],
    )
