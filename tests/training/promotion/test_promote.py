"""First, promoted, refused, forced: aliases move only then, and the same question is asked once."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from features.config import BaseConfig
from features.errors import ConfigError, GateError, WorkspaceError
from features.store import Workspace
from training.models.registry import CHALLENGER, CHAMPION, ModelRegistry
from training.promotion.config import RecommenderGate
from training.promotion.gate import Check
from training.promotion.promote import (
    Contest,
    decision_lines,
    promote_asked,
    promote_trained,
    require_promoted,
)
from training.recommenders.recent_popular import RecentPopular, RecentPopularConfig
from training.tracking.runs import Tracker

TRAINING = "train-toy"


class Toy(BaseConfig):
    """What a training is made of."""

    worth: float


@pytest.fixture(scope="module")
def bundle(shop, tmp_path_factory):
    purchases, histories, closes = shop
    folder = tmp_path_factory.mktemp("model") / "bundle"
    RecentPopular(RecentPopularConfig()).fit(histories(purchases).everyone(closes)).save(folder)
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Tracker(tmp_path_factory.mktemp("store"), "p")


class Shop:
    """Trainings of one model whose worth is a number, and the contests between them."""

    def __init__(self, store, bundle, folder, model):
        self.store, self.bundle, self.model, self.compared = store, bundle, model, 0
        self.workspace, self.registry = Workspace(folder), ModelRegistry(store.store)
        self.worth: dict[str, float] = {}

    def contest(self):
        return Contest(
            "promote-toy",
            self.workspace,
            self.registry,
            TRAINING,
            lambda _: [self.model],
            RecommenderGate(),
            self.compare,
        )

    def compare(self, new, old):
        self.compared += 1
        worse = self.worth[new.key] - self.worth[old.key]
        return [Check("worth", self.worth[new.key], self.worth[old.key], worse, worse, 0.005)]

    def train(self, worth):
        run = self.workspace.carry_out(
            TRAINING,
            lambda writer, _: writer.json("metrics.json", {"worth": worth}),
            config=Toy(worth=worth),
            inputs={},
            layer="training",
        )
        self.worth[run.run_id] = worth
        logged = self.store.log_run(
            name="r", key=f"{self.model}-{run.run_id}", params={}, metrics={}, artifacts=run.path
        )
        self.registry.register(self.model, mlflow_run_id=logged, key=run.run_id, bundle=self.bundle)
        return run

    def outcome(self, run):
        (decision,) = run.json("promotion.json")
        return decision["outcome"]

    def in_force(self):
        return self.registry.champion(self.model).number

    def aliases(self):
        found = {a: self.registry.with_alias(self.model, a) for a in (CHAMPION, CHALLENGER)}
        return {alias: version and version.number for alias, version in found.items()}


@pytest.fixture
def toy(store, bundle, tmp_path, request):
    return Shop(store, bundle, tmp_path, request.node.name)


def test_the_first_is_in_force_and_asked_once(toy):
    toy.train(0.3)
    first = promote_trained(toy.contest())
    assert toy.outcome(first) == "first"
    assert toy.aliases() == {CHAMPION: 1, CHALLENGER: None}
    toy.train(0.3)
    again = promote_trained(toy.contest())
    assert (again.run_id, again.reused, toy.compared) == (first.run_id, True, 0)


def test_not_worse_is_promoted_and_worse_is_not(toy):
    toy.train(0.300)
    promote_trained(toy.contest())
    toy.train(0.296)
    assert toy.outcome(promote_trained(toy.contest())) == "promoted"
    assert toy.aliases() == {CHAMPION: 2, CHALLENGER: None}
    toy.train(0.290)
    refused = promote_trained(toy.contest())
    assert toy.outcome(refused) == "refused"
    assert toy.aliases() == {CHAMPION: 2, CHALLENGER: 3}
    (told,) = decision_lines(refused)
    assert told.startswith(f"{toy.model} version 3 refused: worth -0.006, at worst -0.006, below")
    assert told.endswith("; version 2 stays in force")
    again = promote_trained(toy.contest())
    assert (again.run_id, again.reused, toy.compared) == (refused.run_id, True, 2)
    tags = toy.registry.version(toy.model, 3).tags
    assert tags["retarget.decision"] == "refused"
    assert "version 2 stays" in tags["retarget.reason"]


def test_a_refused_version_can_be_forced_with_a_reason(toy):
    toy.train(0.30)
    promote_trained(toy.contest())
    toy.train(0.20)
    with pytest.raises(GateError, match=r"version 2 is not promoted: worth -0\.1.*--force"):
        require_promoted(promote_asked(toy.contest()))
    assert toy.in_force() == 1
    forced = promote_asked(toy.contest(), force="contract with the client")
    require_promoted(forced)
    assert toy.outcome(forced) == "forced"
    assert toy.aliases() == {CHAMPION: 2, CHALLENGER: None}
    tags = toy.registry.version(toy.model, 2).tags
    assert (tags["retarget.decision"], tags["retarget.forced"]) == (
        "forced",
        "contract with the client",
    )
    # the training called again: the forced decision is found, nothing changes
    toy.train(0.20)
    again = promote_trained(toy.contest())
    assert (toy.outcome(again), again.reused, toy.in_force()) == ("forced", True, 2)


def test_what_was_taken_out_by_hand_stays_out(toy):
    toy.train(0.30)
    promote_trained(toy.contest())
    toy.train(0.31)
    promote_trained(toy.contest())
    assert toy.in_force() == 2
    promote_asked(toy.contest(), number=1, force="version 2 shows sold-out items")
    assert toy.in_force() == 1
    toy.train(0.31)  # found finished
    kept = promote_trained(toy.contest())
    assert toy.outcome(kept) == "refused"
    assert "taken out of force by hand (version 2 shows sold-out items)" in decision_lines(kept)[0]
    promote_asked(toy.contest(), number=2, force="sold-out items are gone")
    toy.train(0.31)
    promote_trained(toy.contest())
    assert toy.in_force() == 2


def test_an_older_training_run_again_is_compared_again(toy):
    toy.train(0.30)
    promote_trained(toy.contest())
    toy.train(0.35)
    promote_trained(toy.contest())
    toy.train(0.30)
    assert toy.outcome(promote_trained(toy.contest())) == "refused"
    assert toy.in_force() == 2


def test_a_gate_that_says_no_refuses(toy):
    toy.train(0.30)
    promote_trained(toy.contest())
    toy.train(0.31)

    def other_outcome(new, old):
        raise GateError("model", "predicts revenue", rule="the same", next_step="Train again.")

    refused = promote_trained(replace(toy.contest(), compare=other_outcome))
    assert "predicts revenue" in decision_lines(refused)[0]
    assert toy.in_force() == 1


def test_what_cannot_be_asked_for_says_why(toy):
    toy.train(0.30)
    promote_trained(toy.contest())
    with pytest.raises(WorkspaceError, match="has no version with the alias 'challenger'"):
        promote_asked(toy.contest())
    with pytest.raises(WorkspaceError, match="MLflow failed"):
        promote_asked(toy.contest(), number=9)
    with pytest.raises(ConfigError, match="this training registers"):
        promote_asked(toy.contest(), model="other")
    several = replace(toy.contest(), models=lambda _: [toy.model, "second"])
    with pytest.raises(ConfigError, match="Name one of them with --model"):
        promote_asked(several, number=1)


def test_a_champion_without_files_is_replaced(toy):
    toy.train(0.30)
    promote_trained(toy.contest())
    shutil.rmtree(toy.registry.champion(toy.model).bundle)
    toy.train(0.20)
    assert toy.outcome(promote_trained(toy.contest())) == "first"
    assert toy.in_force() == 2


def test_every_check_is_stored(toy):
    toy.train(0.30)
    promote_trained(toy.contest())
    toy.train(0.31)
    run = promote_trained(toy.contest())
    (decision,) = json.loads((run.path / "promotion.json").read_text())
    (stored,) = decision["checks"]
    assert (stored["metric"], stored["margin"], stored["passed"]) == ("worth", 0.005, True)
    assert stored["difference"] == pytest.approx(0.01)
