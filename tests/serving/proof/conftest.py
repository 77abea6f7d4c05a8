"""A proof small enough for a test, and its first store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.simulate.store.config import PeopleConfig, ShelfConfig, StoreConfig
from features.simulate.store.world_config import ArmConfig, TruthConfig, WorldConfig
from serving.proof.config import DesignConfig, LearningConfig, ProofConfig
from serving.proof.season import run_pilot
from serving.proof.stage import build_stage
from training.uplift.base_models.boosted import BoostedConfig


@pytest.fixture(scope="session")
def proof():
    return ProofConfig(
        kind="proof",
        folder=Path("proof"),
        seeds=2,
        store=StoreConfig(
            kind="store",
            persons=600,
            first=datetime(2026, 1, 5, tzinfo=UTC),
            days=77,
            shelf=ShelfConfig(items=60, categories=6, brands=5),
            people=PeopleConfig(visits_per_day=0.3),
        ),
        world=WorldConfig(
            first_day=49, weeks=4, truth=TruthConfig(arms=(ArmConfig(name="reminder"),), gain=0.2)
        ),
        design=DesignConfig(pilot_weeks=2),
        learning=LearningConfig(n_folds=2, outcomes=BoostedConfig(n_trees=5, n_jobs=1)),
    )


@pytest.fixture(scope="session")
def stage(proof):
    return build_stage(proof, seed=1)


@pytest.fixture(scope="session")
def pilot(stage):
    return run_pilot(stage)
