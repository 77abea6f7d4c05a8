"""What is known of one person at the moment of decision, read from stored runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.config import validate
from features.erasure.erase import EXPORT
from features.erasure.tombstones import read_tombstones
from features.errors import InputError, WorkspaceError
from features.histories.histories import NO_CODE, microseconds
from features.project import Project
from features.provenance import file_hash
from features.run import Run
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from features.tables import (
    CATALOG,
    DECISIONS,
    EVENT_NAMES,
    EXPOSURES,
    PERSONS,
    TIMESTAMP,
    WATERFALL,
)
from serving.config import CampaignConfig
from serving.contact_log import contact_log
from serving.exports.facts import facts_of_now, known_ids
from serving.exports.recheck import person_rules
from serving.exports.suppressions import suppressed_persons
from serving.priority import contacts_ahead
from serving.score import SCORE
from serving.waterfall import apply_rules

HOURS_PER_DAY: Final = 24
PURCHASE: Final = "purchase"


@dataclass(frozen=True)
class Event:
    """Something a person did: what, with which item ("" = none), how many hours before the decision."""

    name: str
    item: str
    hours: float


@dataclass(frozen=True)
class Contact:
    """A contact that was made: by what, how many hours before the decision."""

    channel: str
    hours: float


@dataclass(frozen=True)
class Ahead:
    """What a campaign of higher priority plans for the person: its file, and the channel of its contact.

    `channel` is None where it plans none; `changed` where the file is no longer the one that the decision saw.
    """

    file: str
    channel: str | None
    changed: bool = False


@dataclass(frozen=True, eq=False)
class Known:
    """One person and what was decided.

    Attributes:
        person: id of today.
        as_of: the moment of decision.
        currency: of all money.
        campaign: as it was when it decided.
        facts: row of the persons table.
        decision: rows of the decisions table, by rank.
        rules: names of the person rules, in order.
        events: oldest first.
        contacts: oldest first; None = there is no log.
        ahead: campaigns of higher priority, in the declared order.
        titles: of the items met, by id.
        dropped: the rule that keeps the person out when asked again for the export, "" = none does; None = not exported.
    """

    person: str
    as_of: datetime
    currency: str
    campaign: CampaignConfig
    facts: Mapping[str, Any]
    decision: tuple[Mapping[str, Any], ...]
    rules: tuple[str, ...]
    events: tuple[Event, ...]
    contacts: tuple[Contact, ...] | None
    ahead: tuple[Ahead, ...]
    titles: Mapping[str, str]
    dropped: str | None

    @property
    def first(self) -> Mapping[str, Any]:
        """The first row of the decision, which holds what is true of all."""
        return self.decision[0]

    @property
    def reason(self) -> str:
        """The rule that removed the person, or what became of them."""
        code: str = self.first[c.REASON_CODES].partition(";")[0]
        return code

    def hours_since(self, name: str | None) -> float | None:
        """Hours since the last event of a name, or of any; None = there is none."""
        return next((e.hours for e in reversed(self.events) if name in {None, e.name}), None)

    def counts(self) -> Counter[str]:
        """Events by name."""
        return Counter(event.name for event in self.events)


class Erased(Exception):  # noqa: N818 - no error: it is what there is to say
    """The person was erased; nothing about them is kept."""


def look_up(project: Project, asked: str) -> Known:
    """Everything stored about a person.

    Args:
        project: whose decisions in force.
        asked: person id, login, or an id of an earlier day.

    Raises:
        InputError: nobody is known by this id; no other id is shown.
        Erased: the person was erased.
        WorkspaceError: nothing has been decided, or not yet about this person.
    """
    workspace = project.workspace
    scored = workspace.current(SCORE)
    ingested = _behind(project, scored, INGEST)
    person = _person(project, ingested, asked)
    facts = _row(ingested.read(PERSONS), person)
    if facts[c.ERASED]:
        raise Erased
    decision = _of(scored.read(DECISIONS), person).sort_by(c.RANK).to_pylist()
    if not decision:
        raise WorkspaceError(
            str(scored.path),
            "holds no decision about this person",
            rule="a person known now is decided about at the next scoring",
            next_step="Run 'retarget score' again.",
        )
    as_of: datetime = decision[0][c.AS_OF]
    campaign = validate(CampaignConfig, scored.manifest["config"], subject=str(scored.path))
    events = _events(_behind(project, scored, FEATURES), person, as_of)
    waterfall = scored.read(WATERFALL).to_pylist()
    return Known(
        person=person,
        as_of=as_of,
        currency=project.config.currency,
        campaign=campaign,
        facts=facts,
        decision=tuple(decision),
        rules=tuple(row[c.RULE] for row in waterfall if row[c.LEVEL] == "person"),
        events=events,
        contacts=_contacts(project, scored, ingested, campaign, person, as_of),
        ahead=tuple(
            _ahead(project, scored, name, person, as_of) for name in campaign.frequency.ahead
        ),
        titles=_titles(ingested, {event.item for event in events}),
        dropped=_dropped(project, scored, person),
    )


def _behind(project: Project, scored: Run, step: str) -> Run:
    """The run that the decisions were made from."""
    found = project.workspace.stored(step, scored.manifest["inputs"][step])
    if found is None:
        raise WorkspaceError(
            str(scored.path),
            f"was made from a run of '{step}' that is not in the workspace",
            rule="a decision is explained by the facts it was made from",
            next_step="Run 'retarget score' again.",
        )
    return found


def _person(project: Project, ingested: Run, asked: str) -> str:
    known = known_ids(ingested)
    person = known.resolve({c.PERSON_ID: asked, c.USER_ID: asked})
    if person is not None:
        return person
    stones = read_tombstones(project.workspace)
    if stones is not None and any(stones.covers(kind, asked) for kind in (c.PERSON_ID, c.USER_ID)):
        raise Erased
    raise InputError(
        f"person '{asked}'",
        "is not known",
        rule=f"{len(known.persons):,} persons are known by person id or login",
        next_step="Check the id: capitals and leading zeros count.",
    )


def _events(features: Run, person: str, as_of: datetime) -> tuple[Event, ...]:
    histories = load_histories(features)
    view = histories.as_of(histories.person_rows(pa.array([person])), microseconds(as_of))
    row, position = view.events()
    hours = view.age_days(row, position) * HOURS_PER_DAY
    items = histories.item[position]
    return tuple(
        Event(EVENT_NAMES[name], "" if item == NO_CODE else str(histories.item_ids[item]), float(age))
        for name, item, age in zip(histories.event[position], items, hours, strict=True)
    )  # fmt: skip


def _contacts(
    project: Project, scored: Run, ingested: Run, campaign: CampaignConfig, person: str, as_of: datetime
) -> tuple[Contact, ...] | None:  # fmt: skip
    frequency = campaign.frequency
    exposures = _behind(project, scored, SIMULATE).read(EXPOSURES) if frequency.recorded else None
    paths = [project.folder / name for name in frequency.logs]
    log = contact_log(exposures, paths, known_ids(ingested))
    if log is None:
        return None
    before = pc.less(log[c.TIME], pa.scalar(as_of, TIMESTAMP))
    own = _of(log.filter(pc.and_not(before, log[c.GHOST])), person).sort_by(c.TIME).to_pylist()
    return tuple(
        Contact(row[c.CHANNEL], (as_of - row[c.TIME]).total_seconds() / 3600) for row in own
    )


def _ahead(project: Project, scored: Run, name: str, person: str, as_of: datetime) -> Ahead:
    path = project.folder / name
    if not path.is_file() or file_hash(path) != scored.manifest["inputs"][name]:
        return Ahead(name, None, changed=True)
    planned = _of(contacts_ahead([path], as_of=as_of), person)[c.CHANNEL].to_pylist()
    return Ahead(name, planned[0] if planned else None)


def _titles(ingested: Run, items: set[str]) -> dict[str, str]:
    catalog = ingested.read(CATALOG)
    met = catalog.filter(pc.is_in(catalog[c.ITEM_ID], value_set=pa.array(sorted(items), pa.string())))  # fmt: skip
    return dict(zip(met[c.ITEM_ID].to_pylist(), met[c.TITLE].to_pylist(), strict=True))


def _dropped(project: Project, scored: Run, person: str) -> str | None:
    """What the export says when it asks again about a person."""
    workspace = project.workspace
    if not (workspace.root / EXPORT).is_dir():
        return None
    exported = workspace.current(EXPORT)
    if exported.manifest["inputs"][SCORE] != scored.run_id:
        return None
    ingested = _behind(project, exported, INGEST)
    lists = [(project.folder / name).resolve() for name in exported.manifest["config"]["suppressions"]]  # fmt: skip
    suppressed = suppressed_persons(lists, known_ids(ingested), as_of=project.config.as_of)
    now = facts_of_now(project, scored, ingested, suppressed=suppressed)
    rules = person_rules(pa.chunked_array([[person]]), now)
    verdict = apply_rules(rules, level="person", run_id="", among=np.ones(1, np.bool_))
    return str(verdict.rule[0])


def _of(table: pa.Table, person: str) -> pa.Table:
    return table.filter(pc.equal(table[c.PERSON_ID], person))


def _row(table: pa.Table, person: str) -> dict[str, Any]:
    row: dict[str, Any] = _of(table, person).to_pylist()[0]
    return row
