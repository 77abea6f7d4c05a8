"""Versions by content, and aliases that move only when told to."""

from __future__ import annotations

import shutil

import pytest
from mlflow.tracking import MlflowClient

from features.errors import InputError, WorkspaceError
from training.models.registry import CHALLENGER, CHAMPION, ModelRegistry
from training.recommenders.recent_popular import RecentPopular, RecentPopularConfig
from training.tracking.runs import Tracker


@pytest.fixture(scope="module")
def bundle(shop, tmp_path_factory):
    purchases, histories, closes = shop
    folder = tmp_path_factory.mktemp("model") / "bundle"
    RecentPopular(RecentPopularConfig()).fit(histories(purchases).everyone(closes)).save(folder)
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One store for the module: making one takes seconds. Every test takes a model of its own."""
    return Tracker(tmp_path_factory.mktemp("my work"), "project")


@pytest.fixture
def register(store, bundle, request):
    registry = ModelRegistry(store.store)

    def version(key, **more):
        run = store.log_run(name="run", key=key, params={}, metrics={}, artifacts=bundle)
        return registry.register(
            request.node.name, mlflow_run_id=run, key=key, bundle=bundle, **more
        )

    return version


def test_a_training_is_registered_once_as_challenger(store, register, request):
    first = register("k1", description="# Card")
    assert (first.number, first.aliases, first.key) == (1, (CHALLENGER,), "k1")
    assert register("k1").number == 1
    second = register("k2")
    assert second.number == 2
    registry, model = ModelRegistry(store.store), request.node.name
    assert registry.version(model, 1).aliases == ()
    assert registry.with_alias(model, CHALLENGER).number == 2
    assert registry.with_alias(model, CHAMPION) is None
    client = MlflowClient(f"sqlite:///{store.store.folder}/mlflow.db")
    assert client.get_model_version(model, "1").description == "# Card"


def test_in_force_is_no_challenger_any_more(store, register, request):
    registry, model = ModelRegistry(store.store), request.node.name
    registry.put_in_force(register("k1"))
    assert registry.champion(model).aliases == (CHAMPION,)
    # the finished training called again: still in force, no challenger to itself
    assert register("k1").aliases == (CHAMPION,)
    register("k2")
    assert registry.champion(model).key == "k1"
    registry.put_in_force(registry.version(model, 2))
    assert (registry.champion(model).key, registry.version(model, 1).aliases) == ("k2", ())
    # putting the first back in force makes no third version
    registry.put_in_force(registry.version(model, 1))
    assert registry.champion(model).number == 1


def test_the_bundle_stands_apart_from_the_files_of_the_run(store, register, bundle):
    version = register("k1")
    assert sorted(path.name for path in version.bundle.iterdir()) == sorted(
        path.name for path in bundle.iterdir()
    )
    assert (version.files / "manifest.json").is_file()
    assert version.bundle.is_relative_to(version.files / "registered")


def test_labels_are_kept(store, register, request):
    registry = ModelRegistry(store.store)
    registry.label(register("k1"), {"why": "because"})
    assert registry.version(request.node.name, 1).tags["why"] == "because"


def test_no_champion_says_what_to_run(store):
    with pytest.raises(WorkspaceError, match=r"has no version with the alias 'champion'.*train"):
        ModelRegistry(store.store).champion("nobody")


def test_lost_files_are_noticed(store, register, request):
    version = register("k-lost")
    shutil.rmtree(version.bundle)
    with pytest.raises(WorkspaceError, match="version 1 has lost its files"):
        ModelRegistry(store.store).version(request.node.name, 1)


def test_names_that_cannot_be_searched_for_are_refused(store, bundle):
    with pytest.raises(InputError, match="keys and model names are letters"):
        ModelRegistry(store.store).register("it's", mlflow_run_id="x", key="k", bundle=bundle)
