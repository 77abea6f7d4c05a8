"""Habits in periods as long as the horizon: in how many of the last ones a person took an item up.

That is the very event the label asks about, counted back from the cut-off: several purchases within one period are one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.arrays import BoolArray, CodeArray, FloatArray, IntArray
from features.builders.feature import Feature, feature_table
from features.histories.histories import MICROSECONDS_PER_DAY, AsOf
from features.histories.reversals import Reversals, is_taken_back
from features.kernels import helper
from features.tables import EVENT_NAMES

_RECENT: Final = (1, 2, 3, 4, 8, 16)
_FADES: Final = (3, 8, 20)
_NO_PERIOD: Final = "the person took nothing up in them"

PERIOD_FEATURES: Final = (
    *(Feature(f"pair_periods_{n}", f"of the last {n} periods, those in which the person took the item up", "never") for n in _RECENT),
    Feature("pair_periods", "periods in which the person took the item up", "never"),
    *(Feature(f"pair_period_share_{n}", f"the same over those of the last {n} in which the person took anything up", _NO_PERIOD) for n in _RECENT),
    Feature("pair_period_share", "the same over all periods in which the person took anything up", _NO_PERIOD),
    *(Feature(f"pair_periods_faded_{n}", f"periods with the item, each worth 0.5 ** (its age in periods / {n})", "never") for n in _FADES),
    *(Feature(f"pair_period_share_faded_{n}", "the same over the periods with anything", _NO_PERIOD) for n in _FADES),
)  # fmt: skip
"""The columns of `period_features`, in order."""

_WINDOWS: Final = np.array([*_RECENT, np.iinfo(np.int64).max], np.int64)
_HALF_LIVES: Final = np.array(_FADES, np.float64)
_N_KEPT: Final = len(_WINDOWS) + len(_HALF_LIVES)


class _Events(NamedTuple):
    """Slices of the rows, and the columns they point into; `code` maps items of the histories to those of the pairs."""

    start: IntArray
    stop: IntArray
    cutoff: IntArray
    time: IntArray
    event: npt.NDArray[np.int8]
    item: CodeArray
    quantity: FloatArray
    counts: BoolArray
    code: CodeArray


def period_features(
    history: AsOf,
    codes: CodeArray,
    *,
    row: IntArray,
    item: IntArray,
    n_items: int,
    events: Collection[str],
    period_days: float,
) -> pa.Table:
    """Habits of (person, item) pairs, from events strictly before the time of the pair's row.

    Args:
        history: n_rows rows.
        codes: shape (items of the histories,), code of each, -1 = unknown.
        row: row of each pair, shape (n_pairs,), never falling.
        item: code of its item, shape (n_pairs,), from 0 to n_items - 1; no item twice in a row.
        n_items: number of codes.
        events: names of the events by which a person takes an item up.
        period_days: length of a period; the first one ends at the row's time.

    Returns:
        n_pairs rows in the same order, the columns of `PERIOD_FEATURES`.

    Invariants: unchanged by events at or after a row's time, by other persons' events and by the other pairs of the row.
    """
    columns = history.histories
    found = np.empty((len(PERIOD_FEATURES), len(row)))
    _scan(
        _Events(
            history.start,
            history.stop,
            history.time,
            columns.time,
            columns.event,
            columns.item,
            columns.quantity,
            np.isin(EVENT_NAMES, sorted(events)),
            codes,
        ),
        columns.reversals,
        np.searchsorted(row, np.arange(len(history) + 1)),
        item,
        round(period_days * MICROSECONDS_PER_DAY),
        n_items,
        _WINDOWS,
        _HALF_LIVES,
        found,
    )
    return feature_table(PERIOD_FEATURES, list(found))


@helper
def _share(pair: int, total: FloatArray, n_windows: int, found: FloatArray) -> None:
    """The shares of one pair, each n columns after the n counts that it is a share of."""
    n_fades = len(total) - n_windows
    for place in range(len(total)):
        faded = place >= n_windows
        source = n_windows + place if faded else place
        target = source + (n_fades if faded else n_windows)
        found[target, pair] = found[source, pair] / total[place] if total[place] > 0 else np.nan


@helper
def _counts(position: int, row: int, events: _Events, reversals: Reversals) -> bool:
    """Whether an event took an item up and was not taken back."""
    if not events.counts[events.event[position]] or events.item[position] < 0:
        return False
    return not is_taken_back(position, events.cutoff[row], events.quantity, reversals)


@numba.njit(cache=True, nogil=True)
def _scan(
    events: _Events,
    reversals: Reversals,
    offsets: IntArray,
    item: IntArray,
    period: int,
    n_items: int,
    windows: IntArray,
    half_lives: FloatArray,
    found: FloatArray,
) -> None:
    """One pass over each row's slice, newest first; found has shape (n_features, n_pairs)."""
    n_windows, n_kept = len(windows), len(windows) + len(half_lives)
    taken_by = np.full(n_items, -1, np.int64)
    pair_of = np.zeros(n_items, np.int64)
    newest = np.zeros(len(item), np.int64)
    worth, total = np.zeros(n_kept), np.zeros(n_kept)
    for row in range(len(events.start)):
        for pair in range(offsets[row], offsets[row + 1]):
            taken_by[item[pair]] = row
            pair_of[item[pair]] = pair
            newest[pair] = -1
            found[:, pair] = 0.0
        total[:] = 0.0
        last = -1
        for position in range(events.stop[row] - 1, events.start[row] - 1, -1):
            if not _counts(position, row, events, reversals):
                continue
            age = (events.cutoff[row] - events.time[position] - 1) // period
            if age != last:
                last = age
                worth[:n_windows] = age < windows
                worth[n_windows:] = np.exp2(-age / half_lives)
                total += worth
            code = events.code[events.item[position]]
            if code < 0 or taken_by[code] != row or newest[pair_of[code]] == age:
                continue
            pair = pair_of[code]
            newest[pair] = age
            for place in range(n_kept):
                found[place if place < n_windows else n_windows + place, pair] += worth[place]
        for pair in range(offsets[row], offsets[row + 1]):
            _share(pair, total, n_windows, found)
