"""Trials of uplift learners look at training rows only, and know a real effect from none."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from features.config import validate
from training.fit_uplift import fit_uplift
from training.tuning import uplift as tune_uplift
from training.tuning.tune import Chosen
from training.tuning.uplift import uplift_contest
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.linear import LinearConfig
from training.uplift.config import UpliftTrainingConfig
from training.uplift.holdout import split_rows
from training.uplift.learners.t_learner import TLearnerConfig

BOOSTED = {"kind": "lightgbm", "n_trees": 20, "min_child_rows": 50, "n_jobs": 1}
CONFIG = validate(
    UpliftTrainingConfig,
    {
        "kind": "uplift",
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
        "evaluation_model": BOOSTED,
        "n_folds": 2,
    },
    subject="uplift.yaml",
)
GOOD = TLearnerConfig(base=BoostedConfig(n_trees=20, min_child_rows=50, n_jobs=1))
FLAT = TLearnerConfig(base=LinearConfig(penalty=1e9))
WILD = TLearnerConfig(base=BoostedConfig(n_trees=200, n_leaves=64, min_child_rows=1, n_jobs=1))


@pytest.fixture(scope="module")
def rows(uplift_trial):
    found = uplift_trial(4_000)
    return replace(found, features=found.features.select(["age"]))


def _last(contest, setting):
    return list(contest.estimates(setting))[-1]


def test_a_learner_is_worth_what_it_knows_of_the_effect(rows):
    """Effects 0.4 and 0 in halves: knowing them takes the variance of the effect, 0.04, off the loss."""
    contest = uplift_contest(rows, CONFIG, folds=3)
    assert len(list(contest.estimates(GOOD))) == 3
    assert _last(contest, GOOD) == pytest.approx(0.04, abs=0.012)
    assert _last(contest, FLAT) == pytest.approx(0, abs=0.003)
    assert _last(contest, WILD) < _last(contest, GOOD) - 0.05


def test_trials_do_not_see_the_test_rows(rows):
    _, test = split_rows(rows, CONFIG.split, target=CONFIG.target)
    changed = replace(
        rows, features=pa.table({"age": np.where(test, 9.0, rows.features["age"].to_numpy())})
    )
    full, blind = (uplift_contest(found, CONFIG, folds=3) for found in (rows, changed))
    assert list(full.estimates(GOOD)) == list(blind.estimates(GOOD))


def test_the_test_rows_are_judged_once_per_chosen_learner(rows, tmp_path, monkeypatch):
    judged = []

    def spied(rows, config):
        judged.append(config.learner)
        return fit_uplift(rows, config)

    monkeypatch.setattr(tune_uplift, "fit_uplift", spied)
    contest = uplift_contest(rows, CONFIG, folds=3)
    chosen = {
        name: Chosen(setting, setting.model_dump(), _last(contest, setting))
        for name, setting in (("good", GOOD), ("flat", FLAT))
    }
    assert judged == []
    verdict = contest.judge(chosen, CONFIG, SimpleNamespace(path=tmp_path))
    assert judged == [GOOD, FLAT]
    found = fit_uplift(rows, CONFIG.model_copy(update={"learner": GOOD})).contrasts[0]
    qini = found.evaluation.qini
    assert verdict.metric == f"{found.name}.qini_per_head"
    assert vars(verdict.values["good"]) == {
        "estimate": qini.value,
        "low": qini.low,
        "high": qini.high,
        "persons": found.evaluation.n_rows,
    }
    assert verdict.tracked[f"good.{found.name}.qini_per_head"] == qini.value
    assert (tmp_path / "bundle" / found.name).is_dir()  # of the learner with the higher value
