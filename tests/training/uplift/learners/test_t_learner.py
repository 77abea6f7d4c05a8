"""The T-learner is the difference of two arms, each fitted to the whole population."""

import numpy as np
import pytest

from training.uplift.base import TrialRows
from training.uplift.learners.t_learner import TLearner


def test_uplift_is_the_difference_of_the_arms_and_a_probability_each(trial_rows, quick):
    rows, _ = trial_rows()
    learner = TLearner.fit(rows, quick)
    treated = learner.predict_treated(rows.matrix)
    control = learner.predict_control(rows.matrix)
    np.testing.assert_array_equal(learner.predict(rows.matrix), treated - control)
    assert ((treated > 0) & (treated < 1) & (control > 0) & (control < 1)).all()


def test_a_continuous_outcome_is_predicted_in_its_own_units(trial_rows, quick):
    rows, _ = trial_rows(scale=100)
    found = TLearner.fit(rows, quick).predict_treated(rows.matrix).mean()
    assert found == pytest.approx(rows.outcome[rows.treated].mean(), rel=0.05)


def test_varying_probabilities_weigh_each_arm_back_to_the_population(quick):
    rng = np.random.default_rng(2)
    hidden = rng.random(20_000) < 0.5
    probability = np.where(hidden, 0.8, 0.2)
    treated = rng.random(20_000) < probability
    outcome = hidden * 1.0 + rng.normal(size=20_000)
    matrix = np.ones((20_000, 1))  # the model cannot see what the probability followed
    config = quick.model_copy(update={"base": quick.base.model_copy(update={"n_trees": 1})})

    def average(known):
        rows = TrialRows(matrix, outcome, treated, known, "continuous")
        return TLearner.fit(rows, config).predict(matrix[:1])[0]

    assert average(probability) == pytest.approx(0.0, abs=0.06)
    assert average(np.full(20_000, 0.5)) == pytest.approx(0.8 - 0.2, abs=0.06)


def test_files_are_named_after_the_arms(trial_rows, quick):
    learner = TLearner.fit(trial_rows()[0], quick)
    assert sorted(learner.texts()) == ["control.txt", "treated.txt"]
