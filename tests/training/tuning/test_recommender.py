"""Trials of a project's recommenders see the validation weeks only; the test weeks are opened once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from features.config import validate
from training.project_recommender import fit as fit_recommender
from training.project_recommender.config import RecommenderTrainingConfig
from training.project_recommender.fit import fit_recommenders, validation_windows
from training.recommenders.als import AlsConfig
from training.recommenders.buy_again import BuyAgainConfig
from training.splits import time_splits
from training.tuning.recommender import RecommenderContest
from training.tuning.tune import Chosen

WEEKS = {"horizon_days": 7, "test_weeks": 3, "validation_weeks": 2}
CONFIG = validate(
    RecommenderTrainingConfig,
    {
        **WEEKS,
        "trials": 1,
        "k": 4,
        "replicates": 200,
        "minimum_interactions": 500,
        "weights": {"purchase": 2.0},
        "candidates": [{"kind": "buy_again", "half_life_days": 9.0}, {"kind": "als", "factors": 4}],
    },
    subject="test",
)


def _contest(histories, as_of):
    windows = validation_windows(histories, CONFIG, as_of=as_of)
    return RecommenderContest(histories, CONFIG, as_of, None, windows)


@pytest.fixture(scope="module")
def comparison(shop):
    purchases, histories, closes = shop
    return fit_recommenders(histories(purchases), CONFIG, as_of=closes)


def test_a_trial_is_worth_what_training_would_say(shop, comparison):
    purchases, histories, closes = shop
    contest = _contest(histories(purchases), closes)
    week, both = contest.estimates(BuyAgainConfig(half_life_days=9.0))
    assert both == comparison.result("buy_again").validation_ndcg
    assert week != both


def test_trials_do_not_see_the_test_weeks(shop):
    purchases, histories, closes = shop
    cut = time_splits(closes, **WEEKS).test[0]
    before = [purchase for purchase in purchases if purchase[2] < cut]
    settings = [BuyAgainConfig(half_life_days=9.0), AlsConfig(factors=4)]
    full, blind = (_contest(histories(rows), closes) for rows in (purchases, before))
    for setting in settings:
        assert list(full.estimates(setting)) == list(blind.estimates(setting))


def test_the_test_weeks_are_opened_once(shop, comparison, tmp_path, monkeypatch):
    purchases, histories, closes = shop
    opened = []

    def spied(histories, cutoff, **facts):
        opened.append(cutoff)
        return window_at(histories, cutoff, **facts)

    window_at = fit_recommender.window_at
    monkeypatch.setattr(fit_recommender, "window_at", spied)
    splits = time_splits(closes, **WEEKS)
    contest = _contest(histories(purchases), closes)
    chosen = {}
    for setting in CONFIG.candidates:
        value = list(contest.estimates(setting))[-1]
        chosen[setting.kind] = Chosen(setting, setting.model_dump(), value)
    assert opened == list(splits.validation)
    verdict = contest.judge(chosen, CONFIG, SimpleNamespace(path=tmp_path))
    assert opened == [*splits.validation, *splits.test]
    found = comparison.result("buy_again").metrics["ndcg_at_4.all"]
    assert verdict.metric == "ndcg_at_4.all"
    assert verdict.values["buy_again"] == found
    assert verdict.metrics["champion"] == "buy_again"
    assert (tmp_path / "bundle" / "manifest.json").is_file()
