"""What a model sees of histories: weighted events with items it knows, as a matrix or in their order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from features.arrays import BoolArray, CodeArray, FloatArray, IntArray, TextArray
from features.assignment import uniform
from features.histories.histories import NO_CODE, AsOf
from features.interactions import InteractionConfig, event_weights, interaction_matrix

_DRAWN: Final = "persons a recommender learns from"


@dataclass(frozen=True, eq=False)
class ItemEvents:
    """Weighted events with items the model knows, row by row, oldest first.

    Attributes:
        offsets: shape (n_rows + 1,), events of row r are `offsets[r]:offsets[r + 1]`.
        item: shape (n_events,), item code of the model.
        event: shape (n_events,), int8 position in `features.tables.EVENT_NAMES`.
        weight: shape (n_events,), weight before decay, above 0.
        age_days: shape (n_events,), age at the row's cut-off, above 0, never rising within a row.
    """

    offsets: IntArray
    item: CodeArray
    event: npt.NDArray[np.int8]
    weight: FloatArray
    age_days: FloatArray

    @property
    def n_rows(self) -> int:
        return len(self.offsets) - 1

    def rows(self) -> IntArray:
        """Row of each event, shape (n_events,)."""
        return np.repeat(np.arange(self.n_rows, dtype=np.int64), np.diff(self.offsets))

    def of(self, keep: BoolArray) -> ItemEvents:
        """The chosen events, mask of shape (n_events,); the rows stay."""
        counts = np.bincount(self.rows()[keep], minlength=self.n_rows)
        return ItemEvents(
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            item=self.item[keep],
            event=self.event[keep],
            weight=self.weight[keep],
            age_days=self.age_days[keep],
        )

    def sessions(self, *, gap_days: float) -> tuple[IntArray, IntArray]:
        """Runs of events of one row without a pause longer than `gap_days`.

        A gap of 0 makes a session of the events of one moment: a basket.

        Returns:
            The session of each event, shape (n_events,), 0, 1, ... in order; and the row of each session, shape
            (n_sessions,).
        """
        row = self.rows()
        starts = np.ones(len(row), np.bool_)
        starts[1:] = (row[1:] != row[:-1]) | (self.age_days[:-1] - self.age_days[1:] > gap_days)
        session: IntArray = np.cumsum(starts) - 1
        return session, row[starts]

    def newest_first(self) -> tuple[IntArray, IntArray]:
        """The last event of each (row, item), row by row, newest first.

        Returns:
            Position of the event and its rank within the row (1 = newest), each shape (n_pairs,).
        """
        row = self.rows()
        key = row * (1 + int(self.item.max(initial=0))) + self.item
        _, from_end = np.unique(key[::-1], return_index=True)
        position = len(key) - 1 - from_end
        position = position[np.lexsort((-position, row[position]))]
        row = row[position]
        first = np.searchsorted(row, row)
        return position, np.arange(len(row)) - first + 1

    def places_from_end(self) -> IntArray:
        """1 for the newest event of a row, 2 for the one before, ...; shape (n_events,)."""
        places: IntArray = self.offsets[self.rows() + 1] - np.arange(len(self.item))
        return places


class Observed:
    """Rows of histories in the item codes of one model.

    Args:
        history: n_rows rows.
        config: which events count, and how much.
        codes: shape (items of the histories,), the model's code of each, -1 = unknown to the model.
        n_items: number of items the model knows.
    """

    def __init__(
        self, history: AsOf, config: InteractionConfig, codes: CodeArray, *, n_items: int
    ) -> None:
        self._history = history
        self._config = config
        self._codes = codes
        self.n_items = n_items

    def __len__(self) -> int:
        return len(self._history)

    @property
    def history(self) -> AsOf:
        """The rows as they came."""
        return self._history

    @property
    def codes(self) -> CodeArray:
        """The model's code of each item of the histories, -1 = unknown to the model."""
        return self._codes

    def before(self, moment: int) -> Observed:
        """The same persons, as of another moment, microseconds since 1970 UTC."""
        earlier = self._history.histories.as_of(self._history.person, moment)
        return Observed(earlier, self._config, self._codes, n_items=self.n_items)

    def take(self, rows: npt.ArrayLike) -> Observed:
        """The chosen rows, in that order."""
        return Observed(self._history.take(rows), self._config, self._codes, n_items=self.n_items)

    def drawn(self, at_most: int | None) -> Observed:
        """Rows of at most so many persons, in their order; a person is in or out whatever the order, None = all.

        Who is drawn of more persons stays drawn of any part of them that holds the person.
        """
        if at_most is None or at_most >= len(self):
            return self
        persons = self._history.histories.person_ids[self._history.person]
        draws = uniform(persons, salt=_DRAWN)
        return self.take(np.sort(np.argsort(draws, kind="stable")[:at_most]))

    def under(self, config: InteractionConfig) -> Observed:
        """The same rows and items with other event weights and another half-life."""
        return Observed(self._history, config, self._codes, n_items=self.n_items)

    @cached_property
    def weights(self) -> sp.csr_matrix:
        """Decayed weight of each (row, item), CSR float32, shape (n_rows, n_items), indices sorted, no stored zeros."""
        weights = interaction_matrix(self._history, self._config)
        held = np.flatnonzero(self._codes != NO_CODE)
        columns = sp.csr_matrix(
            (np.ones(len(held), np.float32), (held, self._codes[held])),
            shape=(weights.shape[1], self.n_items),
        )
        mapped = weights @ columns
        mapped.sort_indices()
        return mapped

    @cached_property
    def events(self) -> ItemEvents:
        """The same events one by one, in their order."""
        columns = self._history.histories
        row, position = self._history.events()
        weight = event_weights(self._config)[columns.event[position]]
        item = np.append(self._codes, np.int32(NO_CODE))[columns.item[position]]
        keep = (weight > 0) & (item != NO_CODE)
        row, position = row[keep], position[keep]
        counts = np.bincount(row, minlength=len(self))
        return ItemEvents(
            offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            item=item[keep],
            event=columns.event[position],
            weight=weight[keep],
            age_days=self._history.age_days(row, position),
        )


def codes_of(ids: TextArray, *, known: TextArray) -> CodeArray:
    """Position of each id in `known`, shape (n_ids,), -1 where it is not there."""
    found = pc.index_in(pa.array(ids, pa.string()), value_set=pa.array(known, pa.string()))
    codes: IntArray = pc.fill_null(found, NO_CODE).to_numpy(zero_copy_only=False)
    return codes.astype(np.int32)
