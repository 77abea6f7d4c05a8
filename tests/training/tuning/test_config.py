"""A tuning is checked whole before any data is read."""

from __future__ import annotations

import pytest

from features.errors import ConfigError
from training.flat_recommender.config import FlatRecommenderConfig
from training.project_recommender.config import RecommenderTrainingConfig
from training.recommenders.als import AlsConfig
from training.tuning.config import load_tuning
from training.uplift.config import UpliftTrainingConfig

RECOMMENDER = "{kind: recommender, baseline: als, trials: 1, candidates: [{kind: bpr}]}"
FLAT = """
kind: flat_recommender
workspace: out
data: {kind: flat_table, path: rows.csv, person: p, item: i}
split: {kind: random_by_item}
candidates: [{kind: als}]
"""
UPLIFT = """
kind: uplift
data: {kind: histories, experiment: e, outcomes: {bought: binary}}
target: bought
"""
ALS = "als: {factors: {low: 4, high: 8}}"


@pytest.fixture
def tuning(tmp_path):
    """Writes a training and a tuning of it; returns the tuning's path."""

    def write(training, space, more=""):
        (tmp_path / "training.yaml").write_text(training)
        text = f"kind: tune\ntraining: training.yaml\nsearch_space: {{{space}}}\n{more}\n"
        (tmp_path / "tune.yaml").write_text(text)
        return tmp_path / "tune.yaml"

    return write


@pytest.mark.parametrize(
    ("training", "space", "typed"),
    [
        pytest.param(RECOMMENDER, ALS, RecommenderTrainingConfig, id="recommender"),
        pytest.param(FLAT, ALS, FlatRecommenderConfig, id="flat"),
        pytest.param(
            UPLIFT,
            "t_learner: {base: {kind: linear}, base.penalty: {low: 1, high: 9}}",
            UpliftTrainingConfig,
            id="uplift",
        ),
    ],
)
def test_every_kind_of_training_can_be_tuned(tuning, training, space, typed):
    assert isinstance(load_tuning(tuning(training, space)).training, typed)


def test_what_the_training_is_set_to_does_not_matter(tuning):
    plan = load_tuning(tuning(RECOMMENDER, ALS))
    assert plan.training.candidates == (AlsConfig(factors=4),)


def test_chosen_settings_take_the_place_of_the_candidates(tuning):
    plan = load_tuning(tuning(FLAT, f"{ALS}, bpr: {{}}"))
    chosen = {"als": {"kind": "als", "factors": 7}, "bpr": {"kind": "bpr"}}
    content = plan.chosen_content(chosen, "als")
    assert content["candidates"] == [{"kind": "als", "factors": 7}, {"kind": "bpr"}]
    assert next(iter(content)) == "kind"
    typed = plan.chosen_training(chosen, "als")
    assert typed.candidates[0] == AlsConfig(factors=7)
    assert typed.data == plan.training.data


def test_the_best_learner_takes_the_place_of_the_learner(tuning):
    space = "linear: {kind: t_learner, base: {kind: linear}}, boosted: {kind: t_learner}"
    plan = load_tuning(tuning(UPLIFT, space))
    chosen = {space.name: space.point() for space in plan.spaces}
    assert plan.chosen_training(chosen, "linear").learner.base.kind == "linear"


def test_overrides_reach_both_files(tuning):
    path = tuning(RECOMMENDER, ALS, "overrides: [validation_weeks=4, k=3]")
    plan = load_tuning(path, ["trials=50", "training.k=20", "search_space.als.factors.high=9"])
    assert plan.config.trials == 50
    assert (plan.training.k, plan.training.validation_weeks) == (20, 4)
    assert plan.spaces[0].distributions["factors"].high == 9


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["trails=3"], "'trails': unknown key, did you mean 'trials'?"),
        (["trials=0"], "'trials': Input should be greater than or equal to 1"),
        (["training.test_week=3"], "'test_week': unknown key, did you mean 'test_weeks'?"),
        (["training.baseline=bpr"], "baseline 'bpr' is not among the candidates"),
        (["training=trainings.yaml"], "no such file; a config must exist. Did you mean"),
        (["search_space.als.factor={low: 1, high: 2}"], "did you mean 'factors'?"),
        (["search_space.also={}"], "Input tag 'also' found using 'kind' does not match"),
        (["search_space.Als={}"], "String should match pattern"),
        (["search_space.two={kind: als}"], "2 candidates of kind 'als', but trials is 1"),
        (["search_space={}"], "at least 1 item"),
    ],
)
def test_what_is_wrong_is_named(tuning, overrides, text):
    with pytest.raises(ConfigError) as error:
        load_tuning(tuning(RECOMMENDER, ALS), overrides)
    assert text in str(error.value)


def test_only_a_training_can_be_tuned(tuning):
    with pytest.raises(ConfigError, match="what can be tuned has kind: recommender, flat_rec"):
        load_tuning(tuning("{kind: campaign}", ALS))
