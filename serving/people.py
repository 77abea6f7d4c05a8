"""Everybody in the persons table, and what is known about them at the moment of decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from features import columns as c
from features.arrays import BoolArray, FloatArray, TextArray
from features.consent import contactable
from features.project import Project
from features.run import Run
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from features.tables import ASSIGNMENTS, CATALOG, EXPOSURES, PERSONS
from serving.config import CampaignConfig
from serving.contact_log import contact_log
from serving.exports.facts import known_ids
from serving.exports.person_lists import KnownIds
from serving.frequency import NotEnforced, contacts_left, not_enforced
from serving.priority import contacts_ahead

_NOBODY: Final = KnownIds(frozenset(), {}, None)


@dataclass(frozen=True, eq=False)
class People:
    """n persons, and what is known about them.

    Attributes:
        project: whose persons.
        ids: shape (n,).
        consented: consent to personalised advertising, shape (n,).
        persons: the persons table, n rows.
        ingested: run with the facts.
        snapshot_id: of the catalog.
        log: past contacts by any channel; None = there is no log.
        contacts_left: what the caps leave by channel, shape (n, n_channels).
        shared_left: what campaigns of higher priority leave of that.
        not_enforced: limits that the log does not allow to apply.
        reach: share of contacts that reach their person, 0 to 1.
    """

    project: Project
    ids: TextArray
    consented: BoolArray
    persons: pa.Table
    ingested: Run
    snapshot_id: str
    log: pa.Table | None
    contacts_left: FloatArray
    shared_left: FloatArray
    not_enforced: list[NotEnforced]
    reach: float

    @property
    def prices_hidden(self) -> bool:
        """Whether the feed is too old for its prices to be shown."""
        feed = self.ingested.manifest["figures"].get("feed")
        return bool(feed and feed["freshness"]["hide_prices"])


def load_people(project: Project, config: CampaignConfig, runs: Mapping[str, Run]) -> People:
    """Read what earlier steps stored.

    Args:
        project: whose persons.
        config: caps, logs and sequence.
        runs: of the steps ingest and simulate.

    Raises:
        InputError: a send log cannot be read whole, or a campaign ahead decides for another moment.
    """
    as_of = project.config.as_of
    ingested = runs[INGEST]
    persons, exposures = ingested.read(PERSONS), runs[SIMULATE].read(EXPOSURES)
    ids = persons[c.PERSON_ID].to_numpy().astype(object)
    log = contact_log(
        exposures if config.frequency.recorded else None,
        [project.folder / name for name in config.frequency.logs],
        known_ids(ingested) if config.frequency.logs else _NOBODY,
    )
    channels = config.delivered_by()
    ahead = contacts_ahead([project.folder / name for name in config.frequency.ahead], as_of=as_of)
    left = contacts_left(log, ids, channels, config.frequency, as_of=as_of)
    return People(
        project=project,
        ids=ids,
        consented=contactable(persons, as_of),
        persons=persons,
        ingested=ingested,
        snapshot_id=ingested.read(CATALOG)[c.SNAPSHOT_ID][0].as_py(),
        log=log,
        contacts_left=left,
        shared_left=contacts_left(log, ids, channels, config.frequency, as_of=as_of, ahead=ahead)
        if ahead.num_rows
        else left,
        not_enforced=not_enforced(log, config.frequency),
        reach=_share_reached(runs[SIMULATE].read(ASSIGNMENTS), exposures),
    )


def _share_reached(assignments: pa.Table, exposures: pa.Table) -> float:
    """Share of past assignments, in either arm, that an impression or ghost impression followed."""
    return float(exposures.num_rows / max(assignments.num_rows, 1))
