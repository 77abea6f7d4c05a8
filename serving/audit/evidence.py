"""What an audit looks at: published files and the facts of their moments, read again from disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features import columns as c
from features.erasure.erase import EXPORT
from features.erasure.tombstones import Tombstones, read_tombstones
from features.errors import InputError, WorkspaceError
from features.feed_tables import FEED_ITEMS, ITEM_SUPPRESSIONS
from features.run import Run, read_parquet
from features.steps.ingest import INGEST
from features.steps.items import stored
from features.steps.simulate import SIMULATE
from features.store import Workspace
from features.tables import CATALOG, EVENTS, EXPOSURES, PERSONS, TIMESTAMP, WATERFALL
from serving.audit.contacts import ContactHashes, read_contact_hashes
from serving.audit.identities import Identities
from serving.audit.person_files import SENDS, sends, suppressed_persons
from serving.audit.published import Published, read_published

SCORE: Final = "score"
DECISIONS_FILE: Final = "decisions.parquet"
EXPORTS_FILE: Final = "exports.json"
PRICE_OF: Final = "price_of"
"""Which price an offer states: that of the `catalog`, or the `list` or `sale` price of the feed."""

PURCHASE: Final = "purchase"
_DECISION_COLUMNS: Final = (
    c.PERSON_ID, c.RANK, c.CONTACT, c.ELIGIBLE, c.ARM, c.PROBABILITY, c.ITEM_ID, c.PRICE, c.EXPECTED_COST, c.REASON_CODES,
    c.SNAPSHOT_ID, c.CHANNEL, c.TARGETED, c.EXPLORED, c.GHOST, c.CHANCE_OF_CONTACT, c.PROPENSITY,
)  # fmt: skip
_OFFERS: Final = pa.schema(
    {c.FILE: pa.string(), c.LINE: pa.int64(), c.PERSON_ID: pa.string(), c.ITEM_ID: pa.string(), c.PRICE: pa.float64(),
     PRICE_OF: pa.string(), c.AVAILABILITY: pa.string()}
)  # fmt: skip
_NAMED: Final = pa.schema({c.FILE: pa.string(), c.LINE: pa.int64(), c.PERSON_ID: pa.string()})


@dataclass(frozen=True, eq=False)
class Facts:
    """What was known at the moment of a run.

    Attributes:
        as_of: the moment; only what happened before it counts.
        persons, catalog: of the ingestion that the run read.
        feed: its feed items; None = the project has no feed.
        held_items: ids of items held back.
        events: person, item, name and time of what the rules ask about (purchases, and events after which a person is left
            alone), before the moment and as far back as they look.
    """

    as_of: datetime
    persons: pa.Table
    catalog: pa.Table
    feed: pa.Table | None
    held_items: pa.ChunkedArray
    events: pa.Table

    def since(self, back: timedelta, name: str = PURCHASE) -> pa.Table:
        """Events of a name from so long before the moment on."""
        recent = pc.greater_equal(self.events[c.TIME], pa.scalar(self.as_of - back, TIMESTAMP))
        return self.events.filter(pc.and_(recent, pc.equal(self.events[c.EVENT_NAME], name)))


@dataclass(frozen=True, eq=False)
class Side:
    """One published run as claims, beside the facts of its moment.

    Attributes:
        run: the run.
        facts: of its moment.
        targeted: file, line and person of everybody whom it contacts.
        named: the same of everybody whom it names at all.
        offers: file, line, person (null = nobody's), item, price (null = not said), `PRICE_OF`, availability as said.
        waterfall: what its rules counted.
    """

    run: Run
    facts: Facts
    targeted: pa.Table
    named: pa.Table
    offers: pa.Table
    waterfall: pa.Table


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything an audit may look at.

    Attributes:
        scored: the decisions.
        decisions: the decisions table itself.
        limits: config that scoring recorded.
        contacts: person, time and channel of every real contact before the decisions, in all logs; None = there is no log,
            or one is not at hand.
        exported: the export made from the decisions; None = there is none.
        files: its files.
        told: its exports.json.
        suppressed: persons on a suppression list in force; None = the lists are not at hand.
        contact_hashes: contacts of the client, hashed; None = not at hand, or there are none.
        tombstones: who was erased from the workspace.
    """

    scored: Side
    decisions: pa.Table
    limits: Mapping[str, Any]
    contacts: pa.Table | None
    exported: Side | None
    files: tuple[Published, ...]
    told: Mapping[str, Any]
    suppressed: frozenset[str] | None
    contact_hashes: ContactHashes | None
    tombstones: Tombstones | None

    @property
    def sides(self) -> tuple[Side, ...]:
        """The published runs."""
        return (self.scored,) if self.exported is None else (self.scored, self.exported)


def gather(
    workspace: Workspace, scored: Run, exported: Run | None, folder: Path | None
) -> Evidence:
    """Read everything again.

    Args:
        workspace: of the runs.
        scored: the run that decided.
        exported: the run that exported its decisions; None = only decisions are audited.
        folder: of the project, where suppression lists and contacts are; None = not at hand.

    Raises:
        InputError: a file that an audit cannot do without is missing or broken.
        WorkspaceError: a run that was read is no longer in the workspace.
    """
    limits: Mapping[str, Any] = scored.manifest["config"]
    facts = _facts(workspace, scored, limits)
    decisions = _select(read_parquet(scored.path / DECISIONS_FILE), _DECISION_COLUMNS, scored)
    rows = _with_places(decisions, f"{SCORE}/{DECISIONS_FILE}")
    first = rows.filter(pc.equal(rows[c.RANK], 1))
    offers = rows.filter(pc.is_valid(rows[c.ITEM_ID]))
    side = Side(
        run=scored,
        facts=facts,
        targeted=first.filter(first[c.CONTACT]).select(_NAMED.names),
        named=first.select(_NAMED.names),
        offers=offers.append_column(PRICE_OF, _constant("catalog", offers.num_rows))
        .append_column(c.AVAILABILITY, pa.nulls(offers.num_rows, pa.string()))
        .select(_OFFERS.names),
        waterfall=scored.read(WATERFALL),
    )
    left = None if exported is None else _exported(workspace, exported, folder, limits)
    return Evidence(
        scored=side,
        decisions=decisions,
        limits=limits,
        contacts=_contacts(workspace, scored, folder, as_of=facts.as_of),
        exported=None if left is None else left[0],
        files=() if left is None else left[1],
        told={} if exported is None else exported.json(EXPORTS_FILE),
        suppressed=None if left is None else left[2],
        contact_hashes=None if left is None else left[3],
        tombstones=read_tombstones(workspace),
    )


def _exported(
    workspace: Workspace, run: Run, folder: Path | None, limits: Mapping[str, Any]
) -> tuple[Side, tuple[Published, ...], frozenset[str] | None, ContactHashes | None]:
    facts = _facts(workspace, run, limits)
    identities = Identities.of(_ingested(workspace, run))
    config = run.manifest["config"]
    suppressed = hashes = None
    if folder is not None:
        lists = [(folder / name).resolve() for name in config["suppressions"]]
        suppressed = suppressed_persons(lists, identities, as_of=facts.as_of)
        if config["contacts"] is not None:
            hashes = read_contact_hashes(config["contacts"], identities, folder=folder)
    files = tuple(_files(run))
    named = [
        (file.targets, file.place, record.line, person)
        for file in files
        if file.names
        for record in file.records
        for person in record.persons(identities, hashes)
    ]
    offers = [
        (file.place, record.line, record.person(identities), *offer)
        for file in files
        for record in file.records
        for offer in record.offers()
    ]
    side = Side(
        run=run,
        facts=facts,
        targeted=_table([row[1:] for row in named if row[0]], _NAMED),
        named=_table([row[1:] for row in named], _NAMED),
        offers=_table(offers, _OFFERS),
        waterfall=run.read(WATERFALL),
    )
    return side, files, suppressed, hashes


def _files(run: Run) -> Iterator[Published]:
    for entry in run.json(EXPORTS_FILE)["exports"]:
        for file in entry["files"]:
            yield read_published(run.path, entry, file)


def _facts(workspace: Workspace, run: Run, limits: Mapping[str, Any]) -> Facts:
    ingested = _ingested(workspace, run)
    as_of = datetime.fromisoformat(run.manifest["inputs"][c.AS_OF])
    asked = _asked(limits["eligibility"])
    held = stored(ingested, ITEM_SUPPRESSIONS)
    return Facts(
        as_of=as_of,
        persons=ingested.read(PERSONS),
        catalog=ingested.read(CATALOG),
        feed=stored(ingested, FEED_ITEMS),
        held_items=pa.chunked_array([], pa.string()) if held is None else held[c.ITEM_ID],
        events=pq.read_table(
            ingested.path / f"{EVENTS.name}.parquet",
            columns=[c.PERSON_ID, c.ITEM_ID, c.EVENT_NAME, c.TIME],
            filters=pc.field(c.EVENT_NAME).isin(list(asked))
            & (pc.field(c.TIME) >= pa.scalar(as_of - max(asked.values()), TIMESTAMP))
            & (pc.field(c.TIME) < pa.scalar(as_of, TIMESTAMP)),
        ),
    )


def _asked(eligibility: Mapping[str, Any]) -> dict[str, timedelta]:
    """How far back the rules look at events of each name."""
    hours = timedelta(hours=eligibility["recent_purchase_hours"])
    asked = {PURCHASE: max(hours, timedelta(days=eligibility["just_bought_days"]))}
    for name, days in eligibility.get("quiet_days", {}).items():
        asked[name] = max(asked.get(name, timedelta()), timedelta(days=days))
    return asked


def _ingested(workspace: Workspace, run: Run) -> Run:
    wanted = run.manifest["inputs"].get(INGEST)
    found = workspace.stored(INGEST, wanted)
    if found is None:
        raise WorkspaceError(
            str(run.path),
            f"was made from ingestion {wanted}, which is not in the workspace",
            rule="an audit compares a run with the facts it was made from",
            next_step=f"Run 'retarget score' again, then '{EXPORT}'.",
        )
    return found


def _contacts(
    workspace: Workspace, scored: Run, folder: Path | None, *, as_of: datetime
) -> pa.Table | None:
    """Contacts that were really made before a moment: no ghosts, whatever the channel."""
    limits = scored.manifest["config"]["frequency"]
    simulated = workspace.stored(SIMULATE, scored.manifest["inputs"].get(SIMULATE))
    names = limits.get("logs", ())
    tables = []
    if simulated is not None and limits.get("recorded", True):
        log = simulated.read(EXPOSURES)
        tables.append(log.filter(pc.invert(log[c.GHOST])).select(SENDS.names))
    if names and folder is None:
        return None
    if names and folder is not None:
        identities = Identities.of(_ingested(workspace, scored))
        tables.append(sends([folder / name for name in names], identities))
    if not tables:
        return None
    made = pa.concat_tables(tables)
    return made.filter(pc.less(made[c.TIME], pa.scalar(as_of, TIMESTAMP)))


def _select(table: pa.Table, names: tuple[str, ...], run: Run) -> pa.Table:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise InputError(
            str(run.path / DECISIONS_FILE),
            f"has no column '{missing[0]}'",
            rule=f"decisions have the columns {', '.join(names)}",
            next_step="Run 'retarget score' again.",
        )
    return table.select(list(names))


def _with_places(table: pa.Table, file: str) -> pa.Table:
    lines = pa.array(range(1, table.num_rows + 1), pa.int64())
    placed = table.append_column(c.FILE, _constant(file, table.num_rows))
    return placed.append_column(c.LINE, lines)


def _constant(text: str, length: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), length)


def _table(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema)  # fmt: skip
