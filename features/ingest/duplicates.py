"""Events that were reported more than once, and ids that were used more than once: the first go, the second stay.

Two reports are one event when they share event name and event id and say the same of person, item and transaction
(a file delivered twice, a browser and a server), or when one transaction is reported again with the same items, quantities
and money (a reload of the confirmation page). Anything else that shares an id is kept and reported: to merge it would
invent facts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from features import columns as c
from features.arrays import BoolArray, CodeArray, IntArray
from features.config import BaseConfig
from features.histories.histories import MICROSECONDS_PER_DAY
from features.tables import REPEATS

DUPLICATE_EVENT: Final = "duplicate_event"
LATE_DUPLICATE: Final = "late_duplicate"
DUPLICATE_TRANSACTION: Final = "duplicate_transaction"
TRANSACTION_CONFLICT: Final = "transaction_conflict"
TRANSACTION_SHARED: Final = "transaction_shared"
EVENT_ID_REUSED: Final = "event_id_reused"
EVENT_ID_SHARED: Final = "event_id_shared"

DROPPED: Final = (DUPLICATE_EVENT, LATE_DUPLICATE, DUPLICATE_TRANSACTION)
"""Codes of second reports, which go; what has another code stays."""

TRANSACTIONS: Final = ("purchase", "refund", "cancel")
"""Events that a transaction id makes unique."""

CODES: Final = (
    DUPLICATE_EVENT, DUPLICATE_TRANSACTION, EVENT_ID_REUSED, EVENT_ID_SHARED, LATE_DUPLICATE, TRANSACTION_CONFLICT,
    TRANSACTION_SHARED,
)  # fmt: skip
"""What may be found out about an event, sorted; the position is the integer code."""

_HOURS_PER_DAY: Final = 24
_WHO_AND_WHAT: Final = [c.EVENT_ID, c.EVENT_NAME, c.PERSON_ID, c.ITEM_ID, c.TRANSACTION_ID]
_AGE: Final = "age"
_PLACE: Final = [c.TIME, _AGE, c.SOURCE, c.LINE]
_CONTENT: Final = [c.ITEM_ID, c.QUANTITY, c.VALUE]
_ROW: Final = "row"

COMPARED: Final = tuple(dict.fromkeys([*_WHO_AND_WHAT, *_CONTENT, c.TIME, c.SOURCE, c.LINE]))
"""Columns that decide what repeats what."""


class DuplicateConfig(BaseConfig):
    """When a second report is a duplicate."""

    window_hours: float = Field(default=48.0, gt=0)
    """A repeat of an event id within this time is `duplicate_event`, a later one `late_duplicate`; both are dropped."""


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found out about each of n events.

    Attributes:
        code: position in `CODES`, shape (n,); -1 = nothing.
        dropped: True where the event is a second report, shape (n,).
        event_ids: the id each event has from now on, shape (n,); unique among events that are kept.
        repeats: second reports and kept conflicts, each with its own place and the earlier one's, the repeats table.

    Invariants: what remains, looked at again, has nothing to drop.
    """

    code: CodeArray
    dropped: BoolArray
    event_ids: pa.Array
    repeats: pa.Table


def find_repeats(
    events: pa.Table, config: DuplicateConfig, *, age: IntArray | None = None
) -> Findings:
    """Which events repeat which: the first of equal ones is that of the earliest time, then age, source and line.

    Args:
        events: the columns `COMPARED`. Events that share no id and no transaction with another one may be left out; all
            that share one must be there.
        config: window.
        age: how late each event came, shape (n,): what was known before stays, what repeats it goes. None = all came
            at once.
    """
    came = np.zeros(len(events), np.int64) if age is None else age
    events = events.append_column(_AGE, pa.array(came))
    found = _Found(len(events))
    _by_event_id(_frame(events, _sharing_an_id(events[c.EVENT_ID])), config, found)
    _by_transaction(_transactions(events, found.dropped), found)
    return Findings(
        code=found.code,
        dropped=found.dropped,
        event_ids=_unique_ids(events, found.dropped),
        repeats=found.table(events),
    )


