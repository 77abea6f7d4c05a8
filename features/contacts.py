"""Who was contacted and to which arm assigned, sorted by person; like histories, only looked at as of a moment.

A ghost exposure is an impression that was not shown: it is no contact and does not enter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import CodeArray, FloatArray, IntArray, TextArray, read_only
from features.histories.histories import NO_CODE, slices_before

_NO_TIMES: Final = np.zeros(0, np.int64)
_NUMBERS: Final = (
    *("offsets", "time", "channel", "cost", "clicked"),
    *("assigned_offsets", "assigned_at", "arm"),
)


@dataclass(frozen=True, eq=False)
class Contacts:
    """Contacts and assignments, each sorted by (person, time, id).

    Attributes:
        person_ids: shape (n_persons,), sorted text.
        has_exposures: whether there is an exposure log at all; without one nothing is known about contacts.
        has_assignments: the same of assignments.
        offsets: shape (n_persons + 1,), contacts of person p are `offsets[p]:offsets[p + 1]`.
        time: shape (n_contacts,), microseconds since 1970 UTC, never falling within a person.
        channels: names of channels, sorted; a channel's code is its position here.
        channel: shape (n_contacts,), int32 code.
        cost: shape (n_contacts,), money.
        clicked: shape (n_contacts,), 1 or 0, NaN = not recorded.
        assigned_offsets: shape (n_persons + 1,), assignments of person p.
        assigned_at: shape (n_assignments,), microseconds since 1970 UTC, never falling within a person.
        arms: names of arms, sorted; an arm's code is its position here.
        arm: shape (n_assignments,), int32 code.
    """

    person_ids: TextArray
    has_exposures: bool
    has_assignments: bool
    offsets: IntArray
    time: IntArray
    channels: TextArray
    channel: CodeArray
    cost: FloatArray
    clicked: FloatArray
    assigned_offsets: IntArray
    assigned_at: IntArray
    arms: TextArray
    arm: CodeArray

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @classmethod
    def from_tables(
        cls, exposures: pa.Table | None = None, assignments: pa.Table | None = None
    ) -> Contacts:
        """Build the layout from checked tables, in any row order.

        Args:
            exposures: the exposures table; its column `clicked`, where it has one, says which were clicked. None = no log.
            assignments: the assignments table of any experiments. None = no log.
        """
        shown = None if exposures is None else exposures.filter(pc.invert(exposures[c.GHOST]))
        tables = [table for table in (shown, assignments) if table is not None]
        person_ids = _names(*(table[c.PERSON_ID] for table in tables))
        offsets, time, contacts = _by_person(shown, person_ids, c.TIME, c.EXPOSURE_ID)
        assigned_offsets, assigned_at, assigned = _by_person(
            assignments, person_ids, c.ASSIGNED_AT, c.EXPERIMENT_ID
        )
        channels, channel = _encoded(contacts, c.CHANNEL)
        arms, arm = _encoded(assigned, c.ARM)
        return cls(
            person_ids=person_ids,
            has_exposures=exposures is not None,
            has_assignments=assignments is not None,
            offsets=offsets,
            time=time,
            channels=channels,
            channel=channel,
            cost=_numbers(contacts, c.COST),
            clicked=_numbers(contacts, c.CLICKED),
            assigned_offsets=assigned_offsets,
            assigned_at=assigned_at,
            arms=arms,
            arm=arm,
        )

    def as_of(
        self, person_ids: TextArray | pa.Array | pa.ChunkedArray, times: npt.ArrayLike
    ) -> ContactsAsOf:
        """What was known about each person strictly before each time.

        Args:
            person_ids: id of each row's person, shape (n_rows,); an id without any contact has none.
            times: microseconds since 1970 UTC, shape (n_rows,), or one time for all rows.

        Invariants: contacts and assignments at or after a row's time change nothing in the result's slices.
        """
        wanted = pa.array(person_ids, pa.string()) if _is_numpy(person_ids) else person_ids
        person = _codes(wanted, self.person_ids).astype(np.int64)
        time = np.ascontiguousarray(np.broadcast_to(np.asarray(times, np.int64), person.shape))
        start, stop = slices_before(self.offsets, self.time, person, time)
        first, last = slices_before(self.assigned_offsets, self.assigned_at, person, time)
        return ContactsAsOf(self, time, start, stop, first, last)


@dataclass(frozen=True, eq=False)
class ContactsAsOf:
    """Rows of (person, time) with the slices of what happened before that time.

    Attributes:
        contacts: the columns the slices point into.
        time: shape (n_rows,), the cut-off, microseconds since 1970 UTC.
        start, stop: shape (n_rows,), the row's contacts are `start:stop`.
        assigned_start, assigned_stop: shape (n_rows,), the row's assignments.
    """

    contacts: Contacts
    time: IntArray
    start: IntArray
    stop: IntArray
    assigned_start: IntArray
    assigned_stop: IntArray

    def __post_init__(self) -> None:
        for name in ("time", "start", "stop", "assigned_start", "assigned_stop"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.time)


def _is_numpy(values: Any) -> bool:
    return isinstance(values, np.ndarray)


def _names(*columns: pa.ChunkedArray) -> TextArray:
    """Every text of any column once, sorted."""
    if not columns:
        return np.array([], dtype=object)
    chunks = [chunk for column in columns for chunk in column.chunks]
    found = pc.unique(pa.chunked_array(chunks, pa.string())).sort()
    names: TextArray = found.to_numpy(zero_copy_only=False).astype(object)
    return names


def _codes(values: pa.Array | pa.ChunkedArray, known: TextArray) -> CodeArray:
    found = pc.fill_null(pc.index_in(values, value_set=pa.array(known, pa.string())), NO_CODE)
    codes: CodeArray = found.to_numpy(zero_copy_only=False).astype(np.int32)
    return codes


def _by_person(
    table: pa.Table | None, person_ids: TextArray, time_column: str, id_column: str
) -> tuple[IntArray, IntArray, pa.Table | None]:
    """Offsets per person, times, and the rows themselves, by (person, time, id)."""
    if table is None:
        return np.zeros(len(person_ids) + 1, np.int64), _NO_TIMES, None
    keys = (c.PERSON_ID, time_column, id_column)
    ordered = table.sort_by([(key, "ascending") for key in keys])
    person = _codes(ordered[c.PERSON_ID], person_ids)
    counts = np.bincount(person, minlength=len(person_ids))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    time = ordered[time_column].cast(pa.int64()).to_numpy()
    return offsets, np.ascontiguousarray(time, np.int64), ordered


def _encoded(table: pa.Table | None, column: str) -> tuple[TextArray, CodeArray]:
    if table is None:
        return np.array([], dtype=object), np.zeros(0, np.int32)
    names = _names(table[column])
    return names, _codes(table[column], names)


def _numbers(table: pa.Table | None, column: str) -> FloatArray:
    """A column as numbers; NaN where it is null, or the table has no such column."""
    if table is None:
        return np.zeros(0)
    if column not in table.column_names:
        return np.full(table.num_rows, np.nan)
    numbers: FloatArray = pc.fill_null(table[column].cast(pa.float64()), np.nan).to_numpy()
    return np.array(numbers)
