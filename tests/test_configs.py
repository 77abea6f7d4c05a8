"""Every config in the repository is valid, short, and says how to run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.config import load_config, read_yaml
from features.erasure.request import ErasureConfig
from features.project import ProjectConfig
from features.simulate.overlay import OverlayConfig
from features.simulate.store.config import StoreConfig
from features.simulate.store.replay_config import ReplayConfig
from features.steps.config import FeaturesConfig
from serving.config import CampaignConfig
from serving.exports.config import ExportsConfig
from serving.proof.config import ProofConfig
from training.experiments.config import MeasureConfig
from training.experiments.design_config import DesignConfig
from training.experiments.regions.config import RegionDesignConfig, RegionMeasureConfig
from training.flat_recommender.config import FlatRecommenderConfig
from training.project_recommender.config import RecommenderTrainingConfig
from training.promotion.config import PromotionConfig
from training.tuning.config import TuneConfig, load_tuning
from training.uplift.config import UpliftTrainingConfig

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
BY_KIND = {
    "overlay": OverlayConfig,
    "store": StoreConfig,
    "replay": ReplayConfig,
    "recommender": RecommenderTrainingConfig,
    "flat_recommender": FlatRecommenderConfig,
    "uplift": UpliftTrainingConfig,
    "tune": TuneConfig,
    "campaign": CampaignConfig,
    "erasure": ErasureConfig,
    "exports": ExportsConfig,
    "features": FeaturesConfig,
    "measure": MeasureConfig,
    "design": DesignConfig,
    "design_regions": RegionDesignConfig,
    "measure_regions": RegionMeasureConfig,
    "promotion": PromotionConfig,
    "proof": ProofConfig,
    None: ProjectConfig,
}


def test_there_are_configs():
    assert len(CONFIGS) >= 6


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_config(path):
    load_config(BY_KIND[read_yaml(path).get("kind")], path)
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# retarget ")
    assert str(path.relative_to(ROOT)) in lines[0] or str(path.parent.relative_to(ROOT)) in lines[0]
    assert len(lines) <= 25


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("configs/*/tune.yaml")), ids=lambda p: p.parent.name
)
def test_search_space(path):
    """Every end of every range fits the config of its model."""
    plan = load_tuning(path)
    assert all(space.distributions for space in plan.spaces)