def shown_column(code: str) -> str:
    """The column whose value a reject of this code shows."""
    return c.TRANSACTION_ID if code == DUPLICATE_TRANSACTION else c.EVENT_ID


class _Found:
    """What was found out about each row: why, and which earlier row it repeats."""

    def __init__(self, n: int) -> None:
        self.code: CodeArray = np.full(n, -1, np.int32)
        self.earlier: IntArray = np.full(n, -1, np.int64)
        self.dropped: BoolArray = np.zeros(n, np.bool_)

    def note(
        self, rows: IntArray | list[int], code: str, earlier: IntArray | int, *, drop: bool
    ) -> None:
        self.code[rows] = CODES.index(code)
        self.earlier[rows] = earlier
        self.dropped[rows] = drop

    def table(self, events: pa.Table) -> pa.Table:
        rows = np.flatnonzero(self.earlier >= 0)
        own = events.select([c.EVENT_NAME, c.SOURCE, c.LINE]).take(pa.array(rows))
        kept = events.select([c.SOURCE, c.LINE]).take(pa.array(self.earlier[rows]))
        columns = [
            pa.array(CODES).take(pa.array(self.code[rows])),
            own[c.EVENT_NAME],
            own[c.SOURCE],
            own[c.LINE],
            kept[c.SOURCE],
            kept[c.LINE],
        ]
        table = pa.table(columns, names=REPEATS.schema.names).cast(REPEATS.schema)
        return sorted_repeats(table)


def sorted_repeats(repeats: pa.Table) -> pa.Table:
    """The repeats table in its order: place, then reason, then the earlier place."""
    names = [c.SOURCE, c.LINE, c.REASON_CODE, c.KEPT_SOURCE, c.KEPT_LINE, c.EVENT_NAME]
    return repeats.sort_by([(name, "ascending") for name in names])


def _sharing_an_id(ids: pa.ChunkedArray) -> IntArray:
    """Rows whose id occurs more than once."""
    known = np.flatnonzero(pc.is_valid(ids).to_numpy())
    code = pc.drop_null(ids).combine_chunks().dictionary_encode().indices.to_numpy()
    rows: IntArray = known[np.bincount(code)[code] > 1] if len(code) else known
    return rows


def _frame(events: pa.Table, rows: IntArray) -> pd.DataFrame:
    """The compared columns of some rows, oldest first, with their row number."""
    table = (
        events.select([*COMPARED, _AGE]).take(pa.array(rows)).append_column(_ROW, pa.array(rows))
    )
    place = table.schema.get_field_index(c.TIME)
    table = table.set_column(place, c.TIME, table[c.TIME].cast(pa.int64()))
    frame: pd.DataFrame = table.sort_by(
        [(name, "ascending") for name in [*_PLACE, _ROW]]
    ).to_pandas()
    return frame


def _by_event_id(frame: pd.DataFrame, config: DuplicateConfig, found: _Found) -> None:
    if frame.empty:
        return
    window = config.window_hours / _HOURS_PER_DAY * MICROSECONDS_PER_DAY
    row, time = frame[_ROW].to_numpy(), frame[c.TIME].to_numpy()
    first = _first_of_group(frame, _WHO_AND_WHAT)
    repeat = first != np.arange(len(frame))
    late = repeat & (time - time[first] > window)
    in_time = repeat & ~late
    found.note(row[in_time], DUPLICATE_EVENT, row[first[in_time]], drop=True)
    found.note(row[late], LATE_DUPLICATE, row[first[late]], drop=True)
    kept = frame[~repeat].reset_index(drop=True)
    row, first = kept[_ROW].to_numpy(), _first_of_group(kept, [c.EVENT_ID, c.EVENT_NAME])
    persons = kept.groupby(first, sort=False)[c.PERSON_ID].transform("nunique").to_numpy()
    reused = first != np.arange(len(kept))
    for code, rows in ((EVENT_ID_SHARED, persons > 1), (EVENT_ID_REUSED, persons <= 1)):
        found.note(row[reused & rows], code, row[first[reused & rows]], drop=False)


