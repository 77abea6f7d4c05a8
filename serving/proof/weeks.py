"""What everybody does in the week after a moment."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from features.arrays import IntArray
from features.histories.histories import MICROSECONDS_PER_DAY, Histories
from features.simulate.store.knowledge import WEEK
from features.tables import EVENT_NAMES

_ORDER: Final = EVENT_NAMES.index("purchase")


def week_events(
    histories: Histories, moment: int
) -> tuple[IntArray, npt.NDArray[np.int8], IntArray]:
    """Row of the person, event and item of every event in the week that begins at a moment, by person.

    Args:
        histories: of everybody.
        moment: microseconds since 1970 UTC.
    """
    everybody = np.arange(histories.n_persons)
    begin = histories.as_of(everybody, moment).stop
    end = histories.as_of(everybody, moment + WEEK * MICROSECONDS_PER_DAY).stop
    length = end - begin
    person = np.repeat(everybody, length)
    before = np.concatenate([[0], np.cumsum(length)[:-1]])
    position = np.repeat(begin - before, length) + np.arange(len(person))
    return person, histories.event[position], histories.item[position].astype(np.int64)


def week_orders(histories: Histories, moment: int) -> tuple[IntArray, IntArray]:
    """Row of the person and item of every line ordered in that week, sent back later or not."""
    person, event, item = week_events(histories, moment)
    lines = event == _ORDER
    return person[lines], item[lines]
