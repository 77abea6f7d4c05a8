"""Equal budgets, resumable, one look at the test; the run is the same however often it was interrupted."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from mlflow.tracking import MlflowClient

from features import columns as c
from features.config import load_config
from features.store import Workspace
from training.flat_recommender.config import FlatRecommenderConfig
from training.metrics.intervals import Interval
from training.tuning.config import load_tuning
from training.tuning.tune import Tunable, Verdict, tune, tuning_lines

TRAINING = """
kind: flat_recommender
workspace: out
data: {kind: flat_table, path: rows.csv, person: p, item: i}
split: {kind: random_by_item}
candidates: [{kind: als}]
"""
TUNING = """
kind: tune
training: training.yaml
trials: 6
random_trials: 3
pruned_after: 3
search_space:
  als: {factors: {low: 4, high: 64}, alpha: {low: 0.1, high: 10, log: true}}
  ease: {regularization: {low: 1, high: 1000, log: true}}
  buy_again: {half_life_days: {choices: [30, 60]}}
"""


class Contest:
    """ALS is best with 20 factors; EASE and buy-again are never as good. Counts what it is asked."""

    def __init__(self, *, dies_at=None):
        self.tried, self.judged = [], []
        self.dies_at = dies_at

    def estimates(self, setting):
        self.tried.append(setting)
        if len(self.tried) == self.dies_at:
            raise KeyboardInterrupt
        for part in range(3):
            yield self._worth(setting) - part / 1_000

    def judge(self, chosen, training, writer):
        self.judged.append((dict(chosen), training))
        writer.text("model.txt", "fitted")
        values = {name: best.value - 0.1 for name, best in chosen.items()}
        return Verdict(
            metric="ndcg_at_10",
            values={name: Interval(v, v - 0.02, v + 0.02, 90) for name, v in values.items()},
            metrics={"lists": 90},
            tracked={f"{name}.ndcg_at_10": value for name, value in values.items()},
        )

    def _worth(self, setting):
        if setting.kind == "als":
            return 0.5 - abs(setting.factors - 20) / 100 - abs(setting.alpha - 1) / 50
        if setting.kind == "ease":
            return 0.3 - setting.regularization / 10_000
        return 0.2


@pytest.fixture
def tuning(tmp_path, monkeypatch):
    """Carries the tuning out on a contest, untracked; returns the run."""
    monkeypatch.setattr("training.tuning.tune.track_tuning", lambda *_, **__: None)
    (tmp_path / "training.yaml").write_text(TRAINING)
    (tmp_path / "tune.yaml").write_text(TUNING)

    def carry_out(contest, *overrides, workspace="work", data="d1", told=lambda *_: None):
        plan = load_tuning(tmp_path / "tune.yaml", overrides)
        tunable = Tunable(
            workspace=Workspace(tmp_path / workspace),
            project="shop",
            content=plan.training.model_copy(update={"candidates": (), "trials": 1}),
            inputs={"data": data},
            metric="ndcg_at_10",
            parts=3,
            open=lambda: contest,
        )
        return tune(plan, tunable, told=told)

    return carry_out


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One tuning with its contest, where it lies, and what was told."""
    folder = tmp_path_factory.mktemp("tuning")
    (folder / "training.yaml").write_text(TRAINING)
    (folder / "tune.yaml").write_text(TUNING)
    contest, told = Contest(), []
    plan = load_tuning(folder / "tune.yaml")
    tunable = Tunable(
        Workspace(folder / "work"),
        "shop",
        plan.training,
        {"data": "d1"},
        "ndcg_at_10",
        3,
        lambda: contest,
    )
    run = tune(plan, tunable, told=lambda *facts: told.append(facts))
    return run, contest, folder, told


def _trials(run):
    return pq.read_table(run.path / "trials.parquet").to_pylist()


def test_every_entry_has_the_same_budget(finished):
    run, contest, _, _ = finished
    kinds = [setting.kind for setting in contest.tried]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "als": 6,
        "ease": 6,
        "buy_again": 2,  # all there are
    }
    assert run.manifest["figures"]["trials"] == 14


def test_the_test_is_looked_at_once_after_the_last_trial(finished):
    _, contest, _, _ = finished
    ((chosen, training),) = contest.judged
    assert sorted(chosen) == ["als", "buy_again", "ease"]
    assert [setting.kind for setting in training.candidates] == ["als", "buy_again", "ease"]


def test_the_champion_is_chosen_inside_and_reported_from_the_test(finished):
    run, _, _, _ = finished
    figures = run.manifest["figures"]
    trials = [trial for trial in _trials(run) if trial["state"] == "complete"]
    best = max(trials, key=lambda trial: trial["value"])
    assert figures["champion"] == best["entry"] == "als"
    assert figures["value"] == best["value"] - 0.1
    assert (figures["low"], figures["high"]) == (figures["value"] - 0.02, figures["value"] + 0.02)


