"""Everything the exports are made from, gathered once: decisions, and the facts of now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features import columns as c
from features.assignment import HOLDOUT
from features.catalog.labels import with_labels
from features.catalog.profiles import Vertical
from features.contracts import TableContract, check
from features.errors import GateError, InputError
from features.feed_tables import FEED_ITEMS, FEED_LABELS, ITEM_SUPPRESSIONS
from features.project import Project
from features.run import Run, read_parquet_parts
from features.steps.ingest import INGEST
from features.store import Workspace
from features.tables import (
    CATALOG,
    DECISIONS,
    IDENTITIES,
    PERSON_MERGES,
    PERSONS,
    SEGMENTS,
    TIMESTAMP,
)
from serving.exports.contacts import Contacts
from serving.exports.person_lists import KnownIds
from serving.exports.recheck import ERASED, NO_CONSENT, NOT_KNOWN, Eligible, Now, person_rules
from serving.waterfall import apply_rules

_PURCHASE: Final = "purchase"
_ROWS_AT_ONCE: Final = 1 << 16
_EVERYONE: Final = pa.schema(
    [DECISIONS.schema.field(name) for name in (
        c.PERSON_ID, c.RANK, c.AS_OF, c.CONTACT, c.ELIGIBLE, c.ARM, c.REASON_CODES, c.SNAPSHOT_ID,
    )]
)  # fmt: skip
_SECRET: Final = (NOT_KNOWN, ERASED, NO_CONSENT)
"""Reasons whose persons no file may name."""


@dataclass(frozen=True, eq=False)
class FeedNow:
    """The product feed in force, as far as it may be shown.

    Attributes:
        items: the feed-items table with derived labels, without items held back.
        held_back: items left out.
        vertical: what kind of items these are.
        hide_prices: the feed is too old for its prices to be believed.
    """

    items: pa.Table
    held_back: int
    vertical: Vertical
    hide_prices: bool


@dataclass(frozen=True, eq=False)
class ExportFacts:
    """What an export may use.

    Attributes:
        as_of: the moment of export.
        currency: of all money.
        eligible: who and what may leave.
        segments: first segment of each person; a person in none has none.
        excluded: why each person is not contacted, of those whom a file may name.
        known: who is who.
        contacts: how to reach them; None = the client gives no contacts.
        catalog: the catalog in force.
        feed: the feed in force; None = the project has none.
        held_items: ids of items held back.
        blocked_categories: categories that are never advertised.
    """

    as_of: datetime
    currency: str
    eligible: Eligible
    segments: dict[str, str]
    excluded: dict[str, str]
    known: KnownIds
    contacts: Contacts | None
    catalog: pa.Table
    feed: FeedNow | None
    held_items: pa.Array
    blocked_categories: tuple[str, ...]

    @property
    def persons(self) -> list[str]:
        """Persons to contact, sorted."""
        ids: list[str] = self.eligible.people[c.PERSON_ID].to_pylist()
        return ids


def stored(run: Run, contract: TableContract) -> pa.Table | None:
    """A table of a run; None where it has none."""
    return run.read(contract) if contract.name in run.manifest["tables"] else None


@dataclass(frozen=True, eq=False)
class Decisions:
    """The decisions of a run, as far as an export looks at them.

    Attributes:
        contacts: all rows of the persons to contact.
        everyone: who, when, and what became of them, from the first row of everybody.
    """

    contacts: pa.Table
    everyone: pa.Table


def read_decisions(
    scored: Run, ingested: Run, workspace: Workspace, *, as_of: datetime, max_age_hours: float
) -> Decisions:
    """The decisions, if they may still be used and can be traced; some rows at a time are read into memory.

    Raises:
        InputError: they are of a moment to come, or cannot be read.
        GateError: they are too old, or their feed snapshot is not in the workspace.
        SchemaError: the contacts are no decisions.
    """
    decisions = _split(scored.path / f"{DECISIONS.name}.parquet")
    if decisions.everyone.num_rows:
        _require_in_force(decisions.everyone, scored, ingested, workspace, as_of, max_age_hours)
    return decisions


def _split(path: Path) -> Decisions:
    contacts, first = [DECISIONS.schema.empty_table()], [_EVERYONE.empty_table()]
    for rows in read_parquet_parts(path, rows_at_once=_ROWS_AT_ONCE):
        contacts.append(rows.filter(rows[c.CONTACT]))
        first.append(rows.filter(pc.equal(rows[c.RANK], 1)).select(_EVERYONE.names))
    everyone = pa.concat_tables(first, promote_options="permissive")
    table = pa.concat_tables(contacts, promote_options="permissive")
    return Decisions(check(table, DECISIONS, source=str(path)), everyone)


def _require_in_force(
    decisions: pa.Table,
    scored: Run,
    ingested: Run,
    workspace: Workspace,
    as_of: datetime,
    max_age_hours: float,
) -> None:
    decided: datetime = decisions[c.AS_OF][0].as_py()
    age = (as_of - decided) / timedelta(hours=1)
    if age < 0:
        raise InputError(
            "decisions",
            f"were made for {decided:%Y-%m-%d %H:%M}, the export is for {as_of:%Y-%m-%d %H:%M}",
            rule="an export looks at the facts at or after the decision",
            next_step="Set a later 'as_of' in project.yaml.",
        )
    if age > max_age_hours:
        raise GateError(
            "decisions",
            f"are {age:.0f} hours old",
            rule=f"no decision older than {max_age_hours:.0f} hours is exported; the last good export stays",
            next_step="Run 'retarget score' again, or raise 'max_age_hours'.",
        )
    _require_snapshot(decisions, scored, ingested, workspace)


def _require_snapshot(
    decisions: pa.Table, scored: Run, ingested: Run, workspace: Workspace
) -> None:
    earlier = workspace.stored(INGEST, scored.manifest["inputs"].get(INGEST))
    known = {
        snapshot
        for run in (ingested, earlier)
        if run is not None
        for snapshot in pc.unique(run.read(CATALOG)[c.SNAPSHOT_ID]).to_pylist()
    }
    missing = sorted(set(pc.unique(decisions[c.SNAPSHOT_ID]).to_pylist()) - known)
    if missing:
        raise GateError(
            "decisions",
            f"name feed snapshot {missing[0]}, which is not in the workspace",
            rule="what is exported can be traced to the feed it was chosen from",
            next_step="Run 'retarget score' again.",
        )


def facts_of_now(
    project: Project, scored: Run, ingested: Run, *, suppressed: frozenset[str]
) -> Now:
    """What the recheck looks at; its limits are those of the campaign that scored."""
    limits = scored.manifest["config"]["eligibility"]
    hours, days = float(limits["recent_purchase_hours"]), float(limits["just_bought_days"])
    held = stored(ingested, ITEM_SUPPRESSIONS)
    as_of = project.config.as_of
    return Now(
        as_of=as_of,
        persons=ingested.read(PERSONS),
        catalog=ingested.read(CATALOG),
        held_items=pa.array([], pa.string()) if held is None else pc.unique(held[c.ITEM_ID]),
        purchases=_purchases(ingested, as_of, max(timedelta(hours=hours), timedelta(days=days))),
        suppressed=suppressed,
        recent_purchase_hours=hours,
        just_bought_days=days,
        blocked_categories=tuple(limits["blocked_categories"]),
        require_price=bool(limits.get("require_price", True)),
    )


def _purchases(ingested: Run, as_of: datetime, back: timedelta) -> pa.Table:
    """Purchases in a window before a moment; only these rows are read into memory."""
    return pq.read_table(
        ingested.path / "events.parquet",
        columns=[c.PERSON_ID, c.ITEM_ID, c.TIME],
        filters=(pc.field(c.EVENT_NAME) == _PURCHASE)
        & (pc.field(c.TIME) >= pa.scalar(as_of - back, TIMESTAMP))
        & (pc.field(c.TIME) < pa.scalar(as_of, TIMESTAMP)),
    )


def known_ids(ingested: Run) -> KnownIds:
    """Who is who in an ingestion."""
    return KnownIds.of(
        ingested.read(PERSONS), stored(ingested, IDENTITIES), stored(ingested, PERSON_MERGES)
    )


def feed_now(project: Project, ingested: Run) -> FeedNow | None:
    """The feed in force; None = the project has none."""
    items, source = stored(ingested, FEED_ITEMS), project.config.feed
    if items is None or source is None:
        return None
    labels = stored(ingested, FEED_LABELS)
    held = ingested.read(ITEM_SUPPRESSIONS)[c.ITEM_ID]
    kept = items.filter(pc.invert(pc.is_in(items[c.ITEM_ID], value_set=pc.unique(held))))
    return FeedNow(
        items=kept if labels is None else with_labels(kept, labels),
        held_back=items.num_rows - kept.num_rows,
        vertical=source.vertical,
        hide_prices=bool(ingested.manifest["figures"]["feed"]["freshness"]["hide_prices"]),
    )


def excluded_persons(decisions: pa.Table, now: Now) -> dict[str, str]:
    """Why each person is not contacted: what speaks against it now, else what scoring said.

    Persons without consent, erased or unknown are not among them: no file may name them.
    """
    ids = now.persons[c.PERSON_ID]
    rules = person_rules(ids, now)
    everyone = pc.is_valid(ids).to_numpy()
    verdict = apply_rules(rules, level="person", run_id="", among=everyone).rule
    of_now = dict(zip(ids.to_pylist(), verdict.tolist(), strict=True))
    first = decisions.filter(pc.equal(decisions[c.RANK], 1))
    columns = (c.PERSON_ID, c.CONTACT, c.ELIGIBLE, c.ARM, c.REASON_CODES)
    decided = zip(*(first[name].to_pylist() for name in columns), strict=True)
    found: dict[str, str] = {}
    for person, contact, eligible, arm, codes in decided:
        reason = of_now.get(person, NOT_KNOWN)
        if reason in _SECRET:
            continue
        if not reason and arm == HOLDOUT:
            reason = HOLDOUT
        if not reason and not contact and not eligible:
            reason = codes.partition(";")[0]
        if reason:
            found[person] = reason
    return dict(sorted(found.items()))


def first_segments(project: Project, step: str) -> dict[str, str]:
    """The first segment of each person by the declared priority.

    Raises:
        WorkspaceError: segments have not been built.
    """
    members = project.workspace.current(step).read(SEGMENTS)
    chosen = members.filter(members[c.PRIMARY])
    return dict(zip(chosen[c.PERSON_ID].to_pylist(), chosen[c.SEGMENT].to_pylist(), strict=True))
