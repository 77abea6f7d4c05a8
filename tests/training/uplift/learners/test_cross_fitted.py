"""The R- and the DR-learner: the control is the mean of the folds' models, and what the effect model learns, by hand."""

import numpy as np
import pytest

from training.uplift.base import TrialRows
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.registry import trainer
from training.uplift.doubly_robust import DoublyRobustScores, doubly_robust_scores
from training.uplift.learners.dr_learner import DrLearner, DrLearnerConfig
from training.uplift.learners.r_learner import RLearner, RLearnerConfig

QUICK = BoostedConfig(n_trees=5, n_leaves=4, min_child_rows=20, n_jobs=1)


@pytest.mark.parametrize(
    ("learner", "config"), [(DrLearner, DrLearnerConfig), (RLearner, RLearnerConfig)]
)
def test_the_control_is_the_mean_of_the_models_of_the_folds(trial_rows, learner, config):
    rows, _ = trial_rows(1_000)
    settings = config(base=QUICK, effect=QUICK, n_folds=3, seed=4)
    scored = doubly_robust_scores(rows, config=QUICK, n_folds=3, seed=4)
    by_fold = [model.predict(rows.matrix) for model in scored.control_models]
    fitted = learner.fit(rows, settings)
    assert sorted(fitted.texts()) == [
        "control_0.txt",
        "control_1.txt",
        "control_2.txt",
        "effect.txt",
    ]
    np.testing.assert_allclose(
        fitted.predict_control(rows.matrix), sum(by_fold) / 3, rtol=0, atol=1e-15
    )


def test_what_the_effect_model_learns():
    """One treated and one untreated row, p = .25 and .5; expected outcomes 1 and 3, 2 and 4."""
    rows = TrialRows(
        np.zeros((2, 1)),
        np.array([5.0, 1.0]),
        np.array([True, False]),
        np.array([0.25, 0.5]),
        "continuous",
    )
    scored = DoublyRobustScores(
        np.array([7.0, 9.0]), np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([0, 1]), ()
    )
    target, weight = DrLearner.regression(rows, scored)
    assert target.tolist() == [7.0, 9.0]
    assert weight is None
    target, weight = RLearner.regression(rows, scored)
    expected = 0.25 * 3 + 0.75 * 1, 0.5 * 4 + 0.5 * 2
    assert target.tolist() == pytest.approx([(5 - expected[0]) / 0.75, (1 - expected[1]) / -0.5])
    mean = (0.75**2 + 0.5**2) / 2
    assert weight.tolist() == pytest.approx([0.75**2 / mean, 0.5**2 / mean])


def test_shared_bins_change_no_model(trial_rows):
    rows, _ = trial_rows(1_000)
    other = QUICK.model_copy(update={"n_leaves": 7, "min_child_rows": 50, "learning_rate": 0.2})
    first = trainer(QUICK, rows.matrix, categorical=rows.categorical)
    shared, own = (
        trainer(other, rows.matrix, categorical=rows.categorical, shared=taken)
        for taken in (first, None)
    )
    assert shared.bins is first.bins
    models = [one.train(rows.outcome, kind="binary", rows=rows.treated) for one in (shared, own)]
    np.testing.assert_array_equal(*(model.predict(rows.matrix) for model in models))


def test_a_monotone_trainer_has_bins_of_its_own(trial_rows):
    rows, _ = trial_rows(1_000)
    monotone = [1] + [0] * (rows.matrix.shape[1] - 1)
    first = trainer(QUICK, rows.matrix, categorical=())
    second = trainer(QUICK, rows.matrix, categorical=(), monotone=monotone, shared=first)
    assert second.bins is not first.bins
