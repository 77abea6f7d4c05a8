"""When a person is active: part of the day, day of the week, number of days."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.arrays import BoolArray, FloatArray, IntArray
from features.builders.feature import Feature, feature_table, ratio
from features.histories.histories import MICROSECONDS_PER_DAY, AsOf
from features.tables import EVENT_NAMES

_PASSIVE: Final = ("refund", "cancel", "support_case")
_ACTIVE: Final = np.array([name not in _PASSIVE for name in EVENT_NAMES])
_WINDOW: Final = 90 * MICROSECONDS_PER_DAY
_HOUR: Final = MICROSECONDS_PER_DAY // 24
_PARTS: Final = {"night": 0, "morning": 6, "afternoon": 12, "evening": 18}
_PART_HOURS: Final = 6
_SATURDAY: Final = 5
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday; Monday is 0
_NO_DAY: Final = int(np.iinfo(np.int64).min)
_NONE: Final = "no action in 90 days"

HABIT_FEATURES: Final = (
    *(
        Feature(f"{part}_share", f"share of actions from {begin}:00 to {begin + _PART_HOURS}:00, 0 to 1", _NONE)
        for part, begin in _PARTS.items()
    ),
    Feature("weekend_share", "share of actions on Saturday and Sunday, 0 to 1", _NONE),
    Feature("modal_hour", "hour with most actions, 0 to 23, the earliest of equals", _NONE),
    Feature("modal_weekday", "weekday with most actions, Monday 0 to Sunday 6, the earliest of equals", _NONE),
    Feature("active_days_90d", "different days with an action", "never"),
)  # fmt: skip
"""The columns of `habit_features`, in order. An action is any event of the last 90 days but refunds, cancellations and
support cases."""


def habit_features(history: AsOf, *, utc_offset_hours: float = 0.0) -> pa.Table:
    """Habits of each row's person, from events strictly before the row's time.

    Args:
        history: n_rows rows.
        utc_offset_hours: hours that the shop's clock is ahead of UTC; daylight saving is not followed.

    Returns:
        n_rows rows in the same order, the columns of `HABIT_FEATURES`.

    Invariants: unchanged by events at or after a row's time; the shares of the four parts add up to 1.
    """
    columns = history.histories
    hours, weekdays, days = _scan(
        history.start,
        history.stop,
        history.time,
        columns.time,
        columns.event,
        _ACTIVE,
        round(utc_offset_hours * _HOUR),
    )
    actions = hours.sum(axis=1)
    none = actions == 0
    parts = hours.reshape(-1, len(_PARTS), _PART_HOURS).sum(axis=2)
    return feature_table(
        HABIT_FEATURES,
        [
            *(ratio(parts[:, part], actions) for part in range(len(_PARTS))),
            ratio(weekdays[:, _SATURDAY:].sum(axis=1), actions),
            np.where(none, np.nan, hours.argmax(axis=1)),
            np.where(none, np.nan, weekdays.argmax(axis=1)),
            days,
        ],
    )


@numba.njit(cache=True, nogil=True)
def _scan(
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    active: BoolArray,
    offset: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """One pass over each row's slice, newest first, up to the end of the window."""
    rows = len(start)
    hours = np.zeros((rows, 24))
    weekdays = np.zeros((rows, 7))
    days = np.zeros(rows)
    for row in range(rows):
        newer_day = np.int64(_NO_DAY)
        for position in range(stop[row] - 1, start[row] - 1, -1):
            if cutoff[row] - time[position] > _WINDOW:
                break
            if not active[event[position]]:
                continue
            local = time[position] + offset
            day = local // MICROSECONDS_PER_DAY
            if day != newer_day:
                days[row] += 1
                newer_day = day
            hours[row, local % MICROSECONDS_PER_DAY // _HOUR] += 1
            weekdays[row, (day + _EPOCH_WEEKDAY) % 7] += 1
    return hours, weekdays, days
