"""Purchases of a made-up grocery shop of the size of The Complete Journey, as histories and as a pandas frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE, Histories
from features.histories.reversals import no_reversals
from features.tables import EVENT_NAMES

EVENTS = 1_400_000
PERSONS = 2_469
ITEMS = 68_000
DAYS = 365
_LINES_PER_BASKET = 9
_LINES_PER_ITEM = 20
_FIRST_MICROSECOND = 17_167 * MICROSECONDS_PER_DAY  # 2017-01-01


@dataclass(frozen=True, eq=False)
class Shop:
    """The same purchases twice.

    Attributes:
        histories: sorted by person, then time.
        frame: columns person, item, transaction, time (microseconds), value; sorted by time.
        end: the moment after the last purchase, microseconds.
    """

    histories: Histories
    frame: pd.DataFrame
    end: int


def make_shop(*, events: int, persons: int | None = None, items: int | None = None) -> Shop:
    """Baskets of some persons, popular items more often than others; the same in every run.

    Args:
        events: purchases.
        persons: how many; None = in proportion to The Complete Journey.
        items: the same.
    """
    rng = np.random.default_rng(7)
    baskets = max(events // _LINES_PER_BASKET, 1)
    persons = persons or max(2, round(PERSONS * events / EVENTS))
    items = items or max(_LINES_PER_ITEM, round(ITEMS * events / EVENTS))
    basket = np.sort(rng.integers(baskets, size=events)).astype(np.int32)
    person_of = rng.integers(persons, size=baskets)
    moment_of = rng.integers(DAYS * MICROSECONDS_PER_DAY, size=baskets) + _FIRST_MICROSECOND
    frame = pd.DataFrame(
        {
            "person": person_of[basket],
            "item": (items * rng.random(events) ** 3).astype(np.int32),
            "transaction": basket,
            "time": moment_of[basket],
            "value": np.round(rng.gamma(2.0, 1.5, events), 2),
        }
    )
    end = _FIRST_MICROSECOND + DAYS * MICROSECONDS_PER_DAY
    by_time = frame.sort_values("time", kind="stable", ignore_index=True)
    return Shop(_histories(frame, persons=persons, items=items), by_time, end)


def _histories(frame: pd.DataFrame, *, persons: int, items: int) -> Histories:
    ordered = frame.sort_values(["person", "time"], kind="stable")
    counts = np.bincount(ordered["person"], minlength=persons)
    return Histories(
        person_ids=np.arange(persons).astype(str).astype(object),
        item_ids=np.arange(items).astype(str).astype(object),
        category_ids=np.array([], dtype=object),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        time=ordered["time"].to_numpy(),
        event=np.full(len(ordered), EVENT_NAMES.index("purchase"), np.int8),
        item=ordered["item"].to_numpy(),
        category=np.full(len(ordered), NO_CODE, np.int32),
        transaction=ordered["transaction"].to_numpy(),
        quantity=np.ones(len(ordered)),
        value=ordered["value"].to_numpy(),
        reversals=no_reversals(len(ordered)),
    )
