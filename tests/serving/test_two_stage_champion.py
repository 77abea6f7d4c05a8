"""A two-stage model in force: the nightly job, the report and the export need not know what kind of model it is."""

from __future__ import annotations

import pyarrow.compute as pc
import pytest

from features import columns as c
from features.project import Project
from features.tables import DECISIONS
from serving.plans import plan_project
from serving.score import SCORE
from training.steps import METRICS, TRAIN_RECOMMENDER

RECOMMENDER = """
kind: recommender
trials: 1
test_weeks: 2
minimum_interactions: 100
replicates: 200
baseline: best_single
candidates:
  - {kind: recent_popular}
  - kind: two_stage
    sources: [{model: {kind: buy_again}}, {model: {kind: basket_share}}]
    learning: {max_calibration_error: 0.2}
    booster: {n_trees: 20, min_child_rows: 50, n_jobs: 1}
"""


@pytest.fixture
def workspace(project_folder):
    (project_folder / "recommender.yaml").write_text(RECOMMENDER)
    for job in plan_project(project_folder, []).jobs:
        job.carry_out()
    return Project(project_folder).workspace


def test_it_is_champion_calibrated_and_scored_with(workspace):
    metrics = workspace.current(TRAIN_RECOMMENDER).json(METRICS)
    assert (metrics["champion"], metrics["baseline"]) == ("two_stage", "recent_popular")
    reliability = metrics["champion_figures"]["reliability"]
    assert reliability["error"]["low"] <= reliability["error"]["estimate"] <= 0.2
    assert sum(part["candidates"] for part in reliability["table"]) > 100
    decisions = workspace.current(SCORE).read(DECISIONS)
    with_item = decisions.filter(pc.is_valid(decisions[c.ITEM_ID]))
    assert with_item.num_rows > 100
