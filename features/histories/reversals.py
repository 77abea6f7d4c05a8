"""What refunds and cancellations took back of each event, and when: the net of a purchase as of a moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, CodeArray, FloatArray, IntArray
from features.histories.event_ids import EventIds
from features.histories.person_sort import Rows
from features.kernels import helper

NOT_REVERSED: Final = -1

EVERYTHING: Final = np.iinfo(np.int64).max
"""A cut-off later than every recorded moment."""

_ROUNDING: Final = 1e-9
_PREFIX: Final = "reversal_"


class Reversals(NamedTuple):
    """Sparse rows of what was taken back; a plain tuple of arrays, so that kernels take it as one argument.

    Attributes:
        row: shape (n_events,), int32 row of each event below, -1 = nothing of it was ever taken back.
        offsets: shape (n_rows + 1,), the entries of row r are `offsets[r]:offsets[r + 1]`, oldest first.
        time: shape (n_entries,), microseconds since 1970 UTC of the refund.
        quantity: shape (n_entries,), units taken back.
        value: shape (n_entries,), money taken back, NaN = the purchase has no money.
    """

    row: CodeArray
    offsets: IntArray
    time: IntArray
    quantity: FloatArray
    value: FloatArray


def no_reversals(n_events: int) -> Reversals:
    """Nothing was taken back of any event."""
    return Reversals(
        row=np.full(n_events, NOT_REVERSED, np.int32),
        offsets=np.zeros(1, np.int64),
        time=np.zeros(0, np.int64),
        quantity=np.zeros(0),
        value=np.zeros(0),
    )


def find_reversals(
    reversals: pa.Table | None, event_ids: EventIds, time: IntArray, row: Rows
) -> Reversals:
    """The sparse rows of a reversals table.

    Args:
        reversals: a checked reversals table; None = nothing was taken back. An entry whose purchase or refund is not
            among the events is left out: its person was erased.
        event_ids: of the rows of the events, n_events; read only if something was taken back.
        time: microseconds, shape (n_events,), in the order of the histories.
        row: the row that comes at each position of the histories, shape (n_events,).
    """
    if reversals is None or reversals.num_rows == 0:
        return no_reversals(len(row))
    place = np.empty(len(row), np.int64)
    place[row] = np.arange(len(row))
    refund = event_ids.rows_of(reversals[c.REFUND_EVENT_ID])
    bought = event_ids.rows_of(reversals[c.EVENT_ID])
    known = (refund >= 0) & (bought >= 0)
    quantity = reversals[c.QUANTITY].to_numpy()[known]
    value = pc.fill_null(reversals[c.VALUE], float("nan")).to_numpy()[known]
    return sorted_reversals(
        place[bought[known]], time[place[refund[known]]], quantity, value, n_events=len(row)
    )


def sorted_reversals(
    place: IntArray, time: IntArray, quantity: FloatArray, value: FloatArray, *, n_events: int
) -> Reversals:
    """The sparse rows of entries in any order; `place` is the position of the event each takes from."""
    order = np.lexsort((value, quantity, time, place))
    positions, lengths = np.unique(place, return_counts=True)
    row = np.full(n_events, NOT_REVERSED, np.int32)
    row[positions] = np.arange(len(positions), dtype=np.int32)
    return Reversals(
        row=row,
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        time=np.ascontiguousarray(time[order], np.int64),
        quantity=np.ascontiguousarray(quantity[order], np.float64),
        value=np.ascontiguousarray(value[order], np.float64),
    )


def entries(reversals: Reversals) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Position, time, quantity and value of each entry: what `sorted_reversals` takes."""
    position = np.empty(len(reversals.offsets) - 1, np.int64)
    reversed_ = np.flatnonzero(reversals.row != NOT_REVERSED)
    position[reversals.row[reversed_]] = reversed_
    repeated = np.repeat(position, np.diff(reversals.offsets))
    return repeated, reversals.time, reversals.quantity, reversals.value


def kept_reversals(reversals: Reversals, kept: BoolArray) -> Reversals:
    """The sparse rows once only the chosen events are left, shape of `kept` (n_events,)."""
    position, time, quantity, value = entries(reversals)
    stays = kept[position]
    place = np.cumsum(kept) - 1
    return sorted_reversals(
        place[position[stays]],
        time[stays],
        quantity[stays],
        value[stays],
        n_events=int(kept.sum()),
    )


def as_arrays(reversals: Reversals) -> dict[str, npt.NDArray[Any]]:
    """The arrays by name, for the store."""
    return {f"{_PREFIX}{name}": array for name, array in reversals._asdict().items()}


def from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> Reversals:
    """The inverse of `as_arrays`."""
    return Reversals(**{name: arrays[f"{_PREFIX}{name}"] for name in Reversals._fields})


@helper
def net_quantity(position: int, cutoff: int, quantity: FloatArray, reversals: Reversals) -> float:
    """Units of an event not taken back strictly before `cutoff` (microseconds), >= 0.

    An event without quantity is one unit. `quantity` is the column of the histories.
    """
    left = 1.0 if np.isnan(quantity[position]) else quantity[position]
    row = reversals.row[position]
    if row != NOT_REVERSED:
        for entry in range(reversals.offsets[row], reversals.offsets[row + 1]):
            if reversals.time[entry] >= cutoff:
                break
            left -= reversals.quantity[entry]
    return left if left > _ROUNDING else 0.0


@helper
def net_value(position: int, cutoff: int, value: FloatArray, reversals: Reversals) -> float:
    """Money of an event not taken back strictly before `cutoff` (microseconds), >= 0; NaN where it has none.

    `value` is the column of the histories.
    """
    left: float = value[position]
    row = reversals.row[position]
    if row != NOT_REVERSED:
        for entry in range(reversals.offsets[row], reversals.offsets[row + 1]):
            if reversals.time[entry] >= cutoff:
                break
            if not np.isnan(reversals.value[entry]):
                left -= reversals.value[entry]
        if left < _ROUNDING:
            left = 0.0
    return left


@helper
def is_taken_back(position: int, cutoff: int, quantity: FloatArray, reversals: Reversals) -> bool:
    """Whether all units of an event were taken back strictly before `cutoff`; an event of 0 units never is."""
    if reversals.row[position] == NOT_REVERSED:
        return False
    return bool(net_quantity(position, cutoff, quantity, reversals) == 0.0)
