"""Real trainings on flat files: the winner of one against the winner of the next."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from features.config import validate
from features.errors import InputError
from training.flat_recommender.config import FlatRecommenderConfig
from training.flat_recommender.train import train_flat_recommender
from training.models.registry import CHAMPION
from training.promotion.config import Limit, PromotionConfig, UpliftGate
from training.promotion.contests import flat_recommender_contest, flat_uplift_contest
from training.promotion.promote import decision_lines, promote_asked, promote_trained
from training.train_flat import train_flat
from training.uplift.config import UpliftTrainingConfig

POPULAR = {"kind": "recent_popular"}
TASTE = {"kind": "item_neighbours"}
DEFAULTS = PromotionConfig()


def write_table(folder, *, persons=120):
    rng = np.random.default_rng(3)
    pairs = [
        (f"p{person}", f"i{10 * (person % 2) + item}")
        for person in range(persons)
        for item in rng.permutation(10)[:6].tolist()
    ]
    pd.DataFrame(pairs, columns=["who", "what"]).to_csv(folder / "rows.csv", index=False)


def recommender(candidate, **changes):
    content = {
        "kind": "flat_recommender",
        "workspace": "out",
        "data": {"kind": "flat_table", "path": "rows.csv", "person": "who", "item": "what"},
        "split": {"kind": "random_by_item", "seeds": 2},
        "k": 3,
        "replicates": 200,
        "candidates": [candidate],
    }
    return validate(FlatRecommenderConfig, content | changes, subject="test")


def test_recommenders_on_one_file_are_compared_by_stored_values(tmp_path):
    write_table(tmp_path)
    for candidate, outcome in ((POPULAR, "first"), (TASTE, "promoted"), (POPULAR, "refused")):
        config = recommender(candidate)
        trained = train_flat_recommender(config, folder=tmp_path)
        contest = flat_recommender_contest(config, DEFAULTS, folder=tmp_path)
        (told,) = promote_trained(contest).json("promotion.json")
        assert told["outcome"] == outcome, told["reason"]
    assert [check["metric"] for check in told["checks"]] == ["ndcg", "recall", "reciprocal_rank"]
    found = json.loads((trained.path / "metrics.json").read_text())
    (stored,) = found["models"]
    assert told["checks"][0]["challenger"] == pytest.approx(
        stored["metrics"]["ndcg_at_3"]["estimate"]
    )
    # a new file: the settings in force are judged on it
    write_table(tmp_path, persons=140)
    train_flat_recommender(config, folder=tmp_path)
    decision = promote_trained(contest)
    assert "version 2 stays in force" in decision_lines(decision)[0]
    champion = contest.registry.with_alias("recommender", CHAMPION)
    assert json.loads((champion.bundle / "manifest.json").read_text())["kind"] == "item_neighbours"
    (tmp_path / "rows.csv").write_text("who,what\na,b\n")
    changed = recommender(POPULAR, k=4)
    with pytest.raises(InputError, match="is another file than the training read"):
        promote_asked(
            flat_recommender_contest(
                changed,
                PromotionConfig(flat_recommender={"seed": 1}),
                folder=tmp_path,
            )
        )


def uplift(learner, **changes):
    content = {
        "kind": "uplift",
        "workspace": "out",
        "data": {
            "kind": "flat_table",
            "path": "data.csv",
            "treatment": "arm",
            "control": "none",
            "treated": ["mail"],
            "outcomes": {"visit": "binary"},
            "features": ["age"],
            "probability": 0.5,
        },
        "target": "visit",
        "learner": learner,
        "evaluation_model": {"kind": "linear"},
        "economics": {"value": 1.0, "cost": 0.1, "currency": "USD"},
        "n_folds": 2,
    }
    return validate(UpliftTrainingConfig, content | changes, subject="test")


LINEAR = {"kind": "t_learner", "base": {"kind": "linear"}}
SHRUNK = {"kind": "t_learner", "base": {"kind": "linear", "penalty": 1e9}}
GATE = PromotionConfig(
    uplift=UpliftGate(
        primary=Limit(metric="qini_per_head", margin=0.1),
        guards=(
            Limit(metric="policy_value", margin=0.25),
            Limit(metric="calibration_error", margin=0.5),
        ),
    )
)


def test_uplift_models_are_compared_on_the_same_rows(tmp_path, uplift_file):
    uplift_file(tmp_path, 4_000)
    for learner, outcome in ((LINEAR, "first"), (SHRUNK, "refused")):
        config = uplift(learner)
        train_flat(config, folder=tmp_path)
        contest = flat_uplift_contest(config, GATE, folder=tmp_path)
        (told,) = promote_trained(contest).json("promotion.json")
        assert (told["model"], told["outcome"]) == ("uplift_mail", outcome), told["reason"]
    # one feature, so the order is the same; but effects shrunk to nothing are worth no contact
    qini, policy, _ = told["checks"]
    assert qini["difference"] == pytest.approx(0, abs=1e-9)
    assert (qini["passed"], policy["metric"]) == (True, "policy_value")
    assert policy["difference"] < 0
    # other rows: the learner in force is fitted on them; equal learners are not compared
    uplift_file(tmp_path, 4_000, seed=1)
    train_flat(config, folder=tmp_path)
    assert "version 1 stays" in decision_lines(promote_trained(contest))[0]
    same = uplift(LINEAR)
    train_flat(same, folder=tmp_path)
    again = promote_trained(flat_uplift_contest(same, GATE, folder=tmp_path))
    assert again.json("promotion.json")[0]["outcome"] == "promoted"


def test_another_outcome_is_another_model(tmp_path, uplift_file):
    uplift_file(tmp_path, 4_000)
    first = uplift(LINEAR)
    train_flat(first, folder=tmp_path)
    promote_trained(flat_uplift_contest(first, GATE, folder=tmp_path))
    other = first.model_copy(
        update={"data": first.data.model_copy(update={"outcomes": {"visit": "continuous"}})}
    )
    train_flat(other, folder=tmp_path)
    refused = promote_trained(flat_uplift_contest(other, GATE, folder=tmp_path))
    assert "predicts visit (continuous) of 'mail' over 'none'" in decision_lines(refused)[0]
