"""The uplift page shows the stored figures, escapes what came in, and says what it may not be used for."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest

from features.config import validate
from features.run import to_json
from training.fit_uplift import fit_uplift
from training.reports.model_card import card_text
from training.reports.uplift import model_card, uplift_page
from training.uplift.config import UpliftTrainingConfig

ARM = "<b>mail</b>"


@pytest.fixture(scope="module")
def result(uplift_trial):
    rows = uplift_trial(4_000)
    age = rows.features["age"]
    rows = replace(rows, features=pa.table({"age": age, "years": age}), arms=("none", ARM))
    small = {"kind": "lightgbm", "n_trees": 20, "min_child_rows": 50, "n_jobs": 1}
    content = {
        "kind": "uplift",
        "data": {
            "kind": "flat_table",
            "path": "data.csv",
            "treatment": "arm",
            "control": "none",
            "treated": [ARM],
            "outcomes": {"visit": "binary"},
            "features": ["age", "years"],
            "probability": 0.5,
        },
        "target": "visit",
        "learner": {
            "kind": "tuned",
            "trials": 2,
            "search_space": {
                "t": {"kind": "t_learner", "base": small, "base.n_trees": {"choices": [10, 20]}},
                "s": {"kind": "s_learner", "base": {"kind": "linear"}},
            },
            "outcome": small,
            "n_folds": 2,
            "n_jobs": 1,
        },
        "evaluation_model": small,
        "n_folds": 2,
        "repeats": 2,
        "economics": {"value": 2.0, "cost": 0.1, "currency": "EUR"},
    }
    return fit_uplift(rows, validate(UpliftTrainingConfig, content, subject="uplift.yaml"))


@pytest.fixture(scope="module")
def stored(result):
    metrics = json.loads(to_json(result.metrics()))
    return metrics, uplift_page(metrics, result.curves().to_pandas())


def test_every_section_is_there(stored):
    metrics, page = stored
    judged = metrics["contrasts"]["b_mail_b"]
    assert f"{judged['test']['qini']['value']:.5f}" in page
    assert judged["verdict"] in page
    for title in (
        "Best-ranked share",
        "Segments",
        "Worth in money",
        "What the score depends on",
        "Settings that were tried",
        "Learners that were tried",
        "Repeated splits",
        "Features left out",
        "Rankings beside each other",
        "Model card",
    ):
        assert f">{title}<" in page
    for caption in (
        "Qini curve",
        "Targeting curve",
        "Profit curve",
        "Calibration",
        "Treated share",
    ):
        assert page.count(f"<figcaption>{caption}") == 1
    assert page.count("<svg") == 6


def test_money_has_its_currency(stored):
    for text in (
        "value per row over contacting nobody, EUR",
        "profit per row at its best share, EUR",
        "value per row of contacting whoever is worth it, EUR",
        "Profit per row over contacting nobody, EUR",
    ):
        assert text in stored[1]


def test_names_from_outside_are_escaped(stored):
    assert ARM not in stored[1]
    assert "&lt;b&gt;mail&lt;/b&gt; against none" in stored[1]
    assert stored[1].count("<script") == 1  # the page's own


def test_a_comparison_without_randomisation_is_marked(stored):
    metrics = {**stored[0], "design": "observational"}
    assert "Observational" not in stored[1]
    card = model_card(metrics)
    assert card["Design"].startswith("Observational: the treatment was not drawn by lot.")
    assert "adjusted for the features" in card["Estimand"]
    assert "only a randomised test can show that" in card["Must not be used for"]


def test_the_card_names_population_estimand_and_limits(stored):
    card = model_card(stored[0])
    assert card["Population"] == f"4,000 rows assigned to '{ARM}' or 'none'"
    assert "intention to treat" in card["Estimand"]
    assert "claims of lift without a new randomised holdout" in card["Must not be used for"]
    text = card_text(model_card(stored[0]))
    assert text.startswith("# Model card\n\n## Population")


def test_the_explanation_finds_what_the_score_is_made_of(result):
    explained = result.contrasts[0].explanation
    assert explained.fidelity > 0.9
    assert [feature.feature for feature in explained.features] == ["age"]  # 'years' was a duplicate
    assert explained.features[0].direction > 0.5
    assert explained.features[0].share_low == explained.features[0].share_high == 1
