"""The step writes what a client would deliver, the same bytes each time, and cleaning finds what was planted."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.project import Project
from features.simulate.store.config import DirtConfig, PeopleConfig, ShelfConfig, StoreConfig
from features.steps.ingest import ingest
from features.steps.store import simulate_store
from features.store import Workspace
from features.tables import DELIVERIES

CONFIG = StoreConfig(
    kind="store",
    seed=3,
    persons=300,
    first=datetime(2026, 1, 5, tzinfo=UTC),
    days=30,
    shelf=ShelfConfig(items=60, categories=6, brands=5),
    people=PeopleConfig(visits_per_day=0.3, cart=0.05),
    dirt=DirtConfig(
        duplicates=0.02,
        late=0.02,
        malformed=0.01,
        id_drift=0.3,
        id_drift_day=20,
        bots=2,
        feed_errors=0.1,
    ),
)

PROJECT = """
name: made_up
workspace: workspace
as_of: 2026-02-04
currency: EUR
source:
  kind: generic
  files: [workspace/store/current/files/events/*.parquet]
  currency: EUR
  time: {unit: microseconds}
  columns: {event_id: id, time: time, event_name: event, anonymous_id: visitor, user_id: account, item_id: item,
    quantity: quantity, price: price, transaction_id: order, consent_personalisation: consent}
item_ids: {min_match_rate: 0.5}
feed:
  file: workspace/store/current/files/feed.tsv
  generated_at: 2026-02-04
"""


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made_up")
    (folder / "project.yaml").write_text(PROJECT)
    return Project(folder), simulate_store(Workspace(folder / "workspace"), CONFIG)


@pytest.fixture(scope="module")
def planted(dirty):
    return json.loads((dirty[1].path / "truth" / "planted.json").read_text())


@pytest.fixture(scope="module")
def ingested(dirty):
    return ingest(dirty[0])


def files_of(run):
    return pa.concat_tables(
        pq.read_table(path) for path in sorted((run.path / "files" / "events").glob("*.parquet"))
    )


def test_the_files_hold_every_event_and_the_duplicates(dirty, planted):
    rows = files_of(dirty[1])
    assert rows.num_rows == planted["events"] + planted["bot_events"] + planted["duplicates"]
    repeated = Counter(rows["id"].to_pylist())
    assert sum(times == 2 for times in repeated.values()) == planted["duplicates"]


def test_an_id_is_one_event(dirty):
    rows = files_of(dirty[1]).to_pandas()
    assert len(rows.drop_duplicates()) == rows["id"].nunique()


def test_the_same_config_gives_the_same_bytes(dirty, tmp_path):
    again = simulate_store(Workspace(tmp_path), CONFIG)
    assert again.run_id == dirty[1].run_id
    assert again.manifest["files"] == dirty[1].manifest["files"]


def test_cleaning_finds_what_was_planted(ingested, planted):
    figures = ingested.manifest["figures"]
    refused = figures["rejects_by_reason"]
    assert refused["duplicate_event"] == planted["duplicates"]
    assert refused["bad_quantity"] == planted["malformed"]
    assert figures["feed"]["disapproved"] == planted["feed_errors"]
    others = {"duplicate_event", "bad_quantity", "unknown_transaction"}
    assert set(refused) <= others


def test_late_events_are_told_apart_when_days_come_one_by_one(dirty, tmp_path):
    files, begin = dirty[1].path / "files", CONFIG.first
    arrived = tmp_path / "workspace" / "store" / "current" / "files"
    shutil.copytree(files, arrived, ignore=shutil.ignore_patterns("*.parquet"))
    (tmp_path / "project.yaml").write_text(PROJECT)
    for day, path in enumerate(sorted((files / "events").iterdir())[:9]):
        shutil.copy(path, arrived / "events")
        if day < 7:
            continue  # the first delivery holds eight days
        now = begin + timedelta(days=day + 1)
        run = ingest(Project(tmp_path, overrides=[f"as_of={now:%Y-%m-%d}"]))
    deliveries = run.read(DELIVERIES).sort_by(c.FILE).to_pandas()
    came_late = []
    for day, path in enumerate(sorted((arrived / "events").iterdir())):
        begins = int((begin + timedelta(days=day)).timestamp() * 1e6)
        came_late.append(int((pq.read_table(path)["time"].to_numpy() < begins).sum()))
    assert sum(came_late[8:]) > 2
    assert deliveries[c.LATE].tolist() == [0] * 8 + came_late[8:]


def test_quality_finds_drift_and_bots(ingested, planted):
    checks = {check["name"]: check for check in ingested.json("quality.json")["checks"]}
    assert checks["item_id_drift"]["status"] == "alert"
    assert "2026-01-25" in json.dumps(checks["item_id_drift"])
    events = ingested.manifest["figures"]["events"]
    bots = checks["bot_like_persons"]["figure"]
    assert bots == pytest.approx(planted["bot_events"] / events)


def test_consent_is_what_the_person_had_said_by_then(dirty):
    rows = files_of(dirty[1]).to_pandas()
    people = pq.read_table(dirty[1].path / "truth" / "persons.parquet").to_pandas()
    bots = rows["visitor"].str.startswith("bot-")
    assert not rows.loc[bots, "consent"].any()
    rows = rows[~bots]
    person = people.loc[rows["visitor"].str.split("-").str[1].astype(int)]
    day = (rows["time"] - rows["time"].min()) // 86_400_000_000
    changed = day.to_numpy() >= person["consent_changes"].to_numpy()
    assert changed.any()
    assert (rows["consent"].to_numpy() == (person["consent"].to_numpy() != changed)).all()


def test_truth_is_apart_from_what_is_delivered(dirty):
    names = {path.name for path in (dirty[1].path / "files").rglob("*") if path.is_file()}
    assert not names & {"persons.parquet", "items.parquet", "planted.json"}
    people = pq.read_table(dirty[1].path / "truth" / "persons.parquet")
    assert people.num_rows == 300
