"""Exports of the small shop, as part of a whole project: planned after scoring, true to the decisions, shown in the report."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from features import columns as c
from features.assignment import uniform
from features.erasure.erase import EXPORT
from features.errors import ConfigError
from features.project import Project
from features.tables import DECISIONS
from serving.cli import app
from serving.plans import plan_export, plan_project
from serving.report import PAGE, REPORT
from serving.score import SCORE

EXPORTS = """
kind: exports
exports:
  match: {kind: google_customer_match}
  ads: {kind: google_ads_feed}
  meta: {kind: meta_audience, split: stage, sizes: {minimum: 1000}}
  out: {kind: suppression_list}
  users: {kind: personalize}
  lists: {kind: item_lists}
  bids: {kind: bid_inputs}
"""


def test_the_export_comes_after_scoring_if_there_is_an_exports_yaml(project_folder):
    names = [job.name for job in plan_project(project_folder, []).jobs]
    assert "export" not in names
    (project_folder / "exports.yaml").write_text(EXPORTS)
    names = [job.name for job in plan_project(project_folder, ["exports.max_age_hours=1"]).jobs]
    assert names.index("export") == names.index("score") + 1
    (job,) = plan_export(project_folder / "exports.yaml", []).jobs
    assert job.name == "export"
    with pytest.raises(ConfigError, match="did you mean 'max_age_hours'"):
        plan_project(project_folder, ["exports.max_age=1"])


def test_dry_run(project_folder):
    (project_folder / "exports.yaml").write_text(EXPORTS)
    found = CliRunner().invoke(app, ["export", str(project_folder / "exports.yaml"), "--dry-run"])
    assert found.exit_code == 0
    assert found.stdout.startswith("[1/1] export: ask again who may be contacted")


@pytest.fixture(scope="module")
def exported(finished_project, tmp_path_factory):
    """The finished project with exports and the report written anew."""
    folder = tmp_path_factory.mktemp("exported") / "project"
    shutil.copytree(finished_project, folder, symlinks=True)
    (folder / "exports.yaml").write_text(EXPORTS)
    for job in plan_project(folder, []).jobs:
        job.carry_out()
    return Project(folder)


def test_files_hold_the_persons_to_contact_and_no_other(exported):
    workspace = exported.workspace
    decisions = workspace.current(SCORE).read(DECISIONS).to_pandas()
    contacted = set(decisions[decisions[c.CONTACT]][c.PERSON_ID])
    held = {p for p in decisions[c.PERSON_ID].unique() if uniform([p], salt="small")[0] < 0.2}
    run = workspace.current(EXPORT)
    assert contacted
    assert not contacted & held
    meta = {
        row[0]
        for path in run.path.glob("meta.*.jsonl")
        for line in path.read_text().splitlines()
        for row in json.loads(line)["data"]
    }
    assert meta == contacted
    lines = [json.loads(line) for line in (run.path / "lists.jsonl").read_text().splitlines()]
    with_items = decisions[decisions[c.CONTACT] & decisions[c.ITEM_ID].notna()]
    assert {(line[c.PERSON_ID], line[c.ITEM_ID]) for line in lines} == set(
        zip(with_items[c.PERSON_ID], with_items[c.ITEM_ID], strict=True)
    )
    assert held & {line.split(",")[1] for line in (run.path / "out.csv").read_text().splitlines()}
    told = run.json("exports.json")["recheck"]
    assert told["persons_dropped"] == {}
    assert told["item_rows_dropped"] == {}


def test_the_report_lists_the_files(exported):
    page = (exported.workspace.current(REPORT).path / PAGE).read_text()
    assert "What leaves: files for platforms" in page
    assert ">lists.jsonl<" in page
    assert "names no contacts file" in page
