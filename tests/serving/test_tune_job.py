"""The trainings of a project, tuned on its own histories and campaign."""

from __future__ import annotations

import shutil

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from features.config import load_config
from serving.tune_job import plan_tune
from training.project_recommender.config import RecommenderTrainingConfig
from training.recommenders.registry import load
from training.uplift.config import UpliftTrainingConfig
from training.uplift.model import UpliftModel

RECOMMENDER = """
kind: tune
training: recommender.yaml
overrides: [validation_weeks=2, baseline=buy_again]
trials: 2
search_space:
  buy_again: {half_life_days: {low: 10, high: 100}}
  recent_popular: {popular_window_days: {low: 7, high: 60}}
"""
UPLIFT = """
kind: tune
training: uplift.yaml
trials: 2
parts: 2
search_space:
  flat: {kind: t_learner, base: {kind: linear}, base.penalty: {low: 1.0e+5, high: 1.0e+6}}
  steep: {kind: t_learner, base: {kind: linear}, base.penalty: {low: 10, high: 100}}
"""


@pytest.fixture
def project(tmp_path, finished_project):
    """A copy of a finished project, to write into."""
    return shutil.copytree(finished_project, tmp_path / "project", symlinks=True)


def _tuned(project, text):
    (project / "tune.yaml").write_text(text)
    plan = plan_tune(project / "tune.yaml", [], console=Console(quiet=True))
    run = plan.jobs[0].carry_out()
    (project / "tuned.yaml").write_text((run.path / "tuned.yaml").read_text())
    assert plan.jobs[0].carry_out().reused
    return run


def test_the_recommenders_of_a_project(project):
    run = _tuned(project, RECOMMENDER)
    assert run.manifest["figures"]["trials"] == 4
    assert run.manifest["figures"]["champion"] == "buy_again"
    tuned = load_config(RecommenderTrainingConfig, project / "tuned.yaml")
    assert load(run.path / "bundle").config == tuned.candidates[0]
    assert tuned.validation_weeks == 2
    assert run.json("metrics.json")["test"]["champion"] == "buy_again"


def test_the_uplift_learner_of_a_project(project):
    run = _tuned(project, UPLIFT)
    trials = pq.read_table(run.path / "trials.parquet").to_pylist()
    assert [trial["entry"] for trial in trials] == ["flat"] * 2 + ["steep"] * 2
    champion = run.manifest["figures"]["champion"]
    best = max(trials, key=lambda trial: trial["value"])
    assert best["entry"] == champion
    tuned = load_config(UpliftTrainingConfig, project / "tuned.yaml")
    (bundle,) = (run.path / "bundle").iterdir()
    assert UpliftModel.load(bundle).config == tuned.learner
    assert run.manifest["figures"]["metric"].endswith(".qini_per_head")
