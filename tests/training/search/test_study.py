"""Studies are resumed, never repeat a setting, and stop what falls behind."""

from __future__ import annotations

import sqlite3

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from features.errors import WorkspaceError
from training.search.study import StudyRules, best_trial, run_study, trials_in

SPACE = {
    "x": FloatDistribution(0.1, 100, log=True),
    "k": IntDistribution(1, 9),
    "how": CategoricalDistribution(["a", "b"]),
}
RULES = StudyRules("maximize", seed=1, random_trials=3, pruned_after=3)


class Hill:
    """Best at x = 3, k = 4; three estimates, each a little higher. Counts what it is asked."""

    def __init__(self, *, dies_at=None):
        self.asked = []
        self.dies_at = dies_at

    def __call__(self, setting):
        self.asked.append(dict(setting))
        for part in range(3):
            if len(self.asked) == self.dies_at and part == 1:
                raise KeyboardInterrupt
            yield -((setting["x"] - 3) ** 2) - (setting["k"] - 4) ** 2 + part


def _study(objective, trials, **changes):
    return run_study(objective, SPACE, RULES, trials=trials, parts=3, **changes)


def test_the_same_seed_gives_the_same_trials():
    assert _study(Hill(), 6) == _study(Hill(), 6)


def test_another_seed_gives_others():
    other = run_study(Hill(), SPACE, StudyRules("maximize", seed=2), trials=1)
    assert _study(Hill(), 1)[0].setting != other[0].setting


@pytest.mark.parametrize("dies_at", [1, 3, 4])
def test_killed_and_called_again_it_goes_on_as_if_nothing_had_happened(tmp_path, dies_at):
    storage = tmp_path / "studies.db"
    with pytest.raises(KeyboardInterrupt):
        _study(Hill(dies_at=dies_at), 6, storage=storage)
    again = Hill()
    resumed = _study(again, 6, storage=storage)
    whole = _study(Hill(), 6)
    assert resumed == whole
    assert len(again.asked) == 6 - (dies_at - 1)  # only what was not finished
    assert best_trial(resumed, "maximize").value == best_trial(whole, "maximize").value


def test_a_finished_study_asks_nothing(tmp_path):
    storage = tmp_path / "studies.db"
    first = _study(Hill(), 4, storage=storage)
    idle = Hill()
    assert _study(idle, 4, storage=storage) == first
    assert idle.asked == []


def test_fewer_trials_are_the_beginning_of_more(tmp_path):
    storage = tmp_path / "studies.db"
    more = _study(Hill(), 7, storage=storage)
    assert _study(Hill(), 3, storage=storage) == more[:3] == _study(Hill(), 3)


def test_killed_between_queueing_a_trial_and_beginning_it_it_goes_on(tmp_path):
    storage = tmp_path / "studies.db"
    before = _study(Hill(), 2, storage=storage, name="mine")
    study = optuna.load_study(study_name="mine", storage=f"sqlite:///{storage}")
    study.enqueue_trial({"x": 7.0, "k": 1, "how": "a"})
    after = _study(Hill(), 4, storage=storage, name="mine")
    assert after == _study(Hill(), 4)
    assert after[:2] == before


def test_studies_of_one_storage_do_not_mix(tmp_path):
    storage = tmp_path / "studies.db"
    _study(Hill(), 3, storage=storage, name="one")
    other = Hill()
    _study(other, 3, storage=storage, name="two")
    assert len(other.asked) == 3


def test_what_falls_behind_is_stopped_and_kept():
    """Values 10, 9, 8, 7, ...: after the three that run to their end, each is below the median of them."""
    values = iter(range(10, 0, -1))

    def falling(_):
        value = next(values)
        for _ in range(3):
            yield float(value)

    trials = _study(falling, 6)
    assert [trial.pruned for trial in trials] == [False, False, False, True, True, True]
    assert [trial.value for trial in trials] == [10, 9, 8, 7, 6, 5]
    assert [len(trial.estimates) for trial in trials] == [3, 3, 3, 1, 1, 1]
    assert [trial.number for trial in trials] == list(range(6))


