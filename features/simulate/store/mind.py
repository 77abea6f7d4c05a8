"""What a person of a made-up store has in mind from visit to visit: items known, in the cart, needed again."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.arrays import CodeArray, IntArray
from features.histories.histories import NO_CODE
from features.kernels import helper
from features.simulate.store.draws import State, below, uniform
from features.simulate.store.shelf import Shelf

ROOM: Final = 16  # items a person remembers, carries, and is due to need
CART_DAYS: Final = 14
KNOWN, IN_CART, DUE, ORDERS, CART_DAY, CART_TIME = range(6)


class Minds(NamedTuple):
    """What people have in mind at the first moment of some days, before anything of the day.

    Attributes:
        day: shape (n_days,), rising.
        tastes: shape (n_days, n, tastes), liked categories, the most liked first.
        cart_item: shape (n_days, n), what was last put into the open cart, -1 = no open cart.
        cart_time: shape (n_days, n), microseconds since the store's first moment when that was; 0 without an open cart.
        due_item: shape (n_days, n), something needed again by then, -1 = nothing.
    """

    day: IntArray
    tastes: npt.NDArray[np.int16]
    cart_item: CodeArray
    cart_time: IntArray
    due_item: CodeArray

    @classmethod
    def empty(cls, days: IntArray, *, persons: int, tastes: int) -> Minds:
        """Room for so many persons at each day."""
        shape = (len(days), persons)
        return cls(
            day=days,
            tastes=np.empty((*shape, tastes), np.int16),
            cart_item=np.full(shape, NO_CODE, np.int32),
            cart_time=np.zeros(shape, np.int64),
            due_item=np.full(shape, NO_CODE, np.int32),
        )


class Mind(NamedTuple):
    """What one person carries from visit to visit; made once, used for everybody in turn.

    `counts` holds how many items are remembered, in the cart and due; then the orders so far, the cart's last day and its
    last time.
    """

    tastes: IntArray
    known: IntArray
    cart: IntArray
    due: IntArray
    due_day: IntArray
    counts: IntArray


@helper
def keep_in_mind(minds: Minds, moment: int, row: int, mind: Mind, day: int) -> None:
    """Write down what one person has in mind when a day begins."""
    counts = mind.counts
    for place in range(mind.tastes.shape[0]):
        minds.tastes[moment, row, place] = mind.tastes[place]
    if counts[IN_CART] > 0 and day - counts[CART_DAY] <= CART_DAYS:
        minds.cart_item[moment, row] = mind.cart[counts[IN_CART] - 1]
        minds.cart_time[moment, row] = counts[CART_TIME]
    due = first_due(mind, day)
    if due >= 0:
        minds.due_item[moment, row] = mind.due[due]


@helper
def remember(mind: Mind, state: State, item: int) -> None:
    """Keep an item in mind; a full mind forgets one at random."""
    known = mind.counts[KNOWN]
    if known < ROOM:
        mind.known[known] = item
        mind.counts[KNOWN] = known + 1
    else:
        mind.known[below(state, ROOM)] = item


@helper
def in_cart(mind: Mind, item: int) -> bool:
    """Whether an item lies in the cart, old or not."""
    for place in range(mind.counts[IN_CART]):  # noqa: SIM110 - compiled
        if mind.cart[place] == item:
            return True
    return False


@helper
def first_due(mind: Mind, day: int) -> int:
    """Place of something that is needed again by now; -1 = nothing."""
    for place in range(mind.counts[DUE]):
        if mind.due_day[place] <= day:
            return place
    return -1


@helper
def need_again(state: State, shelf: Shelf, mind: Mind, item: int, day: int) -> None:
    """An ordered item that is used up will be needed after about its interval."""
    if shelf.interval[item] == 0:
        return
    next_day = day + int(shelf.interval[item] * (0.8 + 0.4 * uniform(state)) + 0.5)
    for place in range(mind.counts[DUE]):
        if mind.due[place] == item:
            mind.due_day[place] = next_day
            return
    if mind.counts[DUE] < ROOM:
        mind.due[mind.counts[DUE]] = item
        mind.due_day[mind.counts[DUE]] = next_day
        mind.counts[DUE] += 1
