"""All of cleaning, from Parquet files to one Parquet file, for more events than fit into memory.

Most events share nothing with others, so only ids, and the few events that share one, are looked at in memory, by the
same functions that clean a table; the rest streams through the engine. The result is that of the steps one after the
other: times, persons, duplicates, refunds, rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features import columns as c
from features.arrays import IntArray
from features.engines.base import ROW, Engine, file_of
from features.ingest.cleaning import CleaningConfig
from features.ingest.duplicates import (
    CODES,
    COMPARED,
    DROPPED,
    TRANSACTIONS,
    DuplicateConfig,
    find_repeats,
    shown_column,
    sorted_repeats,
)
from features.ingest.events import ROW_RULES, judge
from features.ingest.identity import (
    QUARANTINED_IDENTITY,
    IdentityConfig,
    Persons,
    find_persons,
)
from features.ingest.refunds import TAKES_BACK, RefundConfig, reverse
from features.ingest.rejects import (
    count_reasons,
    refused,
    require_balance,
    require_quality,
    sorted_rejects,
)
from features.ingest.timestamps import BAD_TIMESTAMP, LATE_EVENT, Bounds
from features.sources.raw_events import RAW_EVENTS
from features.sources.staging import StagedFile
from features.tables import EVENTS, REPEATS

_IDS: Final = (c.USER_ID, c.ANONYMOUS_ID)
_KEY: Final = "key_"
_OF_KIND: Final = "of_kind_"
_CODE: Final = "code_"
_NEW_ID: Final = "new_id_"
_FILE: Final = "file_"
_ROWS_AT_ONCE: Final = 2_000_000
_REFUND_COLUMNS: Final = (
    c.EVENT_NAME, c.TIME, c.ITEM_ID, c.QUANTITY, c.VALUE, c.TRANSACTION_ID, c.SOURCE, c.LINE,
)  # fmt: skip
_SHOWN: Final[dict[str, str | None]] = {
    BAD_TIMESTAMP: c.TIME,
    LATE_EVENT: c.TIME,
    QUARANTINED_IDENTITY: None,
    **{code: shown_column(code) for code in CODES},
}
_MARKED: Final = pa.schema([(ROW, pa.int64()), (c.REASON_CODE, pa.string())])
_RENAMED: Final = pa.schema([(ROW, pa.int64()), (c.EVENT_ID, pa.string())])


@dataclass(frozen=True, eq=False)
class Ingested:
    """Clean events on disk, and all that was found out on the way.

    Attributes:
        path: Parquet file of checked events, sorted by time, then event id.
        rows: rows of the source.
        row_rejects: rows the source refused.
        events_in: events the other rows became.
        events_out: events written.
        rejects: refused rows of the source and of all steps, the rejects table, sorted by place.
        repeats: what was reported twice and what shares an id, the repeats table.
        identities: every id seen so far and its person, the identities table.
        merges: persons joined since the identities before, the person-merges table.
        reversals: how much of which purchase each refund takes back, the reversals table.
        unmatched_quantity: units of matched refunds beyond what was bought.
        newest: of each file, the latest believed time; None = it has none.
        late: of each file, how many of its admitted events are older than its watermark.

    Invariants: events in = events out + rejects - row rejects; the order of files and rows changes nothing but the ids
        of events that agree in time, watermark, source and line.
    """

    path: Path
    rows: int
    row_rejects: int
    events_in: int
    events_out: int
    rejects: pa.Table
    repeats: pa.Table
    identities: pa.Table
    merges: pa.Table
    reversals: pa.Table
    unmatched_quantity: float
    newest: tuple[datetime | None, ...]
    late: tuple[int, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """Rejected rows per reason code."""
        return count_reasons(self.rejects)


def ingest_events(
    files: Sequence[StagedFile],
    target: Path,
    config: CleaningConfig,
    engine: Engine,
    *,
    received_at: datetime,
    watermarks: Sequence[datetime | None] | None = None,
    before: pa.Table | None = None,
) -> Ingested:
    """Clean the events of some files into one file.

    Args:
        files: unchecked events.
        target: the file to write.
        config: how events are cleaned.
        engine: where the expressions run. Its memory limit bounds the relational work; pairs of ids, 8 bytes per event for
            repeats, and rejects are held beside it.
        received_at: the moment of ingestion; later events are not believed.
        watermarks: of each file, the latest time that was known before it first came; None = nothing was. Of equal events
            the one of the file with the earlier watermark stays.
        before: the identities of the last run; None = this is the first run.

    Raises:
        InputError: a file is missing or is not Parquet.
        SchemaError: a file has other columns.
        GateError: more rows are refused than may be; nothing is written then.
    """
    marks = tuple(watermarks) if watermarks is not None else (None,) * len(files)
    bounds = Bounds.of(config.timestamps, as_of=received_at, watermarks=marks)
    raw = engine.files([file.path for file in files], RAW_EVENTS)
    raw = raw.mutate(**{_FILE: file_of(raw[ROW])})
    believed = raw.filter(~bounds.bad(raw) & ~bounds.held_out(raw, raw[_FILE]))
    persons = _persons(believed, engine, config.identity, before)
    repeats = _repeats(believed, persons, engine, config.duplicates, _ages(marks))
    rejected = _rejected(raw, bounds, persons, repeats.dropped, engine)
    checked = raw.anti_join(engine.table(rejected.select([ROW])), ROW)
    undone = _reversals(checked, repeats.renamed, persons, engine, config.refunds)
    row_rejects = [file.rejects for file in files]
    rejects = sorted_rejects(pa.concat_tables([*row_rejects, *_rejects(rejected), undone.rejects]))
    newest, late = _seen(believed, bounds, engine, files=len(files))
    result = Ingested(
        path=target,
        rows=sum(file.rows for file in files),
        row_rejects=sum(table.num_rows for table in row_rejects),
        events_in=engine.collect(raw.agg(rows=raw.count()))["rows"][0].as_py(),
        events_out=0,
        rejects=rejects,
        repeats=repeats.table,
        identities=persons.identities,
        merges=persons.merges,
        reversals=undone.reversals,
        unmatched_quantity=undone.unmatched_quantity,
        newest=newest,
        late=late,
    )
    counted = rejects.filter(pc.invert(pc.is_in(rejects[c.REASON_CODE], pa.array(DROPPED))))
    require_quality(counted, result.rows, max_reject_rate=config.max_reject_rate)
    left_out = pa.concat_tables([rejected.select([ROW]), undone.unknown])
    engine.write(_events(raw, left_out, repeats.renamed, persons, engine), target)
    result = replace(result, events_out=pq.read_metadata(target).num_rows)
    require_balance(result.events_in, result.events_out + rejects.num_rows - result.row_rejects)
    return result


@dataclass(frozen=True, eq=False)
class _Repeats:
    """What duplicates change: rows dropped with their reason, rows with a new event id, and the repeats table."""

    dropped: pa.Table
    renamed: pa.Table
    table: pa.Table


@dataclass(frozen=True, eq=False)
class _Undone:
    """What refunds change: rows of those that fit no purchase, their rejects, and the reversals table."""

    unknown: pa.Table
    rejects: pa.Table
    reversals: pa.Table
    unmatched_quantity: float


def _ages(watermarks: Sequence[datetime | None]) -> IntArray:
    """Which files came before which, by their watermarks: 0 = first."""
    known = sorted({mark for mark in watermarks if mark is not None})
    return np.array([0 if mark is None else 1 + known.index(mark) for mark in watermarks], np.int64)


def _seen(
    believed: Any, bounds: Bounds, engine: Engine, *, files: int
) -> tuple[tuple[datetime | None, ...], tuple[int, ...]]:
    """Of each file the latest believed time, and how many admitted events are older than its watermark."""
    late = bounds.late(believed, believed[_FILE])
    rows = believed.select(_FILE, c.TIME, late=late)
    found = rows.group_by(_FILE).agg(newest=rows[c.TIME].max(), late=rows.late.sum())
    newest: list[datetime | None] = [None] * files
    counts = [0] * files
    for row in engine.collect(found).to_pylist():
        newest[row[_FILE]], counts[row[_FILE]] = row["newest"], int(row["late"])
    return tuple(newest), tuple(counts)


def _persons(
    believed: Any, engine: Engine, config: IdentityConfig, before: pa.Table | None
) -> Persons:
    ids = [c.ANONYMOUS_ID, c.USER_ID]
    pairs = believed.group_by(ids).agg(**{c.TIME: believed[c.TIME].min()})
    return find_persons(engine.collect(pairs), config, before=before)


def _quarantined(rows: Any, persons: Persons, engine: Engine) -> Any:
    """Where a row's ids are set aside; both ids of a row are, or none."""
    where = ibis.literal(False)
    for name in (c.USER_ID, c.ANONYMOUS_ID):
        ids = persons.by_id(name)
        shared = engine.table(ids.filter(ids[c.QUARANTINED]).select([name]))
        where = where | rows[name].isin(shared[name]).fill_null(False)
    return where


