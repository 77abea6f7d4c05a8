"""Other futures of the same past: none at all, and one that is made up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, IntArray
from features.histories.histories import MICROSECONDS_PER_DAY, Histories
from features.histories.reversals import NOT_REVERSED, Reversals, sorted_reversals
from features.tables import EVENT_NAMES, TIMESTAMP

FORGED_DAYS: Final = 60
"""Forged events lie up to so many days after the moment; one of each person lies exactly on it."""

_EVENTS_PER_PERSON: Final = 4
_COLUMNS: Final = ("event", "item", "category", "transaction", "quantity", "value")


@dataclass(frozen=True, eq=False)
class _Refunds:
    """What was taken back, entry by entry: from the event at `position`."""

    position: IntArray
    time: IntArray
    quantity: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]

    def where(self, keep: BoolArray) -> _Refunds:
        return _Refunds(self.position[keep], self.time[keep], self.quantity[keep], self.value[keep])

    def and_(self, other: _Refunds) -> _Refunds:
        pairs = ((getattr(self, n), getattr(other, n)) for n in self.__dataclass_fields__)
        return _Refunds(*(np.concatenate(pair) for pair in pairs))


def without_future(part: Histories, moment: int) -> Histories:
    """The histories as they stood: events and refunds at or after the moment (microseconds) never happened.

    Codes of persons, items and categories stay what they were.
    """
    kept = part.time < moment
    place = np.cumsum(kept) - 1
    refunds = _refunds(part.reversals)
    refunds = refunds.where(kept[refunds.position] & (refunds.time < moment))
    person = _persons(part)[kept]
    columns = {name: getattr(part, name)[kept] for name in _COLUMNS}
    moved = replace(refunds, position=place[refunds.position])
    return _rebuilt(part, person, part.time[kept], columns, moved)


def with_forged_future(part: Histories, moment: int, *, seed: int) -> Histories:
    """The same past with another future: events of random kinds, items, money and persons, and refunds of the past.

    Args:
        part: whole histories of some persons.
        moment: microseconds since 1970 UTC; nothing before it changes.
        seed: of the forgery; the same part, moment and seed give the same future.
    """
    past = without_future(part, moment)
    if not len(part.time):
        return past
    rng = np.random.default_rng([seed, moment // MICROSECONDS_PER_DAY])
    count = max(len(part.time) - len(past.time), _EVENTS_PER_PERSON * part.n_persons)
    person = rng.integers(part.n_persons, size=count)
    person[: part.n_persons] = np.arange(part.n_persons)
    late = rng.integers(FORGED_DAYS * MICROSECONDS_PER_DAY, size=count)
    late[: part.n_persons] = 0
    taken = rng.integers(len(part.time), size=count)
    columns: dict[str, npt.NDArray[Any]] = {
        name: np.concatenate([getattr(past, name), getattr(part, name)[taken]]) for name in _COLUMNS
    }
    columns["event"][len(past.time) :] = rng.integers(len(EVENT_NAMES), size=count)
    columns["value"][len(past.time) :] *= rng.uniform(1, 1000, size=count)
    return _rebuilt(
        part,
        np.concatenate([_persons(past), person]),
        np.concatenate([past.time, moment + late]),
        columns,
        _refunds(past.reversals).and_(_forged_refunds(past, moment, rng)),
    )


def table_without_future(table: pa.Table, time: str, moment: int) -> pa.Table:
    """Rows of a log whose time lies strictly before the moment."""
    return table.filter(pc.less(table[time], _instant(moment)))


def table_with_forged_future(
    table: pa.Table, time: str, moment: int, *, id_: str | None, seed: int
) -> pa.Table:
    """The past of a log, and all its rows once more at or after the moment, for other persons.

    Args:
        table: exposures or assignments.
        time: its time column.
        moment: microseconds since 1970 UTC.
        id_: its id column, which stays unique; None = it has none.
        seed: of the forgery.
    """
    rng = np.random.default_rng([seed, moment // MICROSECONDS_PER_DAY])
    late = moment + rng.integers(FORGED_DAYS * MICROSECONDS_PER_DAY, size=table.num_rows)
    forged = _with(table, time, pa.array(late).cast(TIMESTAMP))
    forged = _with(forged, c.PERSON_ID, table[c.PERSON_ID].take(rng.permutation(table.num_rows)))
    if id_ is not None:
        forged = _with(forged, id_, pc.binary_join_element_wise(table[id_], "forged", "|"))
    if c.GHOST in table.column_names:
        forged = _with(forged, c.GHOST, pa.array(np.zeros(table.num_rows, np.bool_)))
    return pa.concat_tables([table_without_future(table, time, moment), forged])


def _with(table: pa.Table, name: str, values: Any) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), values)


def _instant(moment: int) -> pa.Scalar:
    return pa.scalar(moment, pa.int64()).cast(TIMESTAMP)


def _persons(part: Histories) -> IntArray:
    return np.repeat(np.arange(part.n_persons, dtype=np.int64), np.diff(part.offsets))


def _refunds(reversals: Reversals) -> _Refunds:
    position = np.flatnonzero(reversals.row != NOT_REVERSED)
    row = reversals.row[position].astype(np.int64)
    length = reversals.offsets[row + 1] - reversals.offsets[row]
    first = np.repeat(reversals.offsets[row] - np.cumsum(length) + length, length)
    entry = first + np.arange(len(first))
    return _Refunds(
        np.repeat(position, length),
        reversals.time[entry],
        reversals.quantity[entry],
        reversals.value[entry],
    )


def _forged_refunds(past: Histories, moment: int, rng: np.random.Generator) -> _Refunds:
    """Half of the past is taken back as a whole, at or after the moment."""
    position = np.flatnonzero(rng.random(len(past.time)) < 0.5)  # noqa: PLR2004 - a half
    late = rng.integers(FORGED_DAYS * MICROSECONDS_PER_DAY, size=len(position))
    quantity = np.nan_to_num(past.quantity[position], nan=1.0)
    return _Refunds(position, moment + late, quantity, np.nan_to_num(past.value[position]))


def _rebuilt(
    part: Histories,
    person: IntArray,
    time: IntArray,
    columns: dict[str, npt.NDArray[Any]],
    refunds: _Refunds,
) -> Histories:
    """Histories of these events; `refunds.position` counts them in the order given."""
    order = np.lexsort((time, person))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    counts = np.bincount(person, minlength=part.n_persons)
    return replace(
        part,
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        time=time[order],
        **{name: values[order] for name, values in columns.items()},
        reversals=sorted_reversals(
            place[refunds.position],
            refunds.time,
            refunds.quantity,
            refunds.value,
            n_events=len(order),
        ),
    )
