"""Histories grown by new days: one merge of what is sorted already with what is new, no sort of the whole."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import CodeArray, FloatArray, IntArray, TextArray
from features.errors import InputError
from features.histories.event_columns import EventColumns
from features.histories.histories import NO_CODE, Histories
from features.histories.reversals import Reversals, entries, sorted_reversals
from features.tables import EVENT_NAMES

_PURCHASE = EVENT_NAMES.index("purchase")

Array = npt.NDArray[Any]


class _Union(NamedTuple):
    """Two sorted id maps as one, and where the ids of each went."""

    ids: TextArray
    old: CodeArray
    new: CodeArray


def extend(
    histories: Histories,
    events: pa.Table,
    *,
    reversals: pa.Table | None = None,
    bought: pa.Table | None = None,
) -> Histories:
    """The histories of all events: those known and new ones.

    Equal to building from all events at once. The new events may lie anywhere in time; of late ones only those are refused
    that share person and microsecond with a known event, because their order cannot be told without its id.

    Args:
        histories: the events known.
        events: checked rows of the events table, none of them known already.
        reversals: checked rows of the reversals table whose refunds are among `events`.
        bought: checked rows of the events table: the known purchases that these refunds take from. Of known purchases that
            are alike in everything but their id, the first is taken.

    Raises:
        InputError: a new event has the person and the time of a known one, or a purchase of `bought` is not known.
    """
    new = Histories.from_events(events, reversals)
    persons = _union(histories.person_ids, new.person_ids)
    items = _union(histories.item_ids, new.item_ids)
    categories = _union(histories.category_ids, new.category_ids)
    lengths = np.zeros(len(persons.ids), np.int64)
    lengths[persons.old] += np.diff(histories.offsets)
    lengths[persons.new] += np.diff(new.offsets)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    known = len(histories.time)
    old_at, new_at = np.empty(known, np.int64), np.empty(len(new.time), np.int64)
    ties = _merge(
        offsets[persons.old],
        histories.offsets,
        histories.time,
        old_at,
        _rows(persons.old, persons.new),
        offsets[persons.new],
        new.offsets,
        new.time,
        new_at,
    )
    if ties:
        raise InputError(
            "new events",
            f"{ties} share person and time with a known event",
            rule="their order follows from ids, which histories do not keep",
            next_step="Build the histories from all events.",
        )
    places = {"item": (items.old, items.new), "category": (categories.old, categories.new)}

    def both(name: str) -> Array:
        one, other = getattr(histories, name), getattr(new, name)
        if name in places:
            one, other = (
                _recoded(v, place) for v, place in zip((one, other), places[name], strict=True)
            )
        merged = np.empty(len(one) + len(other), one.dtype)
        merged[old_at], merged[new_at] = one, other
        return merged

    names = ("time", "event", "item", "category", "transaction", "quantity", "value")
    taken = [(old_at, histories.reversals), (new_at, new.reversals)]
    parts = [_moved(at, found) for at, found in taken]
    if reversals is not None and bought is not None and bought.num_rows:
        parts.append(_taken_from_known(histories, old_at, events, reversals, bought))
    position, time, quantity, value = (np.concatenate(p) for p in zip(*parts, strict=True))
    return Histories(
        person_ids=persons.ids,
        item_ids=items.ids,
        category_ids=categories.ids,
        offsets=offsets,
        reversals=sorted_reversals(position, time, quantity, value, n_events=known + len(new.time)),
        **{name: both(name) for name in names},
    )


def _union(old: TextArray, new: TextArray) -> _Union:
    at = pc.index_in(pa.array(new, pa.string()), value_set=pa.array(old, pa.string()))
    found = pc.fill_null(at, NO_CODE).to_numpy(zero_copy_only=False).astype(np.int64)
    unknown = new[found == NO_CODE]
    where = np.searchsorted(old, unknown)
    inserted_before = np.cumsum(np.bincount(where, minlength=len(old) + 1))[: len(old)]
    old_place = np.arange(len(old)) + inserted_before
    new_place = np.empty(len(new), np.int64)
    new_place[found == NO_CODE] = where + np.arange(len(unknown))
    new_place[found != NO_CODE] = old_place[found[found != NO_CODE]]
    ids = np.insert(old, where, unknown) if len(unknown) else old
    return _Union(ids, old_place.astype(np.int32), new_place.astype(np.int32))


def _rows(old_place: CodeArray, new_place: CodeArray) -> IntArray:
    """Old row of each new person, -1 = a person not known before."""
    at = np.searchsorted(old_place, new_place)
    at[at == len(old_place)] = 0
    same = old_place[at] == new_place if len(old_place) else np.zeros(len(new_place), np.bool_)
    return np.where(same, at, NO_CODE)


def _recoded(codes: CodeArray, place: CodeArray) -> CodeArray:
    return np.append(place, np.int32(NO_CODE))[codes]


def _moved(at: IntArray, reversals: Reversals) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    position, time, quantity, value = entries(reversals)
    return at[position], time, quantity, value


def _taken_from_known(
    histories: Histories, old_at: IntArray, events: pa.Table, reversals: pa.Table, bought: pa.Table
) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Entries of refunds among the new events that take from known purchases."""
    refund = pc.index_in(reversals[c.REFUND_EVENT_ID], value_set=events[c.EVENT_ID])
    purchase = pc.index_in(reversals[c.EVENT_ID], value_set=bought[c.EVENT_ID])
    kept = pc.and_(refund.is_valid(), purchase.is_valid())
    refund, purchase, chosen = (a.filter(kept) for a in (refund, purchase, reversals))
    convert = EventColumns()
    time, moment, transaction, quantity, value = (
        convert.take_in(name, table[column].chunks, rows=table.num_rows)
        for name, table, column in (
            ("time", bought, c.TIME),
            ("time", events, c.TIME),
            ("transaction", bought, c.TRANSACTION_ID),
            ("quantity", bought, c.QUANTITY),
            ("value", bought, c.VALUE),
        )
    )
    view = histories.as_of(histories.person_rows(bought[c.PERSON_ID]), time)
    position = _find(
        view.stop,
        view.person,
        time,
        histories.item_codes(bought[c.ITEM_ID]),
        transaction,
        quantity,
        value,
        histories.offsets,
        histories.time,
        histories.event,
        histories.item,
        histories.transaction,
        histories.quantity,
        histories.value,
    )
    if (position < 0).any():
        missing = bought[c.EVENT_ID][int(np.flatnonzero(position < 0)[0])].as_py()
        raise InputError(
            "purchases that refunds take from",
            f"'{missing}' is not among the known events",
            rule="they are rows of the events the histories were built from",
            next_step="Build the histories from all events.",
        )
    taken = [
        convert.take_in("value", chosen[column].chunks, rows=chosen.num_rows)
        for column in (c.QUANTITY, c.VALUE)
    ]
    at = old_at[position[purchase.to_numpy()]]
    return at, moment[refund.to_numpy()], taken[0], taken[1]