def _repeats(
    believed: Any, persons: Persons, engine: Engine, config: DuplicateConfig, ages: IntArray
) -> _Repeats:
    """Duplicates among the few rows that share an event id or a transaction with another one."""
    dropped, renamed, tables = [_MARKED.empty_table()], [_RENAMED.empty_table()], []
    for sharing in _sharing(believed, engine):
        person, quarantined = persons.of(sharing)
        rows = sharing.append_column(c.PERSON_ID, person).filter(pa.array(~quarantined))
        found = find_repeats(rows, config, age=ages[file_of(rows[ROW].to_numpy())])
        codes = pa.array(CODES).take(pa.array(found.code, mask=found.code < 0))
        marked = pa.table([rows[ROW], codes], schema=_MARKED)
        dropped.append(marked.filter(pa.array(found.dropped)))
        differs = pc.not_equal(rows[c.EVENT_ID], found.event_ids)
        named = pa.table([rows[ROW], found.event_ids], schema=_RENAMED)
        renamed.append(named.filter(pc.fill_null(differs, False)))
        tables.append(found.repeats)
    table = pa.concat_tables([REPEATS.schema.empty_table(), *tables])
    return _Repeats(pa.concat_tables(dropped), pa.concat_tables(renamed), sorted_repeats(table))


