"""Items that are nearly gone or take long to arrive: held back by rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from features import columns as c
from features.arrays import BoolArray
from features.catalog.parsed import mask
from features.catalog.rules.rule import MERCHANDISING
from features.config import BaseConfig

LOW_INVENTORY: Final = "low_inventory"
LONG_DELIVERY: Final = "long_delivery"


class StockConfig(BaseConfig):
    """How few, and how late, is too few and too late."""

    min_inventory: int = Field(default=0, ge=0)
    """Units an item must have left; 0 = any."""

    max_handling_days: int | None = Field(default=None, ge=0)
    """Days until an item is handed over, at most; left out = any."""

    owner: str = Field(default=MERCHANDISING, min_length=1)
    """Team that restocks."""


@dataclass(frozen=True, eq=False)
class StockCheck:
    """What the rules say.

    Attributes:
        held: per reason code, the items to hold back, shape (n,).
        not_told: per reason code, items whose feed does not say enough; the rule is not applied to them.
    """

    held: dict[str, BoolArray]
    not_told: dict[str, int]


def check_stock(items: pa.Table, config: StockConfig) -> StockCheck:
    """Which items the rules hold back.

    An item that names only the least handling time is judged by that.

    Args:
        items: the feed-items table, n rows.
        config: thresholds.
    """
    inventory = items[c.INVENTORY]
    days = pc.coalesce(items[c.MAX_HANDLING_TIME], items[c.MIN_HANDLING_TIME])
    held, not_told = {}, {}
    if config.min_inventory:
        held[LOW_INVENTORY] = mask(pc.less(inventory, config.min_inventory))
        not_told[LOW_INVENTORY] = inventory.null_count
    if config.max_handling_days is not None:
        held[LONG_DELIVERY] = mask(pc.greater(days, config.max_handling_days))
        not_told[LONG_DELIVERY] = days.null_count
    return StockCheck(held, not_told)
