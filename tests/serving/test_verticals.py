"""Every vertical is a config: each runs on the same small data, with the rules and texts that make it that vertical."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.config import load_config
from features.feed_tables import FEED_ATTRIBUTES
from features.project import Project
from features.steps.ingest import INGEST
from features.tables import CATALOG, CREATIVES, DECISIONS, WATERFALL
from serving.config import CampaignConfig
from serving.score import score

FOLDER = Path(__file__).parents[2] / "configs" / "verticals"
SAID = {
    "rating": "4.5",
    "location": "Leipzig",
    "origin": "Oslo",
    "destination": "Rome",
    "plan": "Team",
}

EXPECTED = {
    "retail": ({"recent_refund", "too_early", "too_late"}, {"no_price"}, {"rated", "plain"}),
    "saas": ({"recent_support_case", "recent_cancel"}, set(), {"feature"}),
    "marketplace": ({"too_late"}, {"no_price"}, {"nearby", "listed"}),
    "education": ({"recent_lead"}, set(), {"course"}),
    "travel": ({"recent_cancel"}, {"no_price"}, {"route", "trip"}),
    "publisher": ({"too_early"}, {"seen"}, {"next_read"}),
    "lead_generation": ({"recent_lead"}, set(), {"offer"}),
}
"""Rules for persons, rules for items, and templates that a run of each vertical has."""


@pytest.fixture(scope="module")
def project(finished_project, tmp_path_factory):
    """The small shop, whose feed also says what SAID says of every item."""
    copy = tmp_path_factory.mktemp("verticals") / "project"
    project = Project(shutil.copytree(finished_project, copy, symlinks=True))
    ingested = project.workspace.current(INGEST)
    rows = [
        {c.ITEM_ID: item, c.ATTRIBUTE: name, c.ATTRIBUTE_VALUE: value}
        for item in ingested.read(CATALOG)[c.ITEM_ID].to_pylist()
        for name, value in SAID.items()
    ]
    table = pa.Table.from_pylist(rows, schema=FEED_ATTRIBUTES.schema)
    pq.write_table(table, ingested.path / f"{FEED_ATTRIBUTES.name}.parquet")
    manifest = json.loads((ingested.path / "manifest.json").read_text())
    manifest["tables"][FEED_ATTRIBUTES.name] = {}
    (ingested.path / "manifest.json").write_text(json.dumps(manifest))
    return project


def test_every_vertical_has_a_config():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(EXPECTED)


@pytest.mark.parametrize("vertical", sorted(EXPECTED))
def test_the_vertical_runs(project, vertical):
    run = score(project, load_config(CampaignConfig, FOLDER / f"{vertical}.yaml"))
    person_rules, item_rules, templates = EXPECTED[vertical]
    rules = {level: set() for level in ("person", "item")}
    for row in run.read(WATERFALL).to_pylist():
        rules[row[c.LEVEL]].add(row[c.RULE])
    assert person_rules <= rules["person"]
    assert item_rules <= rules["item"]
    if vertical in {"saas", "education", "publisher", "lead_generation"}:
        assert "no_price" not in rules["item"]
    decisions = run.read(DECISIONS)
    assert run.manifest["figures"]["contacted"] > 0
    assert decisions.num_rows > 0
    creatives = run.read(CREATIVES)
    used = set(creatives[c.TEMPLATE].to_pylist())
    assert used & templates, used
    headlines = set(creatives[c.HEADLINE].to_pylist())
    if vertical == "travel":
        assert "Oslo to Rome" in headlines


def test_a_person_is_not_offered_what_they_have(project):
    run = score(project, load_config(CampaignConfig, FOLDER / "saas.yaml"))
    shown = run.read(DECISIONS).to_pandas()
    shown = shown[shown[c.ITEM_ID].notna()]
    assert len(shown) > 0
    assert not shown[c.RECO_KIND].isin(["buy_again", "replenishment"]).any()
