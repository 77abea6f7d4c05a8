"""Labels: in the window, net of refunds that came in time."""

from __future__ import annotations

import pyarrow as pa
import pytest

from features import columns as c
from features.histories.histories import Histories, microseconds
from features.tables import REVERSALS
from features.training_sets.labels import taken_up


@pytest.fixture
def histories(make_events):
    events = make_events(
        ("a", 9.9, "w", "t0", 1.0),
        ("a", 10, "x", "t1", 1.0),
        ("a", 12, "x", "t2", 1.0),
        ("a", 16.9, "y", "t3", 1.0),
        ("a", 17, "z", "t4", 1.0),
        ("b", 12, "x", None, 1.0, "cart_add"),
        ("a", 20, "y", "t3", 1.0, "refund"),
    )
    back = [{c.REFUND_EVENT_ID: "e006", c.EVENT_ID: "e003", c.QUANTITY: 1.0, c.VALUE: 1.0}]
    return Histories.from_events(events, pa.Table.from_pylist(back, schema=REVERSALS.schema))


@pytest.mark.parametrize(
    ("events", "matured", "expected"),
    [
        (["purchase"], 20, [("a", "x"), ("a", "y")]),
        (["purchase"], 21, [("a", "x")]),
        (["purchase", "cart_add"], 21, [("a", "x"), ("b", "x")]),
    ],
)
def test_the_window_is_half_open_and_net_of_refunds(histories, day, events, matured, expected):
    row, item = taken_up(
        histories.everyone(day(10)),
        horizon_days=7,
        events=events,
        matured_at=microseconds(day(matured)),
    )
    found = zip(histories.person_ids[row], histories.item_ids[item], strict=True)
    assert list(found) == expected
