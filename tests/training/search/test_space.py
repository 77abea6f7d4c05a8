"""What YAML declares is typed by the config it belongs to, and refused before anything is tried."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import create_trial

from features.config import BaseConfig, validate
from features.errors import ConfigError
from training.search.space import read_search_space
from training.search.study import StudyRules, run_study
from training.tuning.config import RecommenderEntry, load_tuning

ROOT = Path(__file__).parents[3]
TUNINGS = [load_tuning(path) for path in sorted(ROOT.glob("configs/*/tune.yaml"))]
SPACES = [space for plan in TUNINGS for space in plan.spaces]


def _recommender(setting):
    return validate(RecommenderEntry, {"search_space": setting}, subject="t.yaml").search_space


def _space(name, **declared):
    return read_search_space(
        name, declared, build=_recommender, subject=f"t.yaml: search_space.{name}"
    )


def _any_setting(space):
    """Any point of a space, whatever a sampler would say."""
    parts = {}
    for key, distribution in space.distributions.items():
        if isinstance(distribution, CategoricalDistribution):
            parts[key] = st.sampled_from(distribution.choices)
        elif isinstance(distribution, IntDistribution):
            steps = (distribution.high - distribution.low) // distribution.step
            parts[key] = st.integers(0, steps).map(lambda n, d=distribution: d.low + n * d.step)
        else:
            parts[key] = st.floats(distribution.low, distribution.high)
    return st.fixed_dictionaries(parts)


@given(st.data())
def test_every_setting_of_every_shipped_space_is_a_valid_config(data):
    space = data.draw(st.sampled_from(SPACES), label="space")
    setting = data.draw(_any_setting(space), label="setting")
    assert isinstance(space.config(setting), BaseConfig)


@given(seed=st.integers(0, 1_000))
def test_what_is_suggested_is_what_is_declared(seed):
    space = _space(
        "als",
        factors={"low": 8, "high": 64, "step": 8},
        regularization={"low": 1, "high": 50, "log": True},
        half_life_days={"choices": [30, 60.5]},
        iterations=3,
    )
    (trial,) = run_study(
        lambda _: [0.0], space.distributions, StudyRules("maximize", seed=seed), trials=1
    )
    config = space.config(trial.setting)
    assert config.kind == "als"
    assert config.factors in range(8, 65, 8)
    assert 1 <= config.regularization <= 50
    assert config.half_life_days in (30, 60.5)
    assert config.iterations == 3


def test_the_config_says_which_numbers_are_whole():
    """`low: 1` is a whole number in YAML; whether the range holds others is for the config to say."""
    space = _space(
        "als",
        factors={"low": 1, "high": 100, "log": True},
        regularization={"low": 1, "high": 100, "log": True},
    )
    assert space.distributions == {
        "factors": IntDistribution(1, 100, log=True),
        "regularization": FloatDistribution(1, 100, log=True),
    }


def test_a_setting_is_written_as_a_config_file_has_it():
    space = _space("als", factors={"choices": [8, 16]}, alpha=2.0)
    assert space.content({"factors": 16}) == {"kind": "als", "alpha": 2.0, "factors": 16}
    assert space.point() == {"kind": "als", "alpha": 2.0, "factors": 8}


def test_choices_may_be_groups():
    weights = [{"purchase": 1.0}, {"purchase": 1.0, "view": 0.1}]
    space = _space("als", weights={"choices": weights})
    names = space.distributions["weights"].choices
    assert names == ('{"purchase": 1.0}', '{"purchase": 1.0, "view": 0.1}')
    assert space.config({"weights": names[1]}).weights == weights[1]


def test_keys_lie_in_groups_and_lists():
    members = [
        {"share": 1.0, "model": {"kind": "buy_again"}},
        {"share": 1.0, "model": {"kind": "als"}},
    ]
    space = _space(
        "blend",
        members=members,
        **{
            "members.1.share": {"low": 0.1, "high": 2.0},
            "members.1.model.factors": {"low": 4, "high": 8},
            "weights.view": {"low": 0.0, "high": 1.0},
        },
    )
    built = space.config(
        {"members.1.share": 0.5, "members.1.model.factors": 6, "weights.view": 0.25}
    )
    assert [member.share for member in built.members] == [1.0, 0.5]
    assert built.members[1].model.factors == 6
    assert built.weights == {"view": 0.25}
    assert members[1]["share"] == 1.0  # what was declared stays as it is


def test_an_entry_may_have_a_name_of_its_own():
    space = _space("small_als", kind="als", factors={"low": 4, "high": 8})
    assert space.config({"factors": 5}).kind == "als"


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        pytest.param(
            {"factor": {"low": 1, "high": 3}},
            "'search_space.als.factor': unknown key, did you mean 'factors'?",
            id="misspelt",
        ),
        pytest.param(
            {"factors": {"low": 0, "high": 3}}, "greater than or equal to 1", id="low-end"
        ),
        pytest.param(
            {"factors": {"low": 8, "high": 5_000}}, "less than or equal to 1024", id="high-end"
        ),
        pytest.param(
            {"solver": {"choices": ["gathered", "implicit", "fast"]}},
            "'search_space.als.solver': Input should be 'gathered' or 'implicit' (found 'fast')",
            id="choice",
        ),
        pytest.param(
            {"factors": {"low": 8, "high": 9.5}}, "Input should be a valid integer", id="fraction"
        ),
        pytest.param(
            {"factors": {"low": 8, "high": 16, "step": 0.5}},
            "Input should be a valid integer",
            id="fractional-step",
        ),
        pytest.param(
            {"factors": {"low": 9, "high": 8}},
            "search_space.als.factors: '(file)': Value error, low 9 is above high 8",
            id="upside-down",
        ),
        pytest.param({"factors": {"low": 9}}, "'high': Field required", id="no-end"),
        pytest.param(
            {"factors": {"low": 9, "hihg": 10}}, "unknown key, did you mean 'high'?", id="range-key"
        ),
        pytest.param(
            {"alpha": {"low": 0, "high": 8, "log": True}}, "'log' needs low above 0", id="log"
        ),
        pytest.param(
            {"factors": {"low": 1, "high": 8, "step": 2}},
            "steps of 2 from 1 do not end at 8",
            id="step",
        ),
        pytest.param({"factors": {"choices": []}}, "at least 1 item", id="no-choice"),
        pytest.param({"factors": {"choices": [8, 8]}}, "a choice appears twice", id="twice"),
        pytest.param(
            {"factors.deep": {"low": 1, "high": 2}, "factors": 3},
            "key 'factors.deep': 'factors' is not a group of keys; a dotted key descends",
            id="no-group",
        ),
    ],
)
def test_what_does_not_fit_is_refused(declared, text):
    with pytest.raises(ConfigError) as error:
        _space("als", **declared)
    assert text in str(error.value)


def test_a_place_beyond_a_list_is_refused():
    with pytest.raises(ConfigError, match=r"'1' is no place in a list of 1"):
        _space(
            "blend",
            members=[{"share": 1.0, "model": {"kind": "als"}}],
            **{"members.1.share": {"low": 0.1, "high": 1.0}},
        )


def test_optuna_takes_every_shipped_space():
    """No warning, no rounding: pytest makes warnings errors."""
    for space in SPACES:
        lowest = {key: own.probes()[0] for key, own in space.varied.items()}
        trial = create_trial(params=lowest, distributions=dict(space.distributions), value=0.0)
        assert trial.params == lowest
