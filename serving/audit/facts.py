"""The facts of a run's moment, read again: persons, catalog, feed, events, and contacts that were made before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features import columns as c
from features.erasure.erase import EXPORT
from features.errors import WorkspaceError
from features.feed_tables import FEED_ITEMS, ITEM_SUPPRESSIONS
from features.run import Run, read_parquet
from features.steps.ingest import INGEST
from features.steps.items import stored
from features.steps.simulate import SIMULATE
from features.store import Workspace
from features.tables import CATALOG, EVENTS, EXPOSURES, PERSONS, TIMESTAMP
from serving.audit.identities import Identities
from serving.audit.person_files import SENDS, sends

PURCHASE: Final = "purchase"


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


def read_facts(workspace: Workspace, run: Run, limits: Mapping[str, Any]) -> Facts:
    """The facts of the moment of a run, from the ingestion it was made from.

    Args:
        workspace: of the run.
        run: of scoring or export.
        limits: config of the campaign, which says how far back the rules look.

    Raises:
        WorkspaceError: the ingestion is no longer in the workspace.
    """
    ingested = ingestion_of(workspace, run)
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


def last_events(
    workspace: Workspace, scored: Run, persons: pa.ChunkedArray, *, before: datetime
) -> pa.Table:
    """Person and time of the last event of some persons before a moment; only their events are read."""
    events = pq.read_table(
        ingestion_of(workspace, scored).path / f"{EVENTS.name}.parquet",
        columns=[c.PERSON_ID, c.TIME],
        filters=pc.field(c.PERSON_ID).isin(pc.unique(persons))
        & (pc.field(c.TIME) < pa.scalar(before, TIMESTAMP)),
    )
    newest = events.group_by(c.PERSON_ID, use_threads=False).aggregate([(c.TIME, "max")])
    return newest.rename_columns([c.PERSON_ID, c.TIME]).cast(
        pa.schema([(c.PERSON_ID, pa.string()), (c.TIME, TIMESTAMP)])
    )


def ingestion_of(workspace: Workspace, run: Run) -> Run:
    """The ingestion that a run was made from.

    Raises:
        WorkspaceError: it is no longer in the workspace.
    """
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


def contacts_before(
    workspace: Workspace, scored: Run, folder: Path | None, *, as_of: datetime
) -> pa.Table | None:
    """Contacts that count against the caps: really made before the moment, or planned for it by campaigns of higher priority.

    Returns:
        Person, time and channel; None where there is no log, or one is not at hand.
    """
    limits = scored.manifest["config"]["frequency"]
    logs, ahead = limits.get("logs", ()), limits.get("ahead", ())
    if (logs or ahead) and folder is None:
        return None
    before = pa.scalar(as_of, TIMESTAMP)
    tables = []
    simulated = workspace.stored(SIMULATE, scored.manifest["inputs"].get(SIMULATE))
    if simulated is not None and limits.get("recorded", True):
        made = simulated.read(EXPOSURES)
        tables.append(made.filter(pc.invert(made[c.GHOST])).select(SENDS.names).cast(SENDS))
    if folder is not None and logs:
        identities = Identities.of(ingestion_of(workspace, scored))
        tables.append(sends([folder / name for name in logs], identities))
    tables = [table.filter(pc.less(table[c.TIME], before)) for table in tables]
    if folder is not None:
        tables += [_planned(folder / name) for name in ahead]
    return pa.concat_tables(tables) if tables else None


def _planned(path: Path) -> pa.Table:
    """Contacts that the decisions of another campaign plan, at their moment."""
    rows = read_parquet(path)
    first = rows.filter(pc.and_(rows[c.CONTACT], pc.equal(rows[c.RANK], 1)))
    return pa.table([first[c.PERSON_ID], first[c.AS_OF], first[c.CHANNEL]], schema=SENDS)
