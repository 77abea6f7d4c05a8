"""Which items the same persons take up: co-occurrence counted over parts of the persons, then a cosine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import scipy.sparse as sp

from features.arrays import IntArray, TextArray
from features.builders.item_ids import codes_of, merged_ids
from features.histories.histories import AsOf
from features.tables import EVENT_NAMES

_EVENTS: Final = ("purchase",)


@dataclass(frozen=True, eq=False)
class ItemSimilarity:
    """How much items go together.

    Attributes:
        as_of: microseconds since 1970 UTC; only events strictly before it counted.
        item_ids: shape (n_items,), sorted text.
        matrix: CSR float64, shape (n_items, n_items), rows and columns in the order of the ids; row i holds how much the
            other items go with item i. The diagonal is not looked at.
    """

    as_of: int
    item_ids: TextArray
    matrix: sp.csr_matrix

    def aligned(self, item_ids: TextArray) -> sp.csr_matrix:
        """The matrix in the order of these ids, sorted text; empty rows and columns for ids that are not here."""
        return _spread(self.matrix, self.item_ids, item_ids)


@dataclass(frozen=True, eq=False)
class CoOccurrence:
    """Persons who took up each item, and each pair of items, strictly before `as_of`.

    Attributes:
        as_of: microseconds since 1970 UTC.
        item_ids: shape (n_items,), sorted text; items that nobody took up are left out.
        persons: CSR float64, shape (n_items, n_items), persons who took up both; the diagonal holds those of one item.

    Invariants: the counts of two parts with different persons add up to those of both together.
    """

    as_of: int
    item_ids: TextArray
    persons: sp.csr_matrix

    @classmethod
    def of(
        cls, history: AsOf, *, window_days: float, events: Collection[str] = _EVENTS
    ) -> CoOccurrence:
        """Counts over the persons of a part.

        Args:
            history: one row per person, all at one time.
            window_days: events older than this do not count.
            events: names of the events by which a person takes an item up.

        Raises:
            ValueError: the rows have different times, or there are none.
        """
        moments = np.unique(history.time)
        if len(moments) != 1:
            raise ValueError(f"{len(moments)} different times, must be one for all rows")
        columns = history.histories
        row, position = history.events()
        wanted = np.isin(columns.event[position], [EVENT_NAMES.index(name) for name in events])
        keep = wanted & (columns.item[position] >= 0)
        keep &= history.age_days(row, position) <= window_days
        cells = (np.ones(keep.sum()), (row[keep], columns.item[position[keep]]))
        took = sp.coo_matrix(cells, shape=(len(history), columns.n_items)).tocsr()
        took.data[:] = 1.0
        taken_up = np.flatnonzero(np.bincount(took.indices, minlength=columns.n_items))
        took = took[:, taken_up]
        return cls(int(moments[0]), columns.item_ids[taken_up], (took.T @ took).tocsr())

    def __add__(self, other: CoOccurrence) -> CoOccurrence:
        """The counts over the persons of both parts.

        Raises:
            ValueError: the parts were counted as of different moments.
        """
        if self.as_of != other.as_of:
            raise ValueError(f"as_of is {self.as_of} and {other.as_of}, must be one moment")
        ids = merged_ids(self.item_ids, other.item_ids)
        one, two = (_spread(part.persons, part.item_ids, ids) for part in (self, other))
        return CoOccurrence(self.as_of, ids, (one + two).tocsr())

    def cosine(self, *, min_persons: float = 2.0) -> ItemSimilarity:
        """Persons of both over the geometric mean of the persons of each, in (0, 1]; no diagonal.

        Args:
            min_persons: pairs that fewer persons took up count as not going together.

        Source: item-item cosine on binary data (Sarwar et al., WWW 2001).
        """
        cells = self.persons.tocoo()
        single = np.asarray(self.persons.diagonal())
        keep = (cells.row != cells.col) & (cells.data >= min_persons)
        row, column = cells.row[keep], cells.col[keep]
        value = cells.data[keep] / np.sqrt(single[row] * single[column])
        matrix = sp.coo_matrix((value, (row, column)), shape=self.persons.shape).tocsr()
        matrix.sort_indices()
        return ItemSimilarity(self.as_of, self.item_ids, matrix)


def _spread(matrix: Any, old: TextArray, new: TextArray) -> sp.csr_matrix:
    """The matrix with rows and columns in the order of `new`; what `new` does not name is left out."""
    place: IntArray = codes_of(old, new)
    cells = matrix.tocoo()
    row, column = place[cells.row], place[cells.col]
    keep = (row >= 0) & (column >= 0)
    shape = (len(new), len(new))
    moved = sp.coo_matrix((cells.data[keep], (row[keep], column[keep])), shape=shape).tocsr()
    moved.sort_indices()
    return moved
