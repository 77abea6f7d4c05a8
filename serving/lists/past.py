"""What each row's person did with the items of a shelf, as pairs of row and item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from features.arrays import BoolArray, CodeArray, FloatArray, IntArray
from features.histories.histories import NO_CODE, AsOf
from features.segments.cart import open_carts
from features.segments.purchases import kept_purchases
from features.tables import EVENT_NAMES
from serving.lists.shelf import Shelf

PURCHASE: Final = EVENT_NAMES.index("purchase")


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs (row, item of the shelf), sorted, each once.

    Attributes:
        key: row x items of the shelf + item, rising.
        width: items of the shelf.
    """

    key: IntArray
    width: int

    @classmethod
    def of(cls, row: IntArray, item: npt.NDArray[np.integer], *, width: int) -> Self:
        """The different pairs; items of -1 are left out."""
        held = item >= 0
        return cls(np.unique(row[held] * width + item[held]), width)

    def place(self, items: CodeArray) -> IntArray:
        """Where each candidate stands among the pairs, shape (n, k); -1 = it does not."""
        wanted = np.arange(len(items))[:, None] * self.width + items
        place = np.searchsorted(self.key, wanted)
        found = (items >= 0) & (np.append(self.key, -1)[place] == wanted)
        return np.where(found, place, NO_CODE)

    def hold(self, items: CodeArray) -> BoolArray:
        """Whether each candidate, shape (n, k), is one of its row's."""
        held: BoolArray = self.place(items) >= 0
        return held

    def joined(self, other: Self) -> Self:
        """The pairs of both, over the same shelf."""
        return type(self)(np.union1d(self.key, other.key), self.width)

    def rows(self, n_rows: int) -> tuple[IntArray, CodeArray]:
        """The items of each row, as offsets (n_rows + 1,) and codes."""
        offsets = np.searchsorted(self.key, np.arange(n_rows + 1) * self.width)
        return offsets.astype(np.int64), (self.key % max(self.width, 1)).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Past:
    """Visible events with items of the shelf, row by row, oldest first.

    Attributes:
        history: n_rows rows.
        shelf: the items.
        row: shape (n_events,).
        item: shape (n_events,), code of the shelf.
        position: shape (n_events,), position in the columns of the histories.
        resting: items shown to the row's person too often; None = nobody asked.
    """

    history: AsOf
    shelf: Shelf
    row: IntArray
    item: CodeArray
    position: IntArray
    resting: Pairs | None = None

    @classmethod
    def of(cls, history: AsOf, shelf: Shelf, *, resting: Pairs | None = None) -> Self:
        """The events of some histories, and what rests."""
        row, position = history.events()
        item = _on_shelf(history, shelf)[history.histories.item[position]]
        held = item != NO_CODE
        return cls(history, shelf, row[held], item[held], position[held], resting)

    def bought(self, *, days: float = np.inf) -> Pairs:
        """Items with a purchase in the last `days`, taken back or not."""
        chosen = self.history.histories.event[self.position] == PURCHASE
        if np.isfinite(days):
            chosen &= self.history.age_days(self.row, self.position) <= days
        return Pairs.of(self.row[chosen], self.item[chosen], width=len(self.shelf))

    def touched(self) -> tuple[Pairs, IntArray]:
        """Every pair with an event, and the position of its last one."""
        key = self.row * len(self.shelf) + self.item
        pairs, from_end = np.unique(key[::-1], return_index=True)
        return Pairs(pairs, len(self.shelf)), self.position[len(key) - 1 - from_end]

    def last(self) -> IntArray:
        """Position of each row's last event, shape (n_rows,), -1 = none."""
        position = np.full(len(self.history), NO_CODE, np.int64)
        position[self.row] = self.position  # of equal indices the last assignment stays: the newest
        return position

    def item_at(self, position: IntArray) -> CodeArray:
        """Code of the shelf at positions of the columns, of any shape; -1 for -1."""
        item = np.append(self.history.histories.item, np.int32(NO_CODE))[position]
        found: CodeArray = _on_shelf(self.history, self.shelf)[item]
        return found

    def newest(self, *, count: int) -> CodeArray:
        """Different items of each row, the one touched last first; shape (n_rows, count), -1 = none."""
        pairs, last = self.touched()
        row, item = np.divmod(pairs.key, max(pairs.width, 1))
        order = np.lexsort((-last, row))
        row, item = row[order], item[order]
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        found = np.full((len(self.history), count), NO_CODE, np.int32)
        kept = rank < count
        found[row[kept], rank[kept]] = item[kept]
        return found

    def in_cart(self, *, days: float) -> Pairs:
        """What is left in the cart."""
        cart = open_carts(self.history, window_days=days)
        item = _on_shelf(self.history, self.shelf)[cart.item]
        return Pairs.of(cart.row, item, width=len(self.shelf))

    def owned(self, *, days: float) -> tuple[IntArray, CodeArray]:
        """Row and item of each purchase that was kept, in the last `days`, oldest first."""
        kept = kept_purchases(self.history, window_days=days)
        item = _on_shelf(self.history, self.shelf)[self.history.histories.item[kept.position]]
        held = item != NO_CODE
        return kept.row[held], item[held]

    def due(self, *, share: float) -> Pairs:
        """Items bought on three occasions or more whose usual gap has passed, or that share of it.

        The usual gap is the mean of the person's own. An item that has been due for more than one further gap is given up.
        """
        columns = self.history.histories
        bought = columns.event[self.position] == PURCHASE
        key = self.row[bought] * len(self.shelf) + self.item[bought]
        age = self.history.age_days(self.row[bought], self.position[bought])
        order = np.lexsort((-age, key))
        key, age = key[order], age[order]
        fresh = np.ones(len(key), np.bool_)
        fresh[1:] = (key[1:] != key[:-1]) | (age[1:] != age[:-1])
        pairs, first, occasions = np.unique(key[fresh], return_index=True, return_counts=True)
        ages = age[fresh]
        newest = ages[first + occasions - 1]
        gap = (ages[first] - newest) / np.maximum(occasions - 1, 1)
        is_due = (occasions >= _OCCASIONS) & (newest >= share * gap) & (newest <= (1 + share) * gap)
        return Pairs(pairs[is_due], len(self.shelf))

    def single_event(self) -> BoolArray:
        """Rows with no more than one event that names an item, shape (n_rows,)."""
        return np.bincount(self.row, minlength=len(self.history)) <= 1

    def dearest(self, *, days: float) -> tuple[Pairs, FloatArray]:
        """Pairs (row, category of something owned) and the highest price owned there, NaN = none is priced."""
        row, item = self.owned(days=days)
        node = self.shelf.node[item]
        width = max(len(self.shelf.parent), 1)
        pairs = Pairs.of(row, node, width=width)
        highest = np.full(len(pairs.key), -np.inf)
        priced = (node >= 0) & ~np.isnan(self.shelf.price[item])
        place = np.searchsorted(pairs.key, row[priced] * width + node[priced])
        np.maximum.at(highest, place, self.shelf.price[item[priced]])
        return pairs, np.where(np.isinf(highest), np.nan, highest)


_OCCASIONS: Final = 3


def _on_shelf(history: AsOf, shelf: Shelf) -> CodeArray:
    """Code of the shelf for each item code of the histories, with one more place for no item."""
    return np.append(shelf.codes(history.histories.item_ids), np.int32(NO_CODE))
