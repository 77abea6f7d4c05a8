"""A store can be moved and copied; its errors are the workspace's."""

from __future__ import annotations

import shlex
import shutil

import mlflow
import pytest
from mlflow.tracking import MlflowClient

from features.errors import InputError
from training.models.registry import CHAMPION, ModelRegistry
from training.recommenders.recent_popular import RecentPopular, RecentPopularConfig
from training.tracking.mlflow_store import MlflowStore, require_key, ui_command
from training.tracking.runs import Tracker


def files_below(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def test_a_copied_store_leaves_the_first_one_alone(shop, tmp_path):
    purchases, histories, closes = shop
    RecentPopular(RecentPopularConfig()).fit(histories(purchases).everyone(closes)).save(
        tmp_path / "bundle"
    )
    first, copied = tmp_path / "first", tmp_path / "copied"
    tracker = Tracker(first, "p")
    run = tracker.log_run(name="r", key="k1", params={}, metrics={})
    registry = ModelRegistry(tracker.store)
    version = registry.register("m", mlflow_run_id=run, key="k1", bundle=tmp_path / "bundle")
    registry.put_in_force(version)
    shutil.copytree(first, copied)
    before = files_below(first)

    again = Tracker(copied, "p")
    other = again.log_run(name="r", key="k2", params={}, metrics={}, artifacts=tmp_path / "bundle")
    assert (copied / "mlartifacts" / other / "artifacts" / "manifest.json").is_file()
    assert files_below(first) == before
    uri = f"sqlite:///{copied / 'mlflow.db'}"
    client = MlflowClient(uri)
    assert (
        client.get_run(run).info.artifact_uri
        == (copied / "mlartifacts" / run / "artifacts").as_uri()
    )
    shutil.rmtree(first)
    mlflow.set_tracking_uri(uri)
    found = mlflow.pyfunc.load_model(f"models:/m@{CHAMPION}")
    assert len(found.predict(found.input_example)) == 20
    assert ModelRegistry(MlflowStore(copied, "p")).champion("m").number == version.number


def test_the_command_that_shows_the_runs(tmp_path):
    words = shlex.split(ui_command(tmp_path / "my work"))
    assert words == [
        "mlflow",
        "ui",
        "--backend-store-uri",
        f"sqlite:///{tmp_path}/my work/mlflow.db",
    ]


def test_keys_are_words():
    require_key("a-1_b.c")
    with pytest.raises(InputError, match="keys and model names are letters"):
        require_key("it's")