def test_stopped_trials_are_kept_as_stopped(finished):
    run, _, _, _ = finished
    stopped = [trial for trial in _trials(run) if trial[c.STATE] == "pruned"]
    assert len(stopped) == run.manifest["figures"]["pruned"] > 0
    assert all(len(trial[c.ESTIMATES]) < 3 for trial in stopped)
    assert all(trial[c.VALUE] == trial[c.ESTIMATES][-1] for trial in stopped)


def test_what_is_written_can_be_trained(finished):
    run, _, folder, _ = finished
    text = (run.path / "tuned.yaml").read_text()
    assert text.startswith("# retarget train tuned.yaml")
    assert "keep it beside training.yaml" in text
    (folder / "tuned.yaml").write_text(text)
    tuned = load_config(FlatRecommenderConfig, folder / "tuned.yaml")
    best = {entry["name"]: entry["setting"] for entry in run.json("metrics.json")["entries"]}
    assert tuned.candidates[0].factors == best["als"]["factors"]
    assert tuned.trials == 1
    assert tuned.split.kind == "random_by_item"


def test_a_person_is_told_what_was_found(finished):
    run, _, _, told = finished
    lines = tuning_lines(run)
    assert lines[0].startswith("als                  6 trials,")
    assert "test ndcg_at_10 0." in lines[0]
    assert lines[-1].endswith("tuned.yaml, to be kept beside training.yaml")
    assert [(entry, budget) for entry, budget, _ in told].count(("buy_again", 2)) == 2
    assert len(told) == 14


def test_mlflow_shows_trials_below_their_tuning(finished):
    run, _, folder, _ = finished
    client = MlflowClient(f"sqlite:///{folder}/work/mlflow.db")
    project = client.get_experiment_by_name("shop").experiment_id
    (parent,) = client.search_runs([project], "tags.step = 'tune'")
    assert parent.data.params["champion"] == "als"
    assert parent.data.tags["mlflow.note.content"].startswith("- als ")
    children = client.search_runs([project], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    by_name = {child.info.run_name: child for child in children}
    stored = {f"{trial['entry']}.{trial['trial']:03d}": trial for trial in _trials(run)}
    assert sorted(by_name) == sorted(stored)
    for name, trial in stored.items():
        assert by_name[name].data.tags["state"] == trial["state"]
        assert by_name[name].data.metrics == {"ndcg_at_10": trial["value"]}
    some = by_name["als.000"]
    assert some.data.params.keys() == {"kind", "factors", "alpha"}
    curve = client.get_metric_history(some.info.run_id, "ndcg_at_10")
    assert [point.value for point in curve] == stored["als.000"]["estimates"]


@pytest.mark.parametrize("dies_at", [3, 9])
def test_killed_and_run_again_it_is_the_same_run(tuning, dies_at):
    with pytest.raises(KeyboardInterrupt):
        tuning(Contest(dies_at=dies_at))
    again = Contest()
    resumed, whole = tuning(again), tuning(Contest(), workspace="other")
    assert len(again.tried) == 14 - (dies_at - 1)
    assert len(again.judged) == 1
    assert resumed.run_id == whole.run_id
    assert resumed.manifest == whole.manifest  # the hash of every file is in it


def test_a_finished_tuning_computes_nothing(tuning):
    first = tuning(Contest())
    idle = Contest()
    second = tuning(idle)
    assert second.reused
    assert second.run_id == first.run_id
    assert idle.tried == idle.judged == []


def test_more_trials_continue_the_study(tuning):
    fewer = tuning(Contest(), "trials=3")
    more = Contest()
    run = tuning(more, "trials=5")
    assert len(more.tried) == 2 + 2  # of als and of ease; buy-again was tried whole
    assert run.run_id != fewer.run_id
    old = {(t["entry"], t["trial"]): t["setting"] for t in _trials(fewer)}
    assert old.items() <= {(t["entry"], t["trial"]): t["setting"] for t in _trials(run)}.items()


@pytest.mark.parametrize(
    ("overrides", "data", "again"),
    [
        pytest.param([], "d2", {"als": 6, "ease": 6, "buy_again": 2}, id="data"),
        pytest.param(["seed=1"], "d1", {"als": 6, "ease": 6, "buy_again": 2}, id="seed"),
        pytest.param(["training.k=5"], "d1", {"als": 6, "ease": 6, "buy_again": 2}, id="training"),
        pytest.param(["search_space.als.factors.high=40"], "d1", {"als": 6}, id="one-range"),
    ],
)
def test_what_a_trial_depends_on_names_its_study(tuning, overrides, data, again):
    """Trials are taken over where nothing they depend on has changed, and only there."""
    tuning(Contest())
    contest = Contest()
    tuning(contest, *overrides, data=data)
    kinds = [setting.kind for setting in contest.tried]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == again
