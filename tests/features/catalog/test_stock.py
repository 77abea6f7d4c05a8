"""Few left, late to arrive: held back where the feed says so, counted where it does not."""

import pyarrow as pa
import pytest

from features.catalog.stock import LONG_DELIVERY, LOW_INVENTORY, StockConfig, check_stock
from features.config import validate
from features.errors import ConfigError
from features.feed_tables import FEED_ITEMS

ITEMS = pa.Table.from_pylist(
    [
        {"item_id": "a", "category": "k", "inventory": 2, "max_handling_time": 5},
        {"item_id": "b", "category": "k", "inventory": 3, "max_handling_time": 6},
        {"item_id": "c", "category": "k", "min_handling_time": 7},
        {"item_id": "d", "category": "k"},
    ],
    schema=FEED_ITEMS.schema,
)


def test_no_threshold_holds_nothing_back():
    found = check_stock(ITEMS, StockConfig())
    assert (found.held, found.not_told) == ({}, {})


def test_thresholds_include_themselves():
    found = check_stock(ITEMS, StockConfig(min_inventory=3, max_handling_days=5))
    assert found.held[LOW_INVENTORY].tolist() == [True, False, False, False]
    assert found.held[LONG_DELIVERY].tolist() == [False, True, True, False]
    assert found.not_told == {LOW_INVENTORY: 2, LONG_DELIVERY: 1}


@pytest.mark.parametrize("key", ["min_inventory", "max_handling_days"])
def test_a_negative_threshold_is_refused(key):
    with pytest.raises(ConfigError, match=key):
        validate(StockConfig, {key: -1}, subject="test")
