"""A whole project: found finished when run again, the same bytes elsewhere, and after a kill at any moment."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from features.errors import ConfigError
from features.project import Project
from features.provenance import file_hash
from features.steps.ingest import INGEST
from serving.plans import plan_project, plan_report, plan_train
from serving.report import REPORT
from serving.score import SCORE
from training.steps import TRAIN_RECOMMENDER

RETARGET = str(Path(sys.executable).with_name("retarget"))


def decisions_hash(folder):
    return file_hash(Project(folder).workspace.current(SCORE).path / "decisions.parquet")


def page_hash(folder):
    return file_hash(Project(folder).workspace.current(REPORT).path / "report.html")


def test_a_finished_project_is_not_computed_again(finished_project):
    runs = [job.carry_out() for job in plan_project(finished_project, []).jobs]
    assert all(run.reused for run in runs)


def test_killed_twice_and_finished_at_another_place_it_gives_the_same_bytes(
    project_folder, finished_project
):
    workspace = Project(project_folder).workspace.root
    for step in (INGEST, TRAIN_RECOMMENDER):
        process = subprocess.Popen(
            [RETARGET, "run", str(project_folder)], stdout=subprocess.DEVNULL
        )
        while not (workspace / step / "current").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)  # in the middle of the next step
        process.wait()
        for manifest in workspace.glob("*/[!.]*/manifest.json"):
            assert manifest.read_text().endswith("}\n")
    for job in plan_project(project_folder, []).jobs:
        job.carry_out()
    assert decisions_hash(project_folder) == decisions_hash(finished_project)
    assert page_hash(project_folder) == page_hash(finished_project)


def test_a_run_that_stops_leaves_the_last_good_output(finished_project, tmp_path):
    folder = shutil.copytree(finished_project, tmp_path / "copy", symlinks=True)
    before = decisions_hash(folder)
    plan = plan_project(folder, ["project.source.max_reject_rate=0.01"])
    with pytest.raises(Exception, match="rows were refused"):
        plan.jobs[0].carry_out()
    assert decisions_hash(folder) == before


def test_every_config_is_checked_before_anything_is_written(project_folder):
    with pytest.raises(
        ConfigError, match=r"campaign.yaml: 'budget.amout': unknown key, did you mean 'amount'"
    ):
        plan_project(project_folder, ["campaign.budget.amout=3"])
    assert not (project_folder / "out").exists()


@pytest.mark.parametrize("override", ["budget.amount=3", "campain.budget.amount=3", "campaign"])
def test_an_override_of_a_project_names_its_file(project_folder, override):
    with pytest.raises(ConfigError, match="does not start with a config file of the project"):
        plan_project(project_folder, [override])


def test_a_training_config_needs_a_known_kind(project_folder):
    path = project_folder / "experiment.yaml"
    with pytest.raises(
        ConfigError, match="'kind' is 'overlay'; a training config has kind: recommender"
    ):
        plan_train(path, [])


def test_a_project_step_wants_the_project_file(project_folder):
    with pytest.raises(ConfigError, match=r"is not a project\.yaml"):
        plan_report(project_folder / "campaign.yaml", [])
