"""What the people of a made-up store did, one row per action, and how a kernel writes a row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.arrays import BoolArray, CodeArray, IntArray
from features.kernels import helper


class Actions(NamedTuple):
    """What people did, one row per action.

    Attributes:
        person: shape (n,), number of the person.
        time: shape (n,), microseconds since the store's first moment.
        name: shape (n,), position in `EVENT_NAMES`.
        item: shape (n,), item code, -1 = none.
        quantity: shape (n,), units, 0 = not an order.
        order: shape (n,), the person's how-manieth order, -1 = none.
        device: shape (n,), on which of the person's devices.
        logged_in: shape (n,).
    """

    person: IntArray
    time: IntArray
    name: npt.NDArray[np.int8]
    item: CodeArray
    quantity: npt.NDArray[np.int8]
    order: CodeArray
    device: npt.NDArray[np.int8]
    logged_in: BoolArray

    @classmethod
    def empty(cls, room: int) -> Actions:
        """Room for so many."""
        return cls(
            person=np.empty(room, np.int64),
            time=np.empty(room, np.int64),
            name=np.empty(room, np.int8),
            item=np.empty(room, np.int32),
            quantity=np.empty(room, np.int8),
            order=np.empty(room, np.int32),
            device=np.empty(room, np.int8),
            logged_in=np.empty(room, np.bool_),
        )

    def begin(self, n: int) -> Actions:
        """The first n."""
        return self._replace(**{name: column[:n] for name, column in self._asdict().items()})

    def only(self, rows: IntArray) -> Actions:
        """These rows, in this order."""
        return self._replace(**{name: column[rows] for name, column in self._asdict().items()})

    def and_then(self, others: Actions) -> Actions:
        """These rows, then the others."""
        both = zip(self._fields, self, others, strict=True)
        return self._replace(**{name: np.concatenate([own, new]) for name, own, new in both})


@helper
def note(
    actions: Actions,
    at: int,
    person: int,
    time: int,
    name: int,
    item: int,
    quantity: int,
    order: int,
    device: int,
    logged_in: bool,
) -> int:
    """Write a row where there is room; returns the next place."""
    if at < actions.person.shape[0]:
        actions.person[at] = person
        actions.time[at] = time
        actions.name[at] = name
        actions.item[at] = item
        actions.quantity[at] = quantity
        actions.order[at] = order
        actions.device[at] = device
        actions.logged_in[at] = logged_in
    return at + 1
