"""Event weights x time decay -> sparse matrix of rows by items."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field

from features.arrays import CodeArray, FloatArray, IntArray, ScoreArray
from features.config import BaseConfig
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE, AsOf
from features.tables import EVENT_NAMES
from features.threads import in_two_threads

_SHORT: Final = 64  # up to here an insertion sort is the fastest

EventName = Literal[EVENT_NAMES]  # type: ignore[valid-type]  # the vocabulary is a tuple, defined once


class InteractionConfig(BaseConfig):
    """How much one event counts.

    `weight(event) = weights[event name] * 0.5 ** (age_days / half_life_days)`; an event whose name has no weight counts
    nothing.
    """

    weights: dict[EventName, Annotated[float, Field(ge=0)]] = Field(default={"purchase": 1.0})
    """Weight per event name of the closed vocabulary."""

    half_life_days: float = Field(default=60.0, gt=0)
    """Age at which an event counts half."""


def event_weights(config: InteractionConfig) -> FloatArray:
    """Weight of each event code, shape (number of event names,), before decay."""
    return np.array([config.weights.get(name, 0.0) for name in EVENT_NAMES])


def interaction_matrix(history: AsOf, config: InteractionConfig) -> sp.csr_matrix:
    """Decayed weight of each (row, item).

    Args:
        history: n_rows rows.
        config: weights and half-life.

    Returns:
        CSR float32, shape (n_rows, n_items), items in the order of `histories.item_ids`, column indices sorted, no
        stored zeros.

    Invariants: unchanged by events at or after a row's cut-off; doubling every weight doubles every entry.
    """
    columns = history.histories
    weight = event_weights(config)
    rate = 1 / (config.half_life_days * MICROSECONDS_PER_DAY)

    def part(first: int, last: int) -> tuple[IntArray, CodeArray, ScoreArray]:
        found: tuple[IntArray, CodeArray, ScoreArray] = _weigh(
            history.start[first:last],
            history.stop[first:last],
            history.time[first:last],
            columns.time,
            columns.event,
            columns.item,
            weight,
            rate,
        )
        return found

    middle = len(history) // 2
    parts = in_two_threads([lambda: part(0, middle), lambda: part(middle, len(history))])
    lengths, items, weights = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    pointers = np.concatenate([[0], np.cumsum(lengths)])
    matrix = sp.csr_matrix((weights, items, pointers), shape=(len(history), columns.n_items))
    matrix.has_sorted_indices = matrix.has_canonical_format = True
    return matrix


@numba.njit(cache=True, nogil=True)
def _weigh(
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    item: CodeArray,
    weight: FloatArray,
    rate: float,
) -> tuple[IntArray, CodeArray, ScoreArray]:
    """Number of items of each row, and their codes and summed weights, row after row, codes rising."""
    lengths = np.zeros(len(start), np.int64)
    items = np.empty((stop - start).sum(), np.int32)
    weights = np.empty(len(items), np.float32)
    longest = max((stop - start).max(), 0) if len(start) else 0
    code, heft = np.empty(longest, np.int32), np.empty(longest, np.float64)
    end = 0
    for row in range(len(start)):
        met = 0
        for position in range(start[row], stop[row]):
            first_weight = weight[event[position]]
            if first_weight > 0 and item[position] != NO_CODE:
                code[met] = item[position]
                heft[met] = first_weight * np.exp2(-rate * (cutoff[row] - time[position]))
                met += 1
        _sort_by_code(code, heft, met)
        begin, at = end, 0
        while at < met:
            current, total = code[at], 0.0
            while at < met and code[at] == current:
                total += heft[at]
                at += 1
            if np.float32(total) > 0:
                items[end], weights[end] = current, total
                end += 1
        lengths[row] = end - begin
    return lengths, items[:end], weights[:end]


@numba.njit(cache=True, nogil=True)
def _sort_by_code(code: CodeArray, heft: FloatArray, size: int) -> None:
    """Sort the first entries of both by code; equal codes stay in their order. Most histories are short."""
    if size > _SHORT:
        order = np.argsort(code[:size], kind="mergesort")
        code[:size], heft[:size] = code[:size][order], heft[:size][order]
        return
    for at in range(1, size):
        one, weight, hole = code[at], heft[at], at
        while hole > 0 and code[hole - 1] > one:
            code[hole], heft[hole] = code[hole - 1], heft[hole - 1]
            hole -= 1
        code[hole], heft[hole] = one, weight
