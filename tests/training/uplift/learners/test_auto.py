"""The automatic choice prefers what predicts unseen rows, is calibrated, and sees nothing where there is nothing."""

import numpy as np
import pytest

from training.metrics.uplift import qini_area
from training.uplift.base import TrialRows
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.linear import LinearConfig
from training.uplift.doubly_robust import effect_scores
from training.uplift.learners.auto import DEFAULT_CANDIDATES, AutoConfig, AutoLearner, _weights
from training.uplift.learners.dr_learner import DrLearnerConfig
from training.uplift.learners.t_learner import TLearnerConfig

LINEAR = LinearConfig(penalty=100)
TREES = BoostedConfig(n_trees=40, n_leaves=4, min_child_rows=100, learning_rate=0.2, n_jobs=1)
WILD = BoostedConfig(n_trees=30, n_leaves=31, min_child_rows=5, learning_rate=0.3, n_jobs=1)
CONFIG = AutoConfig(
    candidates=(
        DrLearnerConfig(base=LINEAR, effect=LINEAR),
        DrLearnerConfig(base=LINEAR, effect=TREES),
        TLearnerConfig(base=WILD),
    ),
    outcome=LINEAR,
    n_jobs=1,
)


def world(name, *, n=6_000, seed=0):
    """Rows with an effect that is linear in x, an exclusive-or of two signs, or the same for all."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    effect = {
        "line": 0.5 * x[:, 0],
        "corner": np.where(x[:, 0] * x[:, 1] > 0, 1.0, -1.0),
        "none": np.zeros(n),
    }[name]
    treated = rng.random(n) < 0.5
    outcome = x[:, 2] + treated * effect + rng.normal(size=n)
    return TrialRows(x, outcome, treated, np.full(n, 0.5), "continuous"), effect


@pytest.mark.parametrize(("name", "winner"), [("line", 0), ("corner", 1)])
def test_the_learner_that_fits_the_world_weighs_most(name, winner):
    learner = AutoLearner.fit(world(name)[0], CONFIG)
    weights = [result.weight for result in learner.candidates]
    assert np.argmax(weights) == winner
    assert learner.candidates[winner].gain > 3 * learner.candidates[winner].gain_se


def test_predictions_are_calibrated_though_candidates_are_not():
    learner = AutoLearner.fit(world("line")[0], CONFIG)
    fresh, truth = world("line", seed=1)
    uplift = learner.predict(fresh.matrix)
    slope = np.polyfit(uplift, truth, 1)[0]
    wild = learner.from_texts(learner.texts(), config=CONFIG)  # the loaded one is the same
    np.testing.assert_array_equal(wild.predict(fresh.matrix), uplift)
    assert slope == pytest.approx(1, abs=0.15)


def test_without_differences_hardly_any_are_claimed():
    spreads, areas = [], []
    for seed in range(5):
        learner = AutoLearner.fit(world("none", n=2_000, seed=seed)[0], CONFIG)
        fresh, _ = world("none", n=2_000, seed=100 + seed)
        uplift = learner.predict(fresh.matrix)
        spreads.append(uplift.std())
        effect = effect_scores(fresh.outcome, fresh.treated, fresh.probability)
        areas.append(qini_area(effect, uplift))
    assert np.median(spreads) < 0.05  # the wild T-learner spreads by more than 1
    assert sum(area.low > 0 for area in areas) <= 1


def test_a_constant_outcome_gives_the_average_to_everybody():
    rows, _ = world("none", n=400)
    rows = TrialRows(rows.matrix, np.ones(400), rows.treated, rows.probability, "continuous")
    learner = AutoLearner.fit(rows, CONFIG)
    np.testing.assert_array_equal(learner.predict(rows.matrix), np.zeros(400))
    assert learner.shrinkage == 0


def test_weights_by_hand():
    """Orthogonal columns: each weight is its own slope, a negative one becomes 0, a constant column has none."""
    spread = np.array([[1.0, 1, 0], [1, -1, 0], [-1, 1, 0], [-1, -1, 0]])
    goal = 0.5 * spread[:, 0] - 2 * spread[:, 1]
    np.testing.assert_allclose(_weights(spread, goal), [0.5, 0, 0], atol=1e-12)


def test_the_choice_is_reported_and_every_learner_has_the_same_budget():
    learner = AutoLearner.fit(world("line", n=1_000)[0], CONFIG)
    choice = learner.choice()
    assert len(choice["candidates"]) == 3
    assert {"config", "gain", "gain_se", "weight"} <= set(choice["candidates"][0])
    kinds = [candidate.kind for candidate in DEFAULT_CANDIDATES]
    assert {kind: kinds.count(kind) for kind in kinds} == dict.fromkeys(kinds, 2)


def test_one_number_of_threads_rules():
    config = AutoConfig(n_jobs=1)
    assert '"n_jobs":2' not in config.model_dump_json()
    assert AutoConfig.model_validate_json(config.model_dump_json()) == config