@numba.njit(cache=True, nogil=True)
def _merge(
    old_begin: IntArray,
    old_offsets: IntArray,
    old_time: IntArray,
    old_at: IntArray,
    old_row: IntArray,
    new_begin: IntArray,
    new_offsets: IntArray,
    new_time: IntArray,
    new_at: IntArray,
) -> int:
    """Where each old and each new event goes; returns how many new ones have the time of an old one."""
    for person in range(len(old_offsets) - 1):
        shift = old_begin[person] - old_offsets[person]
        for position in range(old_offsets[person], old_offsets[person + 1]):
            old_at[position] = position + shift
    ties = 0
    for person in range(len(new_offsets) - 1):
        at, row = new_begin[person], old_row[person]
        old = old_offsets[row] if row >= 0 else 0
        old_end = old_offsets[row + 1] if row >= 0 else 0
        new, new_end = new_offsets[person], new_offsets[person + 1]
        while new < new_end:
            if old < old_end and old_time[old] <= new_time[new]:
                ties += old_time[old] == new_time[new]
                old_at[old] = at
                old += 1
            else:
                new_at[new] = at
                new += 1
            at += 1
        while old < old_end:
            old_at[old] = at
            old += 1
            at += 1
    return ties


@numba.njit(cache=True, nogil=True)
def _find(
    first: IntArray,
    person: IntArray,
    wanted_time: IntArray,
    wanted_item: IntArray,
    wanted_transaction: IntArray,
    wanted_quantity: FloatArray,
    wanted_value: FloatArray,
    offsets: IntArray,
    time: IntArray,
    event: npt.NDArray[np.int8],
    item: CodeArray,
    transaction: IntArray,
    quantity: FloatArray,
    value: FloatArray,
) -> IntArray:
    """Position of the first purchase like each one wanted, -1 = there is none."""
    found = np.full(len(first), NO_CODE, np.int64)
    for row in range(len(first)):
        if person[row] < 0:
            continue
        position = first[row]
        while position < offsets[person[row] + 1] and time[position] == wanted_time[row]:
            if (
                event[position] == _PURCHASE
                and item[position] == wanted_item[row]
                and transaction[position] == wanted_transaction[row]
                and (
                    quantity[position] == wanted_quantity[row]
                    or (np.isnan(quantity[position]) and np.isnan(wanted_quantity[row]))
                )
                and (
                    value[position] == wanted_value[row]
                    or (np.isnan(value[position]) and np.isnan(wanted_value[row]))
                )
            ):
                found[row] = position
                break
            position += 1
    return found
