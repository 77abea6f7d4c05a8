"""The models of a project on its page."""

from __future__ import annotations

import pandas as pd
import pytest

from features import columns as c
from training.reports.project_models import uplift_section

CURVES = pd.DataFrame(
    {
        c.CONTRAST: "mail",
        c.TREATED_SHARE: [0.0, 1.0],
        c.GAIN: [0.0, 0.1],
        c.RANKED_BY: "uplift",
    }
)


def effect(value, low, high):
    return {"value": value, "low": low, "high": high}


@pytest.fixture
def metrics():
    test = {
        "n_rows": 1_200,
        "average_effect": {"value": 0.1},
        "qini": effect(0.02, 0.01, 0.03),
        "qini_over_baseline": effect(0.03, -0.01, 0.07),
        "bins": [
            {"bin": 1, "effect": effect(0.2, 0.1, 0.3), "score_mean": 0.25},
            {"bin": 7, "effect": effect(0.05, None, None), "score_mean": 0.01},
        ],
    }
    contrast = {"test": test, "outcome": "conversion", "learner": "t_learner"}
    return {"contrasts": {"mail": contrast}, "conventions": {"qini": "area per head"}}


def test_a_decile_without_interval_keeps_its_number_and_its_point(metrics):
    section = uplift_section(metrics, CURVES)
    assert "better than a random order: Qini +0.0200" in section["sentence"]
    assert "decile 7" in section["plots"][1]["chart"]
    assert section["convention"].startswith("Learner: t learner. Qini: area per head")


def test_a_ranking_without_interval_is_not_called_better(metrics):
    metrics["contrasts"]["mail"]["test"]["qini"] = effect(0.02, None, None)
    sentence = uplift_section(metrics, CURVES)["sentence"]
    assert "not distinguishable from a random order" in sentence
    assert "+0.0200 (too few outcomes for an interval)" in sentence
