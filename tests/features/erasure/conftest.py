"""A small workspace with every kind of file that names persons, their ids long enough to be searched for as text."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from features.config import BaseConfig
from features.histories.histories import Histories
from features.run import RunWriter
from features.store import Workspace
from features.tables import EVENTS, IDENTITIES, PERSON_MERGES, REVERSALS

AT = datetime(2026, 3, 1, tzinfo=UTC)


class Config(BaseConfig):
    version: int = 1


def events(*rows):
    """Events of (event id, person, user, anonymous, item)."""
    full = [
        {
            "event_id": event, "event_name": "view", "time": AT, "anonymous_id": anonymous, "user_id": user,
            "person_id": person, "item_id": item, "source": "test", "line": 1,
        }
        for event, person, user, anonymous, item in rows
    ]  # fmt: skip
    return pa.Table.from_pylist(full, schema=EVENTS.schema)


EVENT_ROWS = (
    ("e1", "person-ada", "ada@mail.example", None, "i1"),
    ("e2", "person-ada", "ada@mail.example", "cookie-ada-1", "i2"),
    ("e3", "person-bob", "bob@mail.example", "cookie-bob-1", "i1"),
    ("e4", "person-ada", None, "cookie-ada-2", "i1"),
    ("e5", "person-eve", "eve@mail.example", None, "i3"),
)

DECISIONS = pa.table(
    {
        "person_id": ["person-ada", "person-bob", "person-eve", "person-ada"],
        "title": ["plain", 'with "quotes",\nand lines', "=formula", "\u2028"],
        "score": [0.1, 0.2, 0.3, 1 / 3],
    }
)


def write_ingest(writer: RunWriter, figures):
    table = events(*EVENT_ROWS)
    writer.table(table, EVENTS, source="test")
    identities = [
        ("anonymous:cookie-ada-1", "person-ada", False),
        ("anonymous:cookie-bob-1", "person-bob", False),
        ("anonymous:shared-terminal", "person-bob", True),
        ("user:ada@mail.example", "person-ada", False),
        ("user:bob@mail.example", "person-bob", False),
    ]
    rows = [
        {"identity": identity, "person_id": person, "first_seen": AT, "quarantined": shared}
        for identity, person, shared in identities
    ]
    writer.table(pa.Table.from_pylist(rows, schema=IDENTITIES.schema), IDENTITIES, source="test")
    merges = pa.table([["person-ada-younger"], ["person-ada"]], schema=PERSON_MERGES.schema)
    writer.table(merges, PERSON_MERGES, source="test")
    reversals = pa.table(
        [["e2", "e3"], ["e1", "e3"], [1.0, 1.0], [1.0, None]], schema=REVERSALS.schema
    )
    writer.table(reversals, REVERSALS, source="test")
    writer.parquet("catalog", pa.table({"item_id": ["i1", "i2", "i3"]}))
    figures["events"] = table.num_rows


def write_features(writer: RunWriter, figures):
    histories = Histories.from_events(events(*EVENT_ROWS))
    writer.arrays("histories", histories.arrays())
    writer.parquet("person_ids", pa.table({"person_id": histories.person_ids}))
    writer.parquet("item_ids", pa.table({"item_id": histories.item_ids}))


def write_score(writer: RunWriter, figures):
    writer.parquet("decisions", DECISIONS)
    writer.csv("decisions.csv", DECISIONS)
    lines = [
        json.dumps({"user_id": user, "n": n}) for n, user in enumerate(["ada@mail.example", "x"])
    ]
    writer.text("list.jsonl", "\n".join(lines) + "\n")
    writer.json("notes.json", {"rows": 4})


def write_report(writer: RunWriter, figures):
    writer.text("report.html", "<p>person-ada bought i1</p>")


def write_measure(writer: RunWriter, figures):
    writer.json("lift.json", {"lift": 0.1})


STEPS = {
    "ingest": write_ingest,
    "features": write_features,
    "score": write_score,
    "report": write_report,
    "measure": write_measure,
}


def build(root):
    """Every step, run twice: the first run of each is superseded; and a tracked copy of the score run."""
    workspace = Workspace(root)
    for version in (1, 2):
        inputs = {}
        for step, write in STEPS.items():
            run = workspace.carry_out(
                step, write, config=Config(version=version), inputs=dict(inputs), layer="features"
            )
            inputs[step] = run.run_id
    copy = root / "mlartifacts" / "0f" / "artifacts"
    shutil.copytree(workspace.current("score").path, copy)
    shutil.copytree(workspace.current("measure").path, copy / "registered" / "lift")
    (root / "mlflow.db").write_bytes(b"SQLite format 3\x00" + bytes(np.arange(40, dtype=np.uint8)))
    leftover = root / "score" / ".partial-0000"
    leftover.mkdir()
    (leftover / "half.csv").write_text("person_id\nperson-ada\n")
    return workspace


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Read only."""
    return build(tmp_path_factory.mktemp("built"))


@pytest.fixture
def workspace(built, tmp_path):
    """A copy to erase from."""
    return Workspace(shutil.copytree(built.root, tmp_path / "space", symlinks=True))
