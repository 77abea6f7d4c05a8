"""A score finds its group, and the group's interval holds the mean effect of new rows as often as it says."""

import json

import numpy as np
import pytest

from features.run import to_json
from training.metrics.estimates import Estimate
from training.metrics.uplift import DecileEffect, uplift_by_bin
from training.uplift.score_groups import ScoreGroups


def found(number, least, effect):
    mean = Estimate(effect, 0.5, effect - 1, effect + 1, 0.1, 10, 10)
    return DecileEffect(number, least, least + 0.5, least + 0.2, mean)


GROUPS = ScoreGroups.of([found(1, 3.0, 9.0), found(2, 1.0, 5.0), found(4, -2.0, 2.0)])


def test_a_score_belongs_to_the_highest_group_it_reaches():
    scores = np.array([7.0, 3.0, 2.9, 1.0, 0.0, -2.0, -9.0])
    assert GROUPS.place(scores).tolist() == [0, 0, 1, 1, 2, 2, 2]
    low, high = GROUPS.intervals(scores[:3])
    assert low.tolist() == [8, 8, 4]
    assert high.tolist() == [10, 10, 6]
    assert ScoreGroups.from_dict(GROUPS.as_dict()) == GROUPS
    stored = json.loads(to_json({**GROUPS.as_dict(), "low": [float("nan"), 4, 1]}))
    assert np.isnan(ScoreGroups.from_dict(stored).intervals(scores[:1])[0])


def test_test_rows_are_in_the_groups_they_were_measured_in():
    rng = np.random.default_rng(0)
    score, effect = rng.integers(0, 30, 500) / 7, rng.normal(size=500)
    bins = uplift_by_bin(effect, score, n_bins=5)
    groups = ScoreGroups.of(bins)
    place = groups.place(score)
    for number, one in enumerate(bins):
        inside = place == number
        assert inside.sum() == one.effect.n_rows
        assert effect[inside].mean() == pytest.approx(one.effect.value)


@pytest.mark.parametrize("spread", [0.0, 0.3], ids=["one_effect", "effects_differ"])
def test_new_rows_have_the_mean_effect_that_the_interval_says(spread):
    """400 tests of 2,000 rows; the score is half wrong. Groups x tests intervals, so the error is that of 400."""
    rng = np.random.default_rng(1)
    new = rng.normal(size=200_000)
    truth = 0.2 + spread * new
    score_of_new = new + rng.normal(size=200_000)
    hits = []
    for _ in range(400):
        x = rng.normal(size=2_000)
        score = x + rng.normal(size=2_000)
        effect = 0.2 + spread * x + rng.normal(size=2_000) * rng.choice([1.0, 4.0], 2_000)
        groups = ScoreGroups.of(uplift_by_bin(effect, score, n_bins=10))
        place = groups.place(score_of_new)
        mean = np.bincount(place, weights=truth) / np.bincount(place)
        hits.append(np.mean((np.array(groups.low) < mean) & (mean < np.array(groups.high))))
    assert np.mean(hits) == pytest.approx(0.95, abs=0.015)
