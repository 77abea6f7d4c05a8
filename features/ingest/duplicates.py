"""Events that were reported more than once, and ids that were used more than once: the first go, the second stay.

Two reports are one event when they share event name and event id and say the same of person, item and transaction
(a file delivered twice, a browser and a server), or when one transaction is reported again with the same items, quantities
and money (a reload of the confirmation page). Anything else that shares an id is kept and reported: to merge it would
invent facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from features import columns as c
from features.config import BaseConfig
from features.histories import MICROSECONDS_PER_DAY
from features.ingest.timestamps import refused
from features.tables import REPEATS

DUPLICATE_EVENT: Final = "duplicate_event"
LATE_DUPLICATE: Final = "late_duplicate"
DUPLICATE_TRANSACTION: Final = "duplicate_transaction"
TRANSACTION_CONFLICT: Final = "transaction_conflict"
TRANSACTION_SHARED: Final = "transaction_shared"
EVENT_ID_REUSED: Final = "event_id_reused"
EVENT_ID_SHARED: Final = "event_id_shared"

TRANSACTIONS: Final = ("purchase", "refund", "cancel")
"""Events that a transaction id makes unique."""

_HOURS_PER_DAY: Final = 24
_WHO_AND_WHAT: Final = [c.EVENT_ID, c.EVENT_NAME, c.PERSON_ID, c.ITEM_ID, c.TRANSACTION_ID]
_PLACE: Final = [c.TIME, c.SOURCE, c.LINE, "row"]
_CONTENT: Final = [c.ITEM_ID, c.QUANTITY, c.VALUE]


class DuplicateConfig(BaseConfig):
    """When a second report is a duplicate."""

    window_hours: float = Field(default=48.0, gt=0)
    """A repeat of an event id within this time is `duplicate_event`, a later one `late_duplicate`; both are dropped."""


@dataclass(frozen=True, eq=False)
class Deduplicated:
    """Events without duplicates.

    Attributes:
        events: kept events, in the order they came; event ids are unique now, a reused one ends in `~2`, `~3` ...
        rejects: dropped reports (`duplicate_event`, `late_duplicate`, `duplicate_transaction`), as the rejects table.
        repeats: dropped reports and kept conflicts, each with its own place and the earlier one's, the repeats table.

    Invariants: events in = events + rejects; doing it again drops nothing.
    """

    events: pa.Table
    rejects: pa.Table
    repeats: pa.Table

    def counts(self) -> dict[str, int]:
        """Repeats per reason code, sorted."""
        found = self.repeats[c.REASON_CODE].value_counts().to_pylist()
        return {
            entry["values"]: entry["counts"] for entry in sorted(found, key=lambda e: e["values"])
        }


def deduplicate(events: pa.Table, config: DuplicateConfig) -> Deduplicated:
    """Drop what was reported twice, report what shares an id and differs.

    Args:
        events: events with person and believed time; the first of equal ones is that of the earliest time, then source,
            then line.
        config: window.
    """
    found = _Found(len(events))
    _by_event_id(_candidates(events, [c.EVENT_ID]), config, found)
    _by_transaction(_transactions(events, found.dropped), found)
    reasons = np.array(found.reason, object)
    codes = sorted({code for code in found.reason if code})
    by_code = {code: (reasons == code) & found.dropped for code in codes}
    rejects = [
        refused(events, {code: rows}, shown=_shown(code)) for code, rows in by_code.items()
    ]  # fmt: skip
    kept = events.filter(pa.array(~found.dropped))
    return Deduplicated(
        events=_unique_ids(kept),
        rejects=pa.concat_tables([*rejects, refused(events.slice(0, 0), {}, shown=None)]),
        repeats=found.table(events),
    )


class _Found:
    """What was found out about each row: why, and which earlier row it repeats."""

    def __init__(self, n: int) -> None:
        self.reason: list[str] = [""] * n
        self.earlier = np.full(n, -1, np.int64)
        self.dropped = np.zeros(n, np.bool_)

    def note(self, row: int, code: str, earlier: int, *, drop: bool) -> None:
        self.reason[row] = code
        self.earlier[row] = earlier
        self.dropped[row] = drop

    def table(self, events: pa.Table) -> pa.Table:
        rows = np.flatnonzero(self.earlier >= 0)
        own, kept = events.take(pa.array(rows)), events.take(pa.array(self.earlier[rows]))
        columns = [
            pa.array([self.reason[row] for row in rows.tolist()], pa.string()),
            own[c.EVENT_NAME],
            own[c.SOURCE],
            own[c.LINE],
            kept[c.SOURCE],
            kept[c.LINE],
        ]
        order = [(c.SOURCE, "ascending"), (c.LINE, "ascending"), (c.REASON_CODE, "ascending")]
        return pa.table(columns, names=REPEATS.schema.names).cast(REPEATS.schema).sort_by(order)


def _candidates(events: pa.Table, key: list[str]) -> pd.DataFrame:
    """Rows whose key occurs more than once, oldest first, with their row number."""
    keys = events.select(key).to_pandas()
    rows = np.flatnonzero(keys.duplicated(keep=False).to_numpy() & keys.notna().all(axis=1))
    return _frame(events, rows)


def _frame(events: pa.Table, rows: npt.NDArray[np.int64]) -> pd.DataFrame:
    names = list(dict.fromkeys([*_WHO_AND_WHAT, *_CONTENT, c.TIME, c.SOURCE, c.LINE]))
    table = events.select(names).take(pa.array(rows))
    place = table.schema.get_field_index(c.TIME)
    frame: pd.DataFrame = table.set_column(
        place, c.TIME, table[c.TIME].cast(pa.int64())
    ).to_pandas()
    return frame.assign(row=rows).sort_values(_PLACE, kind="stable", ignore_index=True)


def _by_event_id(frame: pd.DataFrame, config: DuplicateConfig, found: _Found) -> None:
    if frame.empty:
        return
    window = config.window_hours / _HOURS_PER_DAY * MICROSECONDS_PER_DAY
    same = frame.groupby(_WHO_AND_WHAT, sort=False, dropna=False)
    first_row, first_time = same["row"].transform("first"), same[c.TIME].transform("first")
    repeat = frame["row"] != first_row
    late = frame[c.TIME] - first_time > window
    for row, earlier, is_late in zip(
        frame["row"][repeat].tolist(),
        first_row[repeat].tolist(),
        late[repeat].tolist(),
        strict=True,
    ):
        found.note(row, LATE_DUPLICATE if is_late else DUPLICATE_EVENT, earlier, drop=True)
    kept = frame[~repeat]
    owner = kept.groupby([c.EVENT_ID, c.EVENT_NAME], sort=False)
    first_row, persons = owner["row"].transform("first"), owner[c.PERSON_ID].transform("nunique")
    reused = kept["row"] != first_row
    for row, earlier, several in zip(
        kept["row"][reused].tolist(),
        first_row[reused].tolist(),
        (persons[reused] > 1).tolist(),
        strict=True,
    ):
        found.note(row, EVENT_ID_SHARED if several else EVENT_ID_REUSED, earlier, drop=False)


def _transactions(events: pa.Table, dropped: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Rows of transactions that were reported more than once: at several times, or by several sources."""
    of_kind = pc.is_in(events[c.EVENT_NAME], value_set=pa.array(TRANSACTIONS)).to_numpy()
    known = pc.is_valid(events[c.TRANSACTION_ID]).to_numpy()
    frame = _frame(events, np.flatnonzero(of_kind & known & ~dropped))
    if frame.empty:
        return frame
    order = [c.EVENT_NAME, c.TRANSACTION_ID]
    report = frame[[*order, c.TIME, c.SOURCE]].drop_duplicates()
    several = report[report.duplicated(order, keep=False)][order].drop_duplicates()
    return frame.merge(several, on=order, how="inner").sort_values(_PLACE, kind="stable")


