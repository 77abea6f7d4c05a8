"""Against a real store in a temporary folder."""

from __future__ import annotations

import sqlite3

import pytest
from mlflow.tracking import MlflowClient

from features.errors import InputError, WorkspaceError
from training.tracking.runs import Tracker


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
def files(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text("{}")
    return tmp_path / "run"


def _log(tracker, key, **changes):
    facts = {"params": {"a": 1}, "metrics": {"ndcg_at_10.all": 0.25}, **changes}
    return tracker.log_run(name="run", key=key, **facts)


def test_a_run_holds_what_was_logged(tracker, client, files):
    run_id = _log(
        tracker,
        "k-holds",
        metrics={"loss": -2.0, "none": None, "nan": float("nan")},
        curves={"ndcg_by_week": [0.3, None, 0.25]},
        tags={"step": "train"},
        description="# Card",
        artifacts=files,
    )
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"a": "1"}
    assert run.data.metrics == {"loss": -2.0, "ndcg_by_week": 0.25}
    curve = client.get_metric_history(run_id, "ndcg_by_week")
    assert [(point.step, point.value) for point in curve] == [(0, 0.3), (2, 0.25)]
    assert run.data.tags["mlflow.note.content"] == "# Card"
    assert run.data.tags["retarget.key"] == "k-holds"
    assert run.data.tags["step"] == "train"
    assert [f.path for f in client.list_artifacts(run_id)] == ["manifest.json"]
    assert (tracker.store.artifacts(run_id) / "manifest.json").is_file()


def test_the_same_key_is_logged_once(tracker, store):
    first = _log(tracker, "k-once")
    again = Tracker(store, tracker.store.project)
    assert _log(again, "k-once") == first
    assert _log(again, "k-other") != first


def test_a_killed_run_is_marked_and_logged_anew(tracker, client):
    _log(tracker, "k-first")
    project = client.get_experiment_by_name(tracker.store.project).experiment_id
    killed = client.create_run(project, tags={"retarget.key": "k-killed"}).info.run_id
    fresh = _log(tracker, "k-killed")
    assert fresh != killed
    assert client.get_run(killed).info.status == "KILLED"
    assert _log(tracker, "k-killed") == fresh


def test_names_mlflow_refuses_are_refused_first(tracker):
    with pytest.raises(InputError, match="Write 'ndcg_at_10', not 'ndcg@10'"):
        _log(tracker, "k", metrics={"ndcg@10": 1.0})
    with pytest.raises(InputError, match="keys and model names are letters"):
        _log(tracker, "k' OR '1' = '1")


def test_a_broken_store_is_explained(tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("create table alembic_version (version_num text)")
        connection.execute("insert into alembic_version values ('not-a-revision')")
    connection.close()
    with pytest.raises(WorkspaceError, match="MLflow failed"):
        _log(Tracker(tmp_path, "p"), "k")
