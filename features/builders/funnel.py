"""How deep and how often a person went into the funnel: counts, money and recency per kind of event."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.arrays import FloatArray, IntArray
from features.builders.feature import WINDOW_DAYS, WINDOWS, Feature, feature_table, ratio
from features.histories.histories import MICROSECONDS_PER_DAY, AsOf
from features.tables import EVENT_NAMES

STAGES: Final = ("view", "cart_add", "checkout", "purchase")
"""The kinds of event that are counted, from the shallowest to the deepest."""

_TREND_DAYS: Final = (7, 30)
_SHORT, _LONG = (WINDOW_DAYS.index(days) for days in _TREND_DAYS)

FUNNEL_FEATURES: Final = (
    *(
        Feature(f"{stage}_{days}d", f"{stage} events in the last {days} days", "never")
        for stage in STAGES
        for days in WINDOW_DAYS
    ),
    *(
        Feature(f"{stage}_value_{days}d", f"money of {stage} events in {days} days, refunds not taken off", "never")
        for stage in STAGES
        for days in WINDOW_DAYS
    ),
    *(Feature(f"{stage}_days", f"days since the last {stage}", f"no {stage} yet") for stage in STAGES),
    *(
        Feature(f"{stage}_trend", f"{stage} events of 7 days over a 7-day share of 30 days", f"no {stage} in 30 days")
        for stage in STAGES
    ),
    Feature("event_days", "days since the last event of any kind", "no event yet"),
)  # fmt: skip
"""The columns of `funnel_features`, in order. An event whose value is not recorded counts as no money."""

_STAGE_OF: Final = np.array([STAGES.index(n) if n in STAGES else -1 for n in EVENT_NAMES], np.int8)


def funnel_features(history: AsOf) -> pa.Table:
    """Funnel counts of each row's person, from events strictly before the row's time.

    Args:
        history: n_rows rows.

    Returns:
        n_rows rows in the same order, the columns of `FUNNEL_FEATURES`.

    Invariants: unchanged by events at or after a row's time; a longer window never counts less.
    """
    columns = history.histories
    counts, money, last = _scan(
        history.start,
        history.stop,
        history.time,
        columns.time,
        columns.event,
        columns.value,
        _STAGE_OF,
        WINDOWS,
        len(STAGES),
    )
    counts, money = counts.cumsum(axis=2), money.cumsum(axis=2)
    short, long = _TREND_DAYS
    trend = ratio(counts[:, :, _SHORT], counts[:, :, _LONG] * short / long)
    stages, windows = range(len(STAGES)), range(len(WINDOW_DAYS))
    return feature_table(
        FUNNEL_FEATURES,
        [
            *(counts[:, stage, window] for stage in stages for window in windows),
            *(money[:, stage, window] for stage in stages for window in windows),
            *(last[:, stage] for stage in stages),
            *(trend[:, stage] for stage in stages),
            last[:, len(STAGES)],
        ],
    )


@numba.njit(cache=True, nogil=True)
def _scan(
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    value: FloatArray,
    stage_of: npt.NDArray[np.int8],
    windows: IntArray,
    n_stages: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """One pass over each row's slice, newest first; an event enters the shortest window that holds it."""
    rows = len(start)
    counts = np.zeros((rows, n_stages, len(windows)))
    money = np.zeros((rows, n_stages, len(windows)))
    last = np.full((rows, n_stages + 1), np.nan)
    for row in range(rows):
        if stop[row] > start[row]:
            last[row, n_stages] = (cutoff[row] - time[stop[row] - 1]) / MICROSECONDS_PER_DAY
        not_seen = n_stages
        window = 0
        for position in range(stop[row] - 1, start[row] - 1, -1):
            age = cutoff[row] - time[position]
            while window < len(windows) and age > windows[window]:
                window += 1
            if window == len(windows) and not_seen == 0:
                break
            stage = stage_of[event[position]]
            if stage < 0:
                continue
            if np.isnan(last[row, stage]):
                last[row, stage] = age / MICROSECONDS_PER_DAY
                not_seen -= 1
            if window < len(windows):
                counts[row, stage, window] += 1
                if not np.isnan(value[position]):
                    money[row, stage, window] += value[position]
    return counts, money, last