def _by_transaction(frame: pd.DataFrame, found: _Found) -> None:
    if frame.empty:
        return
    for _, rows in frame.groupby([c.EVENT_NAME, c.TRANSACTION_ID], sort=False):
        reports = [report for _, report in rows.groupby([c.TIME, c.SOURCE], sort=True)]
        first = int(reports[0]["row"].iloc[0])
        shared = len(set(rows[c.PERSON_ID].dropna())) > 1
        seen: dict[Any, int] = {}
        for report in reports:
            said = _content(report)
            earlier = seen.setdefault(said, int(report["row"].iloc[0]))
            repeated = earlier != int(report["row"].iloc[0])
            if shared:
                _note_all(found, report, TRANSACTION_SHARED, first, drop=False)
            elif repeated:
                _note_all(found, report, DUPLICATE_TRANSACTION, earlier, drop=True)
            else:
                _note_all(found, report, TRANSACTION_CONFLICT, first, drop=False)


def _content(report: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Items, quantities and money of a report, in no order."""
    rows = report[_CONTENT].astype(object).where(report[_CONTENT].notna(), "").astype(str)
    return tuple(sorted(rows.itertuples(index=False, name=None)))


def _note_all(found: _Found, report: pd.DataFrame, code: str, earlier: int, *, drop: bool) -> None:
    rows = report["row"].tolist()
    if earlier not in rows:
        for row in rows:
            found.note(int(row), code, earlier, drop=drop)


def _shown(code: str) -> str:
    return c.TRANSACTION_ID if code == DUPLICATE_TRANSACTION else c.EVENT_ID


def _unique_ids(events: pa.Table) -> pa.Table:
    """Kept events that share an id get a number each, oldest first."""
    frame = _candidates(events, [c.EVENT_ID])
    if frame.empty:
        return events
    nth = (frame.groupby(c.EVENT_ID, sort=False).cumcount() + 1).to_numpy()
    ids = np.array(events[c.EVENT_ID].to_pylist(), object)
    rows = frame["row"].to_numpy()
    again = nth > 1
    ids[rows[again]] = [
        f"{name}~{n}" for name, n in zip(ids[rows[again]], nth[again].tolist(), strict=True)
    ]
    place = events.schema.get_field_index(c.EVENT_ID)
    return events.set_column(place, events.field(c.EVENT_ID), pa.array(ids, pa.string()))
