"""A learner behaves as scikit-learn's tools expect."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from training.uplift.base_models.linear import LinearConfig
from training.uplift.estimator import UpliftEstimator
from training.uplift.learners.dr_learner import DrLearnerConfig
from training.uplift.learners.registry import fit_learner
from training.uplift.learners.t_learner import TLearnerConfig

CONFIG = TLearnerConfig(base=LinearConfig(penalty=10))


def test_clone_and_parameters():
    estimator = UpliftEstimator(CONFIG, kind="continuous", categorical=(1,))
    twin = clone(estimator)
    assert twin.get_params() == estimator.get_params()
    assert twin.set_params(learner=DrLearnerConfig()).learner.kind == "dr_learner"


def test_it_is_the_learner(trial_rows):
    rows, _ = trial_rows(1_000)
    estimator = UpliftEstimator(CONFIG, categorical=rows.categorical)
    estimator.fit(rows.matrix, rows.outcome, treated=rows.treated, probability=0.5)
    np.testing.assert_array_equal(
        estimator.predict(rows.matrix), fit_learner(rows, CONFIG).predict(rows.matrix)
    )


def test_in_a_pipeline(trial_rows):
    rows, _ = trial_rows(1_000)
    pipeline = Pipeline([("scale", StandardScaler()), ("uplift", UpliftEstimator(CONFIG))])
    pipeline.fit(rows.matrix, rows.outcome, uplift__treated=rows.treated, uplift__probability=0.5)
    assert pipeline.predict(rows.matrix).shape == (1_000,)


def test_the_score_prefers_the_truth(trial_rows):
    rows, truth = trial_rows(20_000)
    known = {"treated": rows.treated, "probability": rows.probability}
    fitted = UpliftEstimator(CONFIG).fit(rows.matrix, rows.outcome, **known)
    wild = UpliftEstimator(CONFIG).fit(rows.matrix, 1 - rows.outcome, **known)
    assert fitted.score(rows.matrix, rows.outcome, **known) > wild.score(
        rows.matrix, rows.outcome, **known
    )
    assert truth.mean() > 0


def test_refusals(trial_rows):
    rows, _ = trial_rows(100)
    with pytest.raises(NotFittedError):
        UpliftEstimator(CONFIG).predict(rows.matrix)
    with pytest.raises(ValueError, match="must have the same rows"):
        UpliftEstimator(CONFIG).fit(
            rows.matrix, rows.outcome[:9], treated=rows.treated, probability=0.5
        )
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        UpliftEstimator(CONFIG).fit(
            rows.matrix, rows.outcome, treated=rows.treated, probability=1.0
        )
