"""A tuned learner: every entry gets its trials, the better setting is found, and nothing but training rows is looked at."""

import json

import numpy as np
import pytest

from features.config import config_hash, validate
from features.errors import ConfigError
from training.uplift.learners.registry import fit_learner
from training.uplift.tuned import choose_settings
from training.uplift.tuned_config import DEFAULT_SEARCH_SPACE, TunedConfig

LINEAR = {"kind": "linear"}
PENALTY = {"choices": [1, 1_000_000_000]}
T_LINEAR = {"kind": "t_learner", "base": LINEAR, "base.penalty": PENALTY}


def tuned(**changes):
    content = {
        "kind": "tuned",
        "trials": 2,
        "search_space": {"t": T_LINEAR},
        "outcome": {"kind": "linear"},
        "n_folds": 2,
        "n_jobs": 1,
        **changes,
    }
    return validate(TunedConfig, content, subject="learner")


def test_the_setting_that_predicts_the_effect_is_chosen(trial_rows):
    """The effect is 0.3 for one row in six; a penalty of a thousand million says the same of everybody."""
    rows, truth = trial_rows(2_000, effect=0.6)
    found = choose_settings(rows, tuned())
    (entry,) = found.entries
    assert entry.setting["base"]["penalty"] == 1
    assert (entry.name, entry.trials, entry.pruned) == ("t", 2, 0)
    # knowing the effect takes its variance, 0.6^2 x 1/6 x 5/6 = 0.05, off the loss; the linear part of it is less
    assert 0.01 < entry.gain < 0.6**2 * 1 / 6 * 5 / 6
    learner = fit_learner(rows, found.learner)
    assert np.corrcoef(learner.predict(rows.matrix), truth)[0, 1] > 0.5


def test_every_entry_has_the_same_trials_or_all_its_settings(trial_rows):
    rows, _ = trial_rows(600)
    space = {
        "t": {"kind": "t_learner", "base": LINEAR, "base.penalty": {"low": 1, "high": 1e5}},
        "fixed": {"kind": "s_learner", "base": LINEAR},
    }
    found = choose_settings(rows, tuned(trials=3, search_space=space))
    assert [(entry.name, entry.trials) for entry in found.entries] == [("fixed", 1), ("t", 3)]
    assert [candidate.kind for candidate in found.learner.candidates] == ["s_learner", "t_learner"]


def test_the_same_rows_give_the_same_choice(trial_rows):
    rows, _ = trial_rows(600)
    space = {"t": {"kind": "t_learner", "base": LINEAR, "base.penalty": {"low": 1, "high": 1e5}}}
    config = tuned(trials=4, search_space=space)
    assert choose_settings(rows, config) == choose_settings(rows, config)


def test_the_chosen_are_weighed_on_other_folds_than_they_were_chosen_on(trial_rows):
    rows, _ = trial_rows(600)
    learner = choose_settings(rows, tuned(seed=7)).learner
    assert (learner.seed, learner.n_folds) == (8, 2)


def test_threads_are_those_of_the_learner():
    config = tuned(search_space={"s": {"kind": "s_learner", "base": {"kind": "lightgbm"}}})
    assert config.spaces()[0].corners()[0].base.n_jobs == 1


def test_monotone_uplift_is_sought_among_learners_that_can_keep_it(trial_rows):
    rows, _ = trial_rows(600)
    signs = np.zeros(rows.matrix.shape[1], dtype=int)
    signs[0] = 1
    monotone = type(rows)(**{**vars(rows), "monotone": tuple(signs.tolist())})
    effect = {"kind": "dr_learner", "base": LINEAR, "effect": LINEAR, "effect.penalty": PENALTY}
    config = tuned(search_space={"t": T_LINEAR, "dr": effect})
    assert config.keeps_monotone
    assert not tuned().keeps_monotone
    assert [entry.name for entry in choose_settings(monotone, config).entries] == ["dr"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"kind": "t_lerner"}, "t_lerner"),
        (
            {"kind": "t_learner", "base": LINEAR, "base.penalti": {"low": 1, "high": 2}},
            "did you mean 'penalty'",
        ),
        (
            {"kind": "t_learner", "base": LINEAR, "base.penalty": {"low": -1, "high": 2}},
            "greater than",
        ),
        ({"kind": "auto"}, "'auto'"),
        ({"kind": "t_learner", "base": {"choices": []}}, "choices"),
    ],
)
def test_an_entry_that_fits_no_learner_is_refused(entry, words):
    with pytest.raises(ConfigError) as found:
        tuned(search_space={"mine": entry})
    assert words in str(found.value)
    assert found.value.subject.startswith("learner.search_space.mine")


def test_the_default_space_is_whole_and_survives_json():
    config = TunedConfig(kind="tuned")
    assert [space.name for space in config.spaces()] == sorted(DEFAULT_SEARCH_SPACE)
    assert all(space.distributions for space in config.spaces())
    again = TunedConfig.model_validate_json(json.dumps(config.model_dump(mode="json")))
    assert config_hash(again) == config_hash(config)
