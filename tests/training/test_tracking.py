"""Against a real store in a temporary folder."""

from __future__ import annotations

import shlex
import shutil
import sqlite3

import pytest
from mlflow.tracking import MlflowClient

from features.errors import InputError, WorkspaceError
from training.tracking import Tracker, ui_command


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One store for the module: making one takes seconds. Every test takes a project of its own."""
    return tmp_path_factory.mktemp("my work")


@pytest.fixture
def tracker(store, request):
    return Tracker(store, request.node.name)


@pytest.fixture
def client(store):
    return MlflowClient(f"sqlite:///{store}/mlflow.db")


@pytest.fixture
def bundle(tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "manifest.json").write_text("{}")
    return tmp_path / "bundle"


def _log(tracker, key, **changes):
    facts = {"params": {"a": 1}, "metrics": {"ndcg_at_10.all": 0.25}, **changes}
    return tracker.log_run(name="run", key=key, **facts)


def test_a_run_holds_what_was_logged(tracker, client, bundle):
    run_id = _log(
        tracker,
        "k-holds",
        metrics={"loss": -2.0, "none": None, "nan": float("nan")},
        tags={"step": "train"},
        artifacts=bundle,
    )
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"a": "1"}
    assert run.data.metrics == {"loss": -2.0}
    assert run.data.tags["retarget.key"] == "k-holds"
    assert run.data.tags["step"] == "train"
    assert [f.path for f in client.list_artifacts(run_id)] == ["manifest.json"]
    assert (tracker.folder / "mlartifacts" / run_id / "artifacts" / "manifest.json").is_file()


def test_the_same_key_is_logged_once(tracker, store):
    first = _log(tracker, "k-once")
    again = Tracker(store, tracker.project)
    assert _log(again, "k-once") == first
    assert _log(again, "k-other") != first


def test_a_killed_run_is_marked_and_logged_anew(tracker, client):
    _log(tracker, "k-first")
    project = client.get_experiment_by_name(tracker.project).experiment_id
    killed = client.create_run(project, tags={"retarget.key": "k-killed"}).info.run_id
    fresh = _log(tracker, "k-killed")
    assert fresh != killed
    assert client.get_run(killed).info.status == "KILLED"
    assert _log(tracker, "k-killed") == fresh


def test_the_champion_is_the_last_bundle_put_in_force(tracker, bundle):
    runs = {key: _log(tracker, key) for key in ("k1", "k2")}
    for key, expected in (("k1", 1), ("k1", 1), ("k2", 2)):
        version = tracker.register("model-a", mlflow_run_id=runs[key], key=key, bundle=bundle)
        assert version == expected
    found = tracker.champion("model-a")
    assert (found.key, found.version) == ("k2", 2)
    assert (found.bundle / "manifest.json").read_text() == "{}"
    # putting the first back in force makes no third version
    assert tracker.register("model-a", mlflow_run_id=runs["k1"], key="k1", bundle=bundle) == 1
    assert tracker.champion("model-a").key == "k1"


def test_the_bundle_stands_apart_from_other_artifacts(tracker, bundle, tmp_path):
    folder = tmp_path / "outputs"
    (folder / "bundle").mkdir(parents=True)
    (folder / "bundle" / "stray").write_text("x")
    run_id = _log(tracker, "k-apart", artifacts=folder)
    tracker.register("model-b", mlflow_run_id=run_id, key="k-apart", bundle=bundle)
    names = [path.name for path in tracker.champion("model-b").bundle.iterdir()]
    assert names == ["manifest.json"]


def test_no_champion_says_what_to_run(tracker):
    with pytest.raises(WorkspaceError, match=r"has no version with the alias 'champion'.*train"):
        tracker.champion("nobody")


def test_lost_files_are_noticed(tracker, bundle):
    run_id = _log(tracker, "k-lost")
    tracker.register("model-c", mlflow_run_id=run_id, key="k-lost", bundle=bundle)
    shutil.rmtree(tracker.champion("model-c").bundle)
    with pytest.raises(WorkspaceError, match="version 1 has lost its files"):
        tracker.champion("model-c")


def test_names_mlflow_refuses_are_refused_first(tracker, bundle):
    with pytest.raises(InputError, match="Write 'ndcg_at_10', not 'ndcg@10'"):
        _log(tracker, "k", metrics={"ndcg@10": 1.0})
    with pytest.raises(InputError, match="keys and model names are letters"):
        _log(tracker, "k' OR '1' = '1")
    with pytest.raises(InputError, match="keys and model names are letters"):
        tracker.register("it's", mlflow_run_id="x", key="k", bundle=bundle)


def test_a_broken_store_is_explained(tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("create table alembic_version (version_num text)")
        connection.execute("insert into alembic_version values ('not-a-revision')")
    connection.close()
    with pytest.raises(WorkspaceError, match="MLflow failed"):
        _log(Tracker(tmp_path, "p"), "k")


def test_the_command_that_shows_the_runs(tracker, store):
    words = shlex.split(tracker.ui_command())
    assert words == ["mlflow", "ui", "--backend-store-uri", f"sqlite:///{store}/mlflow.db"]
    assert ui_command(store) == tracker.ui_command()