def test_after_the_last_part_there_is_nothing_to_stop():
    values = iter(range(10, 0, -1))
    trials = run_study(lambda _: [float(next(values))], SPACE, RULES, trials=6, parts=1)
    assert not any(trial.pruned for trial in trials)


def test_a_stopped_trial_is_never_the_best():
    """Small is good; the fourth trial begins badly, and what it was stopped at is less than where the others end."""
    curves = iter([[1, 9], [1, 9], [1, 9], [5, 0]])
    rules = StudyRules("minimize", pruned_after=3)
    trials = run_study(lambda _: map(float, next(curves)), SPACE, rules, trials=4, parts=2)
    assert trials[3].pruned
    assert trials[3].value == 5
    assert best_trial(trials, "minimize").number == 0  # the first of equals


def test_no_setting_is_tried_twice_and_a_small_space_is_tried_whole():
    space = {"k": IntDistribution(1, 3), "how": CategoricalDistribution(["a", "b"])}
    trials = run_study(lambda s: [float(s["k"])], space, RULES, trials=50)
    assert sorted((t.setting["k"], t.setting["how"]) for t in trials) == [
        (k, how) for k in (1, 2, 3) for how in "ab"
    ]


def test_a_space_without_parameters_has_one_setting():
    assert [t.setting for t in run_study(lambda _: [1.0], {}, RULES, trials=5)] == [{}]


@pytest.mark.parametrize(
    ("space", "settings_"),
    [
        pytest.param({"k": IntDistribution(2, 10, step=4)}, 3, id="steps"),
        pytest.param({"x": FloatDistribution(0.1, 0.9, step=0.1)}, 9, id="fractional-steps"),
        pytest.param({"x": FloatDistribution(2, 2)}, 1, id="one-number"),
        pytest.param({"k": IntDistribution(1, 8, log=True)}, 8, id="log"),
        pytest.param({"x": FloatDistribution(1, 2), "k": IntDistribution(1, 2)}, 99, id="endless"),
    ],
)
def test_settings_are_counted(space, settings_):
    assert trials_in(space, 99) == settings_


def test_learning_pays():
    """Most of the later trials are better than most of the random ones."""
    rules = StudyRules("maximize", seed=3, random_trials=8)
    values = [trial.value for trial in run_study(Hill(), SPACE, rules, trials=40)]
    assert np.median(values[20:]) > np.quantile(values[:8], 0.8)


@settings(max_examples=8)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_suggestions_lie_in_the_space(seed, trials):
    for trial in run_study(Hill(), SPACE, StudyRules("maximize", seed=seed), trials=trials):
        assert 0.1 <= trial.setting["x"] <= 100
        assert trial.setting["k"] in range(1, 10)
        assert trial.setting["how"] in ("a", "b")


def test_an_estimate_that_is_no_number_is_a_defect():
    with pytest.raises(ValueError, match=r"estimate 0 of .* is NaN"):
        run_study(lambda _: [float("nan")], SPACE, RULES, trials=1)


def test_a_file_that_is_no_storage_is_told(tmp_path):
    (tmp_path / "studies.db").write_text("no database, but long enough to be read as one" * 30)
    with pytest.raises(WorkspaceError, match=r"studies\.db: Optuna failed .*; studies are kept"):
        _study(Hill(), 1, storage=tmp_path / "studies.db")


def test_the_storage_is_plain_sqlite(tmp_path):
    storage = tmp_path / "new" / "studies.db"
    _study(Hill(), 2, storage=storage, name="mine")
    with sqlite3.connect(storage) as database:
        assert database.execute("select study_name from studies").fetchall() == [("mine",)]


def test_every_finished_trial_is_told(tmp_path):
    storage = tmp_path / "studies.db"
    _study(Hill(), 2, storage=storage)
    told = []
    trials = _study(Hill(), 3, storage=storage, told=told.append)
    assert tuple(told) == trials
