"""The campaign of a project as an experiment: the same lift as beside the planted truth, and what reaches persons."""

import numpy as np
import pytest

from features import columns as c
from features.config import validate
from features.project import Project
from features.steps.features import FEATURES
from features.steps.simulate import SIMULATE
from features.tables import EXPOSURES
from training.experiments.config import MeasureConfig
from training.experiments.measure_run import campaign_table, measure_project
from training.steps import MEASURE


@pytest.fixture(scope="module")
def project(finished_project):
    return Project(finished_project)


def test_the_lift_is_that_beside_the_planted_truth(project, monkeypatch, tmp_path):
    monkeypatch.setattr("training.experiments.measure_run.track_run", lambda *_, **__: None)
    truth = project.workspace.current(MEASURE).json("lift.json")
    config = validate(
        MeasureConfig,
        {
            "kind": "measure",
            "data": {"kind": "project", "experiment": truth["experiment_id"], "covariates": []},
            "outcomes": {
                "conversion": "binary",
                "revenue": "continuous",
                "margin": "continuous",
                "return_on_spend": {
                    "kind": "incremental_ratio", "numerator": "revenue", "denominator": "cost",
                },
            },
            "primary": ["conversion"],
            "attribution": {
                "conversion": "conversion", "viewed": "exposed", "days_to_conversion": "days_to_conversion",
                "click_days": 7, "view_days": 7,
            },
            "funnel": {"tier": "bought", "frequency": "impressions", "at_least": [0, 1]},
        },
        subject="test",
    )  # fmt: skip
    run = measure_project(project, config, config.data)
    found = run.json("lift.json")
    planted = {row["outcome"]: row["lift"]["effect"] for row in truth["outcomes"]}
    for effect in found["effects"]:
        assert effect["lift"]["effect"] == pytest.approx(planted[effect["outcome"]], abs=1e-12)
    page = (run.path / "report.html").read_text()
    assert "the campaign is simulated" in page
    assert "Feed and traffic: errors and mismatches" in page
    assert {level["tier"] for level in found["tiers"]} > {"all"}
    assert found["exposure"][0]["by_ghosts"]["share"] == pytest.approx(truth["share_reached"])


def test_no_control_row_is_exposed_or_costs_anything(project):
    workspace = project.workspace
    runs = workspace.current(FEATURES), workspace.current(SIMULATE)
    exposures = runs[1].read(EXPOSURES).to_pandas()
    table = campaign_table(*runs, exposures[c.EXPERIMENT_ID].iloc[0]).to_pandas()
    control = table[table[c.ARM] == "control"]
    assert control["exposed"].sum() == 0
    assert control[c.COST].sum() == 0
    assert control["impressions"].sum() == exposures[c.GHOST].sum()
    treated = table[table[c.ARM] != "control"]
    assert treated[c.COST].sum() == pytest.approx(exposures.loc[~exposures[c.GHOST], c.COST].sum())
    assert np.isfinite(table["impressions"]).all()
    assert (table["new_customer"] + table["returning_customer"] == table[c.CONVERSION]).all()
