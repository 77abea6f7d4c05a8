"""Recency windows: consecutive ranges of days since the last qualifying event, and when a membership ends."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator

from features.arrays import IntArray
from features.histories.histories import MICROSECONDS_PER_DAY

OUTSIDE: Final = -1

DayRange = tuple[float, float]
"""Ages from (exclusive) to (inclusive), in days."""


def _ordered(windows: tuple[DayRange, ...]) -> tuple[DayRange, ...]:
    if not windows:
        raise ValueError("at least one day range is needed, such as [[0, 30]]")
    for low, high in windows:
        if low < 0 or high < 0:
            raise ValueError(f"the day range [{low:g}, {high:g}] is negative")
        if high <= low:
            raise ValueError(f"the day range [{low:g}, {high:g}] is empty: it must rise")
    for before, after in pairwise(windows):
        if after[0] < before[1]:
            raise ValueError(
                f"the day ranges [{before[0]:g}, {before[1]:g}] and [{after[0]:g}, {after[1]:g}] overlap or fall"
            )
    return windows


Windows = Annotated[tuple[DayRange, ...], AfterValidator(_ordered)]
"""Day ranges, rising, not overlapping; a gap between two is allowed, and nobody in it is a member."""

STANDARD: Final[tuple[DayRange, ...]] = ((0, 1), (1, 3), (3, 7), (7, 14), (14, 30), (30, 90))
"""The usual windows of an audience."""


def span_days(windows: Windows) -> float:
    """Age beyond which nobody is a member, days."""
    return windows[-1][1]


def find_windows(since: IntArray, as_of: IntArray, windows: Windows) -> IntArray:
    """Which range each last qualifying event falls into.

    Args:
        since: shape (n,), microseconds since 1970 UTC, before `as_of`; negative = no such event.
        as_of: shape (n,), microseconds.
        windows: the ranges.

    Returns:
        Shape (n,), position in `windows`, `OUTSIDE` without event or between ranges.
    """
    age = (as_of - since) / MICROSECONDS_PER_DAY
    highs = np.array([high for _, high in windows])
    lows = np.array([low for low, _ in windows])
    found = np.searchsorted(highs, age, side="left")
    inside = (since >= 0) & (found < len(windows))
    position = np.where(inside, found, 0)
    inside &= age > lows[position]
    result: IntArray = np.where(inside, position, OUTSIDE).astype(np.int64)
    return result


def window_names(windows: Windows) -> npt.NDArray[np.object_]:
    """What each range is called: `0-1`, `1-3` …, shape (n_windows,)."""
    return np.array([f"{low:g}-{high:g}" for low, high in windows], object)


def expiries(since: IntArray, window: IntArray, windows: Windows) -> IntArray:
    """When each membership ends: the end of its range after its last qualifying event, microseconds, shape (n,).

    Rows outside every range have no meaning.
    """
    highs = np.array([high * MICROSECONDS_PER_DAY for _, high in windows]).astype(np.int64)
    ends: IntArray = since + highs[window]
    return ends