def _sharing(believed: Any, engine: Engine) -> Iterator[pa.Table]:
    """Rows that share an event id or a transaction with another one, in parts that share nothing with each other.

    The first part holds all transactions, so that no id and no transaction is torn.
    """
    of_kind = believed[c.EVENT_NAME].isin(TRANSACTIONS) & believed[c.TRANSACTION_ID].notnull()
    known = believed[c.EVENT_ID].notnull()
    key = ibis.ifelse(known, engine.fingerprint(believed[c.EVENT_ID]), ibis.null("int64"))
    rows = believed.mutate(**{_KEY: key, _OF_KIND: of_kind.fill_null(False)})
    keys, repeats = _repeated_keys(rows, engine)
    ordered = engine.collect(rows.filter(rows[_OF_KIND] & rows[_KEY].notnull()).select(_KEY))
    parts = 1 + repeats // _ROWS_AT_ONCE
    number = np.where(np.isin(keys, ordered[_KEY].to_numpy()), 0, keys % parts)
    orders = engine.table(engine.collect(_reported_again(rows)))
    keyed = engine.table(pa.table({_KEY: keys}))
    columns = [ROW, *_IDS, *(name for name in COMPARED if name != c.PERSON_ID)]
    for part in range(parts):
        mine = engine.table(pa.table({_KEY: keys[number == part]}))
        chosen = [engine.collect(rows.semi_join(mine, _KEY).select(columns))]
        if part == 0:  # a union would hold all rows in memory: both of its sides read them
            again = rows.filter(rows[_OF_KIND]).semi_join(orders, [c.EVENT_NAME, c.TRANSACTION_ID])
            chosen.append(engine.collect(again.anti_join(keyed, _KEY).select(columns)))
        yield pa.concat_tables(chosen).sort_by(ROW)


def _repeated_keys(rows: Any, engine: Engine) -> tuple[IntArray, int]:
    """Keys that occur more than once, and how many rows have them: numbers are sorted faster than they are grouped."""
    known = rows.filter(rows[_KEY].notnull()).select(_KEY)
    keys = np.sort(engine.collect(known)[_KEY].to_numpy())
    same = keys[1:] == keys[:-1]
    found = np.unique(keys[1:][same])
    return found, int(same.sum()) + len(found)


