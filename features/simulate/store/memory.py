"""What the people of a made-up store did as histories in memory: no files, no dirt, every person known by one id."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from features.arrays import CodeArray, FloatArray, IntArray, TextArray
from features.histories.histories import NO_CODE, Histories, microseconds
from features.histories.reversals import Reversals, sorted_reversals
from features.simulate.store.actions import Actions
from features.simulate.store.block import lives_of, people_of
from features.simulate.store.config import StoreConfig
from features.simulate.store.people import blocks
from features.simulate.store.shelf import Shelf, stock_shelf
from features.tables import EVENT_NAMES
from features.threads import in_two_threads

_ORDER: Final = EVENT_NAMES.index("purchase")
_REFUND: Final = EVENT_NAMES.index("refund")
_ORDERS_OF_ONE: Final = 1 << 20  # more than anybody has


def simulate_actions(config: StoreConfig, shelf: Shelf) -> Actions:
    """Everything the people of a store do, by person."""
    numbers = blocks(config.persons)
    works = [partial(_block, config, shelf, block) for block in numbers]
    done = [
        actions
        for pair in range(0, len(works), 2)
        for actions in in_two_threads(works[pair : pair + 2])
    ]
    return Actions(*(np.concatenate(columns) for columns in zip(*done, strict=True)))


def simulate_histories(config: StoreConfig) -> Histories:
    """The histories of a store, dirt left out; the same config gives the same."""
    shelf = stock_shelf(config.shelf, days=config.days, seed=config.seed)
    return histories_of(simulate_actions(config, shelf), shelf, config)


def _block(config: StoreConfig, shelf: Shelf, block: int) -> Actions:
    people = people_of(config, block)
    return lives_of(config, shelf, people)


def histories_of(actions: Actions, shelf: Shelf, config: StoreConfig) -> Histories:
    """The histories of everybody, whether they did something or not.

    Args:
        actions: by person, of the persons 0 to `config.persons - 1`.
        shelf: what they chose from.
        config: of the store.

    Invariants: the row of a person is the person's number, the code of an item its code on the shelf.
    """
    order = np.lexsort((np.arange(len(actions.time)), actions.time, actions.person))
    person, name, item = actions.person[order], actions.name[order], actions.item[order]
    time = microseconds(config.first) + actions.time[order]
    known = np.where(item == NO_CODE, 0, item)
    bought = actions.quantity[order] > 0
    quantity = np.where(bought, actions.quantity[order], np.nan)
    value = np.where(bought, quantity * shelf.price[known], np.nan)
    transaction = np.where(
        actions.order[order] >= 0, person * _ORDERS_OF_ONE + actions.order[order], NO_CODE
    )
    return Histories(
        person_ids=_numbered("person", config.persons),
        item_ids=_numbered("item", len(shelf.price)),
        category_ids=_numbered("category", len(shelf.first) - 1),
        offsets=np.searchsorted(person, np.arange(config.persons + 1)),
        time=time,
        event=name,
        item=item,
        category=np.where(item == NO_CODE, NO_CODE, shelf.category[known]).astype(np.int32),
        transaction=transaction,
        quantity=quantity,
        value=value,
        reversals=_reversals(name, item, transaction, time, quantity, value),
    )


def _reversals(
    name: npt.NDArray[np.int8],
    item: CodeArray,
    transaction: IntArray,
    time: IntArray,
    quantity: FloatArray,
    value: FloatArray,
) -> Reversals:
    """Each refund takes back the line of the same order with the same item."""
    lines, refunds = np.flatnonzero(name == _ORDER), np.flatnonzero(name == _REFUND)
    items = int(item.max(initial=0)) + 1
    key: IntArray = transaction * items + item
    sorted_lines = lines[np.argsort(key[lines])]
    place = sorted_lines[np.searchsorted(key[sorted_lines], key[refunds])]
    return sorted_reversals(
        place, time[refunds], quantity[refunds], value[refunds], n_events=len(name)
    )


def _numbered(kind: str, n: int) -> TextArray:
    """Texts whose sorted order is that of the numbers."""
    width = len(str(max(n - 1, 0)))
    return np.array([f"{kind}-{number:0{width}d}" for number in range(n)], dtype=object)
