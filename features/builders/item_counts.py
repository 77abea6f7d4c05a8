"""What happened to each item before a moment, as sums that add up over parts of the persons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import CodeArray, FloatArray, IntArray, TextArray
from features.builders.feature import WINDOWS
from features.builders.item_ids import codes_of, merged_ids
from features.histories.histories import MICROSECONDS_PER_DAY, AsOf
from features.histories.reversals import Reversals, is_taken_back, net_value
from features.tables import EVENT_NAMES

ITEM_STAGES: Final = ("view", "cart_add", "purchase")
"""Events that are counted per item, from the shallowest to the deepest."""

REACH_DAYS: Final = 90
OCCASION: Final = MICROSECONDS_PER_DAY
"""Purchases of an item by one person less than this apart are one occasion to need it."""

_REACH: Final = REACH_DAYS * MICROSECONDS_PER_DAY
PURCHASE: Final = EVENT_NAMES.index("purchase")
_BUY: Final = ITEM_STAGES.index("purchase")
_STAGE_OF: Final = np.array(
    [ITEM_STAGES.index(n) if n in ITEM_STAGES else -1 for n in EVENT_NAMES], np.int8
)
_NEVER: Final = int(np.iinfo(np.int64).min)
_LATEST: Final = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, eq=False)
class ItemCounts:
    """Counts of n_items items over the persons of some part, from events strictly before `as_of`.

    A purchase that was taken back as a whole before `as_of` did not happen.

    Attributes:
        as_of: microseconds since 1970 UTC.
        item_ids: shape (n_items,), sorted text; items without a counted event are left out.
        events: shape (n_items, n_stages, n_windows), events of each of `ITEM_STAGES` in each of the windows.
        reach: shape (n_items, n_stages), persons who in 90 days at least viewed, at least carted, bought the item: a
            person counts at every stage up to the deepest one, so a tag that was missed does no harm.
        revenue: shape (n_items,), money of 90 days less what was taken back.
        gaps: shape (n_items,), gaps between occasions at which one person bought the item.
        gap_days: shape (n_items,), their sum in days.
        first_seen: shape (n_items,), microseconds of the first counted event, the largest int64 = none.
        last_sold: shape (n_items,), microseconds of the last purchase, the smallest int64 = none.

    Invariants: the counts of two parts with different persons add up to those of both together; events at or after `as_of`
    change nothing.
    """

    as_of: int
    item_ids: TextArray
    events: FloatArray
    reach: FloatArray
    revenue: FloatArray
    gaps: FloatArray
    gap_days: FloatArray
    first_seen: IntArray
    last_sold: IntArray

    @classmethod
    def of(cls, history: AsOf) -> ItemCounts:
        """Counts over the persons of a part.

        Args:
            history: one row per person, all at one time.

        Raises:
            ValueError: the rows have different times, or there are none.
        """
        moments = np.unique(history.time)
        if len(moments) != 1:
            raise ValueError(f"{len(moments)} different times, must be one for all rows")
        columns = history.histories
        as_of = int(moments[0])
        rows = (history.start, history.stop, as_of, columns.time, columns.event, columns.item)
        events, reach, revenue, first_seen, last_sold = _count(
            *rows,
            columns.quantity,
            columns.value,
            columns.reversals,
            _STAGE_OF,
            WINDOWS,
            columns.n_items,
        )
        gaps, gap_days = _count_gaps(*rows, columns.quantity, columns.reversals, columns.n_items)
        seen = first_seen != _LATEST
        return cls(
            as_of=as_of,
            item_ids=columns.item_ids[seen],
            events=events.cumsum(axis=2)[seen],
            reach=reach[seen],
            revenue=revenue[seen],
            gaps=gaps[seen],
            gap_days=gap_days[seen],
            first_seen=first_seen[seen],
            last_sold=last_sold[seen],
        )

    def aligned(self, item_ids: TextArray) -> ItemCounts:
        """The counts of these items, sorted text; zero for an item that is not here."""
        place = codes_of(item_ids, self.item_ids)
        known = place >= 0
        spread = {
            "events": (0.0, np.float64),
            "reach": (0.0, np.float64),
            "revenue": (0.0, np.float64),
            "gaps": (0.0, np.float64),
            "gap_days": (0.0, np.float64),
            "first_seen": (_LATEST, np.int64),
            "last_sold": (_NEVER, np.int64),
        }
        columns: dict[str, Any] = {}
        for name, (empty, type_) in spread.items():
            values = getattr(self, name)
            columns[name] = np.full((len(item_ids), *values.shape[1:]), empty, type_)
            columns[name][known] = values[place[known]]
        return ItemCounts(self.as_of, item_ids, **columns)

    def __add__(self, other: ItemCounts) -> ItemCounts:
        """The counts over the persons of both parts.

        Raises:
            ValueError: the parts were counted as of different moments.
        """
        if self.as_of != other.as_of:
            raise ValueError(f"as_of is {self.as_of} and {other.as_of}, must be one moment")
        ids = merged_ids(self.item_ids, other.item_ids)
        one, two = self.aligned(ids), other.aligned(ids)
        return ItemCounts(
            as_of=self.as_of,
            item_ids=ids,
            events=one.events + two.events,
            reach=one.reach + two.reach,
            revenue=one.revenue + two.revenue,
            gaps=one.gaps + two.gaps,
            gap_days=one.gap_days + two.gap_days,
            first_seen=np.minimum(one.first_seen, two.first_seen),
            last_sold=np.maximum(one.last_sold, two.last_sold),
        )

    @property
    def first_seen_or_nan(self) -> FloatArray:
        """`first_seen`, NaN where the item was not seen, shape (n_items,)."""
        return np.where(self.first_seen == _LATEST, np.nan, self.first_seen)

    @property
    def last_sold_or_nan(self) -> FloatArray:
        """`last_sold`, NaN where the item was not sold, shape (n_items,)."""
        return np.where(self.last_sold == _NEVER, np.nan, self.last_sold)


@numba.njit(cache=True, nogil=True)
def _count(
    start: IntArray,
    stop: IntArray,
    cutoff: int,
    time: IntArray,
    event: npt.NDArray[np.int8],
    item: CodeArray,
    quantity: FloatArray,
    value: FloatArray,
    reversals: Reversals,
    stage_of: npt.NDArray[np.int8],
    windows: IntArray,
    n_items: int,
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray, IntArray]:
    """One pass over each row's slice, oldest first."""
    events = np.zeros((n_items, _BUY + 1, len(windows)))
    reach = np.zeros((n_items, _BUY + 1))
    revenue = np.zeros(n_items)
    first_seen = np.full(n_items, _LATEST)
    last_sold = np.full(n_items, _NEVER)
    depth_by = np.full(n_items, -1, np.int64)  # last row that reached the item
    depth = np.zeros(n_items, np.int8)
    for row in range(len(start)):
        for position in range(start[row], stop[row]):
            stage, code = stage_of[event[position]], item[position]
            if stage < 0 or code < 0:
                continue
            if stage == _BUY:
                if is_taken_back(position, cutoff, quantity, reversals):
                    continue
                last_sold[code] = max(last_sold[code], time[position])
            first_seen[code] = min(first_seen[code], time[position])
            age = cutoff - time[position]
            if age > _REACH:
                continue
            events[code, stage, np.searchsorted(windows, age)] += 1
            if depth_by[code] != row:
                depth_by[code] = row
                depth[code] = 0
            while depth[code] <= stage:
                reach[code, depth[code]] += 1
                depth[code] += 1
            if stage == _BUY:
                money = net_value(position, cutoff, value, reversals)
                revenue[code] += 0.0 if np.isnan(money) else money
    return events, reach, revenue, first_seen, last_sold


@numba.njit(cache=True, nogil=True)
def _count_gaps(
    start: IntArray,
    stop: IntArray,
    cutoff: int,
    time: IntArray,
    event: npt.NDArray[np.int8],
    item: CodeArray,
    quantity: FloatArray,
    reversals: Reversals,
    n_items: int,
) -> tuple[FloatArray, FloatArray]:
    """One pass over each row's slice, oldest first."""
    gaps = np.zeros(n_items)
    gap_days = np.zeros(n_items)
    bought_by = np.full(n_items, -1, np.int64)  # last row that bought the item
    occasion = np.zeros(n_items, np.int64)
    for row in range(len(start)):
        for position in range(start[row], stop[row]):
            code = item[position]
            if event[position] != PURCHASE or code < 0:
                continue
            if is_taken_back(position, cutoff, quantity, reversals):
                continue
            gap = time[position] - occasion[code]
            if bought_by[code] != row:
                bought_by[code] = row
                occasion[code] = time[position]
            elif gap >= OCCASION:
                gaps[code] += 1
                gap_days[code] += gap / MICROSECONDS_PER_DAY
                occasion[code] = time[position]
    return gaps, gap_days
