"""What an audit looks at: published files and the facts of their moments, read again from disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.erasure.tombstones import Tombstones, read_tombstones
from features.errors import InputError
from features.run import Run, read_parquet
from features.steps.items import stored
from features.store import Workspace
from features.tables import CREATIVES, WATERFALL
from serving.audit.contacts import ContactHashes, read_contact_hashes
from serving.audit.facts import Facts, contacts_before, ingestion_of, last_events, read_facts
from serving.audit.identities import Identities
from serving.audit.person_files import suppressed_persons
from serving.audit.published import Published, read_published

SCORE: Final = "score"
DECISIONS_FILE: Final = "decisions.parquet"
EXPORTS_FILE: Final = "exports.json"
PRICE_OF: Final = "price_of"
"""Which price an offer states: that of the `catalog`, or the `list` or `sale` price of the feed."""

_DECISION_COLUMNS: Final = (
    c.PERSON_ID, c.RANK, c.CONTACT, c.ELIGIBLE, c.ARM, c.PROBABILITY, c.ITEM_ID, c.PRICE, c.EXPECTED_COST, c.REASON_CODES,
    c.SNAPSHOT_ID, c.STAGE, c.CHANNEL, c.TARGETED, c.EXPLORED, c.GHOST, c.CHANCE_OF_CONTACT, c.PROPENSITY,
)  # fmt: skip
_OFFERS: Final = pa.schema(
    {c.FILE: pa.string(), c.LINE: pa.int64(), c.PERSON_ID: pa.string(), c.ITEM_ID: pa.string(), c.PRICE: pa.float64(),
     PRICE_OF: pa.string(), c.AVAILABILITY: pa.string()}
)  # fmt: skip
_NAMED: Final = pa.schema({c.FILE: pa.string(), c.LINE: pa.int64(), c.PERSON_ID: pa.string()})


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
        creatives: what persons are shown, with file and line; None = the run made no creatives.
        limits: config that scoring recorded.
        contacts: what counts against the caps, see `contacts_before`.
        last_events: person and time of the last event of whoever is contacted; None = times of contact have no limits.
        exported: the export made from the decisions; None = there is none.
        files: its files.
        told: its exports.json.
        suppressed: persons on a suppression list in force; None = the lists are not at hand.
        contact_hashes: contacts of the client, hashed; None = not at hand, or there are none.
        tombstones: who was erased from the workspace.
    """

    scored: Side
    decisions: pa.Table
    creatives: pa.Table | None
    limits: Mapping[str, Any]
    contacts: pa.Table | None
    last_events: pa.Table | None
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
    facts = read_facts(workspace, scored, limits)
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
        creatives=_creatives(scored),
        limits=limits,
        contacts=contacts_before(workspace, scored, folder, as_of=facts.as_of),
        last_events=last_events(workspace, scored, side.targeted[c.PERSON_ID], before=facts.as_of)
        if limits["frequency"].get("timing")
        else None,
        exported=None if left is None else left[0],
        files=() if left is None else left[1],
        told={} if exported is None else exported.json(EXPORTS_FILE),
        suppressed=None if left is None else left[2],
        contact_hashes=None if left is None else left[3],
        tombstones=read_tombstones(workspace),
    )


def _creatives(scored: Run) -> pa.Table | None:
    table = stored(scored, CREATIVES)
    return None if table is None else _with_places(table, f"{SCORE}/{CREATIVES.name}.parquet")


def _exported(
    workspace: Workspace, run: Run, folder: Path | None, limits: Mapping[str, Any]
) -> tuple[Side, tuple[Published, ...], frozenset[str] | None, ContactHashes | None]:
    facts = read_facts(workspace, run, limits)
    identities = Identities.of(ingestion_of(workspace, run))
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
    lines = pa.array(np.arange(1, table.num_rows + 1))
    placed = table.append_column(c.FILE, _constant(file, table.num_rows))
    return placed.append_column(c.LINE, lines)


def _constant(text: str, length: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), length)


def _table(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema)  # fmt: skip
