"""Probabilities nobody knows: estimated out of fold, clipped, and the overlap of the arms told in figures."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.errors import GateError
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.linear import LinearConfig
from training.uplift.data_config import PropensityConfig
from training.uplift.propensity import estimate_propensities, measure_overlap
from training.uplift.rows import UpliftRows

SMALL = BoostedConfig(n_trees=100, min_child_rows=100, n_jobs=1)


def people(n=8_000, *, strength=1.0, arms=2, seed=0, group=None):
    """Rows whose arm follows a number: log-odds `strength` x age of the last arm; and the true probabilities."""
    rng = np.random.default_rng(seed)
    age = rng.normal(size=n)
    odds = np.ones((n, arms))
    odds[:, -1] = np.exp(strength * age)
    truth = odds / odds.sum(axis=1, keepdims=True)
    arm = (rng.random(n)[:, None] > np.cumsum(truth, axis=1)).sum(axis=1)
    rows = UpliftRows(
        ids=pa.table({c.LINE: np.arange(n)}),
        features=pa.table({"age": age, "noise": rng.normal(size=n)}),
        arms=("none", "mail", "post")[:arms],
        arm=arm,
        probability=np.full((n, arms), 1 / arms),
        outcomes={"visit": rng.random(n)},
        group=group,
        time=None,
        source="people.csv",
    )
    return rows, truth


@pytest.mark.parametrize("arms", [2, 3])
@pytest.mark.parametrize("model", [SMALL, LinearConfig(penalty=10)], ids=["lightgbm", "linear"])
def test_the_truth_is_found(arms, model):
    rows, truth = people(arms=arms)
    found = estimate_propensities(rows, PropensityConfig(model=model)).probability
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.corrcoef(found[:, -1], truth[:, -1])[0, 1] > 0.93
    assert np.abs(found - truth).mean() < 0.05
    assert found.mean(axis=0) == pytest.approx(truth.mean(axis=0), abs=0.02)


def test_no_row_is_seen_by_its_own_model():
    """A column that numbers the rows tells nothing of rows that are not there."""
    rows, _ = people(2_000, strength=0.0)
    secret = replace(rows, features=pa.table({"row": np.random.default_rng(3).permutation(2_000)}))
    wild = BoostedConfig(n_trees=200, n_leaves=64, min_child_rows=5, learning_rate=0.3, n_jobs=1)
    found = estimate_propensities(secret, PropensityConfig(model=wild))
    treated = found.arm == 1
    overlap = measure_overlap(treated, found.probability[:, 1], found.clipped)
    assert overlap.auc == pytest.approx(0.5, abs=0.05)


def test_persons_share_a_fold():
    """A person's rows share age and arm; known from the other row, the arm would be certain."""
    half, _ = people(1_000, strength=0.0)
    twice = UpliftRows(
        ids=pa.concat_tables([half.ids] * 2),
        features=pa.concat_tables([half.features.select(["age"])] * 2),
        arms=half.arms,
        arm=np.tile(half.arm, 2),
        probability=np.tile(half.probability, (2, 1)),
        outcomes={"visit": np.zeros(2_000)},
        group=np.tile(np.arange(1_000), 2),
        time=None,
        source="twice",
    )
    wild = PropensityConfig(
        model=BoostedConfig(n_trees=300, n_leaves=64, min_child_rows=2, learning_rate=0.3, n_jobs=1)
    )
    aucs = [
        measure_overlap(found.arm == 1, found.probability[:, 1], found.clipped).auc
        for found in (
            estimate_propensities(rows, wild) for rows in (twice, replace(twice, group=None))
        )
    ]
    assert aucs[0] == pytest.approx(0.5, abs=0.06)
    assert aucs[1] > 0.6


def test_probabilities_are_clipped_and_counted():
    rows, truth = people(strength=2.0)
    found = estimate_propensities(rows, PropensityConfig(model=LinearConfig(penalty=1), clip=0.2))
    assert found.probability.min() == pytest.approx(0.2)
    assert found.probability.max() == pytest.approx(0.8)
    beyond = (truth[:, 1] < 0.2) | (truth[:, 1] > 0.8)
    assert found.clipped.mean() == pytest.approx(beyond.mean(), abs=0.03)
    assert found.subset(found.clipped).clipped.all()


def test_arms_without_overlap_are_refused():
    rows, _ = people(strength=20.0)
    with pytest.raises(GateError) as caught:
        estimate_propensities(rows, PropensityConfig(model=LinearConfig(penalty=1)))
    assert "people.csv: the features tell the arms apart: " in str(caught.value)
    assert "of the estimated probabilities lie beyond 0.02; at most 50% may" in str(caught.value)


def test_overlap_by_hand():
    treated = np.array([True, True, False, False, False])
    probability = np.array([0.8, 0.4, 0.4, 0.2, 0.2])
    found = measure_overlap(treated, probability, np.array([True, False, False, False, False]))
    # pairs won by the treated: .8 beats three, .4 ties one and beats two
    assert found.auc == pytest.approx((3 + 2.5) / 6)
    assert found.effective_treated == pytest.approx(
        (1 / 0.8 + 1 / 0.4) ** 2 / (1 / 0.8**2 + 1 / 0.4**2)
    )
    weights = np.array([1 / 0.6, 1 / 0.8, 1 / 0.8])
    assert found.effective_control == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert found.share_clipped == 1 / 5
    assert (found.smallest, found.largest) == (0.2, 0.8)
    assert (found.n_control, found.n_treated) == (3, 2)
    assert sum(found.control_counts) == 3
    assert sum(found.treated_counts) == 2