def _first_of_group(frame: pd.DataFrame, names: list[str]) -> IntArray:
    """Per row the position of the first row that has the same values; null equals null."""
    group = frame.groupby(names, sort=False, dropna=False).ngroup().to_numpy()
    first = np.empty(len(frame), np.int64)
    first[group[::-1]] = np.arange(len(frame))[::-1]  # of several, the one written last stays
    found: IntArray = first[group]
    return found


def _transactions(events: pa.Table, dropped: BoolArray) -> pd.DataFrame:
    """Rows of transactions that were reported more than once: at several times, or by several sources."""
    of_kind = pc.is_in(events[c.EVENT_NAME], value_set=pa.array(TRANSACTIONS)).to_numpy()
    known = pc.is_valid(events[c.TRANSACTION_ID]).to_numpy()
    frame = _frame(events, np.flatnonzero(of_kind & known & ~dropped))
    if frame.empty:
        return frame
    order = frame.groupby([c.EVENT_NAME, c.TRANSACTION_ID], sort=False)
    differs = [order[name].transform("nunique") > 1 for name in (c.TIME, c.SOURCE)]
    return frame[differs[0] | differs[1]]


def _by_transaction(frame: pd.DataFrame, found: _Found) -> None:
    orders: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, key in enumerate(zip(frame[c.EVENT_NAME], frame[c.TRANSACTION_ID], strict=True)):
        orders[key].append(at)
    row, person = frame[_ROW].tolist(), frame[c.PERSON_ID].astype(object).to_numpy()
    someone = frame[c.PERSON_ID].notna().to_numpy()
    moment = list(zip(frame[c.TIME], frame[c.SOURCE], strict=True))
    content = _contents(frame)
    for places in orders.values():
        shared = len({person[at] for at in places if someone[at]}) > 1
        reports: dict[tuple[int, str], list[int]] = defaultdict(list)
        for at in places:
            reports[moment[at]].append(at)
        seen: dict[tuple[tuple[str, ...], ...], int] = {}
        for report in reports.values():
            said = tuple(sorted(content[at] for at in report))
            own, first = row[report[0]], row[places[0]]
            earlier = seen.setdefault(said, own)
            rows = [row[at] for at in report]
            if shared and own != first:
                found.note(rows, TRANSACTION_SHARED, first, drop=False)
            elif not shared and earlier != own:
                found.note(rows, DUPLICATE_TRANSACTION, earlier, drop=True)
            elif not shared and own != first:
                found.note(rows, TRANSACTION_CONFLICT, first, drop=False)


def _contents(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Item, quantity and money of each row as texts, "" where missing."""
    texts = [
        frame[name].astype(object).where(frame[name].notna(), "").astype(str) for name in _CONTENT
    ]
    return list(zip(*texts, strict=True))


def _unique_ids(events: pa.Table, dropped: BoolArray) -> pa.Array:
    """Event ids; kept events that share one get a number each, oldest first."""
    ids = events[c.EVENT_ID].combine_chunks()
    kept = np.flatnonzero(~dropped)
    shared = kept[_sharing_an_id(events[c.EVENT_ID].take(pa.array(kept)))]
    if not len(shared):
        return ids
    frame = _frame(events, shared)
    nth = frame.groupby(c.EVENT_ID, sort=False).cumcount().to_numpy() + 1
    again = nth > 1
    names = frame[c.EVENT_ID][again].tolist()
    renamed = [f"{name}~{n}" for name, n in zip(names, nth[again].tolist(), strict=True)]
    row = frame[_ROW].to_numpy()[again]
    at = np.zeros(len(events), np.bool_)
    at[row] = True
    values = pa.array(renamed, pa.string()).take(pa.array(np.argsort(row)))
    return pc.replace_with_mask(ids, pa.array(at), values)