def _reported_again(rows: Any) -> Any:
    """Transactions with several times or sources."""
    orders = rows.filter(rows[_OF_KIND]).group_by([c.EVENT_NAME, c.TRANSACTION_ID])
    time, source = ibis._[c.TIME], ibis._[c.SOURCE]
    spans = orders.agg(a=time.min(), b=time.max(), x=source.min(), y=source.max())
    return spans.filter((spans.a < spans.b) | (spans.x < spans.y)).drop("a", "b", "x", "y")


def _reversals(
    checked: Any, renamed: pa.Table, persons: Persons, engine: Engine, config: RefundConfig
) -> _Undone:
    """What refunds take back, found among them and the purchases they may touch."""
    columns = [ROW, c.EVENT_ID, *_IDS, *_REFUND_COLUMNS]
    chosen = checked.filter(checked[c.EVENT_NAME].isin(("purchase", *TAKES_BACK))).select(columns)
    if config.match == "transaction":
        refunds = chosen.filter(chosen[c.EVENT_NAME].isin(TAKES_BACK))
        wanted = refunds.select(c.TRANSACTION_ID).distinct()
        bought = chosen.filter(chosen[c.EVENT_NAME] == "purchase")
        chosen = refunds.union(bought.semi_join(wanted, c.TRANSACTION_ID))
    current = _with_ids(chosen, engine.table(renamed))
    rows = engine.collect(current).sort_by(ROW)
    result = reverse(rows.append_column(c.PERSON_ID, persons.of(rows)[0]), config)
    unknown = pc.invert(pc.is_in(rows[ROW], result.events[ROW]))
    return _Undone(
        rows.filter(unknown).select([ROW]),
        result.rejects,
        result.reversals,
        result.unmatched_quantity,
    )


def _with_ids(rows: Any, renamed: Any) -> Any:
    """Rows with the event ids they have from now on."""
    new = renamed.rename(**{_NEW_ID: c.EVENT_ID})
    joined = rows.left_join(new, ROW)
    known = ibis.coalesce(joined[_NEW_ID], joined[c.EVENT_ID])
    return joined.mutate(**{c.EVENT_ID: known}).select(rows.columns)


def _rejected(
    raw: Any, bounds: Bounds, persons: Persons, marked: pa.Table, engine: Engine
) -> pa.Table:
    """Refused rows with their reason and what is needed to show it, in the order of rows."""
    code = engine.table(marked.rename_columns([ROW, _CODE]))
    rows = raw.left_join(code, ROW)
    found = [
        (bounds.bad(rows), BAD_TIMESTAMP),
        (bounds.held_out(rows, rows[_FILE]), LATE_EVENT),
        (_quarantined(rows, persons, engine), QUARANTINED_IDENTITY),
        (rows[_CODE].notnull(), rows[_CODE]),
    ]
    judged = judge(rows, ROW_RULES, found=found)
    refused_rows = judged.filter(judged[c.REASON_CODE].notnull())
    columns = [ROW, c.REASON_CODE, c.SOURCE, c.LINE, c.RAW_VALUE]
    columns += [c.TIME, c.EVENT_ID, c.TRANSACTION_ID]
    return engine.collect(refused_rows.select(columns)).sort_by(ROW)


def _rejects(rejected: pa.Table) -> Iterator[pa.Table]:
    for code in sorted(count_reasons(rejected)):
        rows = rejected.filter(pc.equal(rejected[c.REASON_CODE], code))
        yield refused(rows, code, shown=_SHOWN.get(code, c.RAW_VALUE))


def _events(
    raw: Any, left_out: pa.Table, renamed: pa.Table, persons: Persons, engine: Engine
) -> Any:
    """Events with their ids and persons, in order.

    Persons are looked up before rows are left out: an engine that guesses how few rows stay may hold these in memory to
    look persons up in them, instead of the other way round.
    """
    rows = raw.drop(c.PERSON_ID)
    names = []
    for name in _IDS:
        person = persons.by_id(name).select([name, c.PERSON_ID])
        names.append(f"{name}_person_")
        rows = rows.left_join(engine.table(person.rename_columns([name, names[-1]])), name)
    rows = rows.mutate(**{c.PERSON_ID: ibis.coalesce(*(rows[name] for name in names))})
    kept = rows.select(*EVENTS.schema.names, ROW).anti_join(engine.table(left_out), ROW)
    events = _with_ids(kept, engine.table(renamed)).select(EVENTS.schema.names)
    return events.order_by([c.TIME, c.EVENT_ID])
