"""Event weights x time decay -> sparse matrix of rows by items."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import scipy.sparse as sp
from pydantic import Field

from features.arrays import FloatArray
from features.config import BaseConfig
from features.histories import AsOf
from features.tables import EVENT_NAMES

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
    row, position = history.events()
    weight = event_weights(config)[columns.event[position]]
    keep = (weight > 0) & (columns.item[position] >= 0)
    row, position = row[keep], position[keep]
    decay = np.exp2(-history.age_days(row, position) / config.half_life_days)
    shape = (len(history), columns.n_items)
    matrix = sp.coo_matrix(
        (weight[keep] * decay, (row, columns.item[position])), shape=shape
    ).tocsr()
    matrix = matrix.astype(np.float32)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix
