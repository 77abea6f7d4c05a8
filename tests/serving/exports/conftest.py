"""Small facts for exports, and a workspace with an ingestion and decisions written by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pyarrow as pa
import pytest

from features import columns as c
from features.config import BaseConfig
from features.contracts import check
from features.feed_tables import FEED_ITEMS
from features.project import Project
from features.steps.ingest import INGEST
from features.tables import CATALOG, DECISIONS, EVENTS, PERSONS
from serving.exports.contacts import FIELDS, Contacts
from serving.exports.facts import ExportFacts, FeedNow
from serving.exports.person_lists import KnownIds
from serving.exports.recheck import Now, recheck
from serving.score import SCORE

AS_OF = datetime(2017, 12, 25, tzinfo=UTC)
HOLDOUT_CONFIG = {"share": 0.000001, "salt": "small"}
LIMITS = {
    "recent_purchase_hours": 48.0,
    "just_bought_days": 7.0,
    "blocked_categories": ["TOBACCO"],
    "require_price": True,
}


def filled(contract, rows):
    """Rows of a table with everything that is not said filled with something harmless."""
    complete = [
        {column.name: row.get(column.name, _harmless(column)) for column in contract.columns}
        for row in rows
    ]
    return check(pa.Table.from_pylist(complete, schema=contract.schema), contract, source="test")


def _harmless(column):
    if column.nullable:
        return None
    if column.values:
        return column.values[0]
    if pa.types.is_timestamp(column.type):
        return AS_OF
    if pa.types.is_boolean(column.type):
        return False
    if pa.types.is_string(column.type):
        return "-"
    return column.low or 0


def decision(person, rank=1, item="i1", **more):
    """A row of a person to contact."""
    row = {
        c.RUN_ID: "r",
        c.PERSON_ID: person,
        c.RANK: rank,
        c.CONTACT: True,
        c.ELIGIBLE: True,
        c.ARM: "targetable",
        c.PROBABILITY: 0.9,
        c.ITEM_ID: item,
        c.TITLE: None if item is None else item.upper(),
        c.PRICE: 2.5,
        c.CURRENCY: "USD",
        c.SCORE: 1.0 / rank,
        c.RECO_KIND: "discover",
        c.STAGE: "browse",
        c.MESSAGE: "Hello",
        c.EXPECTED_VALUE: 1.0,
        c.BID_MODIFIER: 1.0,
        c.VARIANT: None,
        c.REASON_CODES: "contacted",
        c.SNAPSHOT_ID: "s1",
    }
    return {**row, **more}


def person(name, **more):
    """A person who consented long ago."""
    row = {c.PERSON_ID: name, c.CONSENT_PERSONALISATION: True, c.CONSENT_SINCE: AS_OF - timedelta(days=99)}  # fmt: skip
    return {**row, **more}


def item(name, **more):
    """A catalog item in stock."""
    row = {
        c.SNAPSHOT_ID: "s1",
        c.ITEM_ID: name,
        c.TITLE: name.upper(),
        c.CATEGORY: "FOOD",
        c.PRICE: 2.5,
        c.CURRENCY: "USD",
        c.AVAILABILITY: "in_stock",
    }
    return {**row, **more}


def feed_item(name, **more):
    """A feed item with everything that Merchant Center and Meta want."""
    row = {
        c.ITEM_ID: name,
        c.TITLE: f"Item {name}",
        c.DESCRIPTION: f"About {name}",
        c.LINK: f"https://shop.example/{name}",
        c.IMAGE_LINK: f"https://shop.example/{name}.jpg",
        c.CATEGORY: "Food",
        c.PRODUCT_TYPE: "Food",
        c.BRAND: "Own",
        c.CONDITION: "new",
        c.PRICE: 12.5,
        c.CURRENCY: "EUR",
        c.AVAILABILITY: "in_stock",
    }
    return {**row, **more}


def contact(**fields):
    return {name: fields.get(name, "") for name in FIELDS}


def now_of(persons, catalog, **more):
    """The facts of now."""
    purchases = pa.table(
        {
            c.PERSON_ID: pa.array([], pa.string()),
            c.ITEM_ID: pa.array([], pa.string()),
            c.TIME: pa.array([], EVENTS.schema.field(c.TIME).type),
        }
    )
    facts = {
        "as_of": AS_OF,
        "persons": filled(PERSONS, persons),
        "catalog": filled(CATALOG, catalog),
        "held_items": pa.array([], pa.string()),
        "purchases": purchases,
        "suppressed": frozenset(),
        **LIMITS,
        "blocked_categories": tuple(LIMITS["blocked_categories"]),
    }
    return Now(**{**facts, **more})


def facts_of(decisions, *, catalog=None, feed=None, contacts=None, users=None, **more):
    """Export facts of decisions that nothing speaks against."""
    names = sorted({row[c.PERSON_ID] for row in decisions})
    items = sorted({row[c.ITEM_ID] for row in decisions if row[c.ITEM_ID] is not None})
    catalog = catalog or [item(name) for name in items]
    now = now_of([person(name) for name in names], catalog)
    eligible = recheck(filled(DECISIONS, decisions), now, run_id="x")
    facts = {
        "as_of": AS_OF,
        "currency": "USD",
        "eligible": eligible,
        "segments": {},
        "excluded": {},
        "known": KnownIds(frozenset(names), {}, users),
        "contacts": None if contacts is None else Contacts(contacts, 0, "1"),
        "catalog": now.catalog,
        "held_items": now.held_items,
        "feed": None if feed is None else FeedNow(filled(FEED_ITEMS, feed), 0, "retail", False),
        "blocked_categories": now.blocked_categories,
    }
    return ExportFacts(**{**facts, **more})


class Handmade(BaseConfig):
    """Config of a run written by a test."""

    holdout: dict[str, float | str] = HOLDOUT_CONFIG
    eligibility: dict[str, float | bool | list[str]] = LIMITS
    version: int = 0


PROJECT = """
name: handmade
workspace: out
as_of: 2017-12-25
currency: USD
source: {kind: complete_journey, folder: nowhere}
"""


class Workshop:
    """A project folder with runs written by hand; `version` makes a run another one."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        (folder / "project.yaml").write_text(PROJECT)
        self.project = Project(folder)

    def at(self, as_of):
        (self.folder / "project.yaml").write_text(PROJECT.replace("2017-12-25", as_of))
        self.project = Project(self.folder)

    def ingest(self, persons, catalog, *, events=(), extra=(), figures=None, version=0):
        rows = [(PERSONS, persons), (CATALOG, catalog), (EVENTS, events)]
        tables = [(contract, filled(contract, list(found))) for contract, found in rows]
        return self._run(INGEST, [*tables, *extra], version, figures or {}, {})

    def score(self, decisions, *, version=0, holdout=HOLDOUT_CONFIG):
        table = filled(DECISIONS, decisions)
        return self._run(SCORE, [(DECISIONS, table)], version, {}, holdout)

    def _run(self, step, tables, version, figures, holdout):
        config = Handmade(version=version, holdout=holdout)
        with self.project.workspace.writing(
            step, config=config, inputs={}, layer="serving", figures=figures
        ) as writer:
            for contract, table in tables:
                writer.table(table, contract, source="test")
        return self.project.workspace.current(step)


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path / "project")


@pytest.fixture(scope="session")
def make():
    """The builders of this file, by name."""
    return SimpleNamespace(
        as_of=AS_OF,
        filled=filled,
        decision=decision,
        person=person,
        item=item,
        feed_item=feed_item,
        contact=contact,
        now=now_of,
        facts=facts_of,
    )
