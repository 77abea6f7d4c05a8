"""The T-learner finds a planted effect, finds none where there is none, and is the same everywhere."""

import numpy as np
import pytest
from scipy import stats

from features.errors import InputError
from training.metrics.uplift import qini_area
from training.uplift.doubly_robust import effect_scores
from training.uplift.encoding import FeatureEncoding
from training.uplift.t_learner import TLearner


def fit(features, outcome, treated, config, *, probability=0.5, kind="binary"):
    encoding = FeatureEncoding.fit(features, source="train")
    matrix = encoding.encode(features, source="train")
    known = np.broadcast_to(np.asarray(probability, float), outcome.shape)
    learner = TLearner.fit(
        matrix,
        outcome,
        treated,
        probability=known,
        kind=kind,
        categorical=encoding.categorical,
        config=config,
    )
    return learner, matrix


def test_quality_floor_on_a_planted_effect(trial, quick):
    features, outcome, treated, _ = trial(8_000)
    learner, _ = fit(features, outcome, treated, quick)
    fresh, outcome, treated, truth = trial(8_000, seed=1)
    matrix = FeatureEncoding.fit(features, source="train").encode(fresh, source="new")
    uplift = learner.predict(matrix)
    assert stats.spearmanr(uplift, truth).statistic > 0.5
    effect = effect_scores(outcome, treated, np.full(len(outcome), 0.5))
    assert qini_area(effect, uplift).low > 0


def test_no_effect_gives_a_qini_that_is_zero_within_its_interval(trial, quick):
    inside = 0
    for seed in range(20):
        features, outcome, treated, _ = trial(2_000, effect=0.0, seed=seed)
        learner, matrix = fit(features, outcome, treated, quick)
        _, fresh, assigned, _ = trial(2_000, effect=0.0, seed=seed)
        rng = np.random.default_rng(100 + seed)
        fresh, assigned = (rng.random(2_000) < 0.2).astype(float), rng.random(2_000) < 0.5
        found = qini_area(
            effect_scores(fresh, assigned, np.full(2_000, 0.5)), learner.predict(matrix)
        )
        inside += found.low <= 0 <= found.high
    assert inside >= stats.binom.ppf(0.001, 20, 0.95)


def test_uplift_is_the_difference_of_the_arms_and_a_probability_each(trial, quick):
    learner, matrix = fit(*trial()[:3], quick)
    treated, control = learner.predict_treated(matrix), learner.predict_control(matrix)
    np.testing.assert_array_equal(learner.predict(matrix), treated - control)
    assert ((treated > 0) & (treated < 1) & (control > 0) & (control < 1)).all()


def test_a_continuous_outcome_is_predicted_in_its_own_units(trial, quick):
    features, outcome, treated, _ = trial()
    learner, matrix = fit(features, 100 * outcome, treated, quick, kind="continuous")
    assert learner.predict_treated(matrix).mean() == pytest.approx(
        100 * outcome[treated].mean(), rel=0.05
    )


def test_threads_and_a_second_fit_change_nothing(trial, quick):
    one, matrix = fit(*trial()[:3], quick)
    again, _ = fit(*trial()[:3], quick)
    threads, _ = fit(*trial()[:3], quick.model_copy(update={"n_jobs": 2}))
    np.testing.assert_array_equal(one.predict(matrix), again.predict(matrix))
    np.testing.assert_array_equal(one.predict(matrix), threads.predict(matrix))


def test_save_and_load_change_nothing(trial, quick):
    learner, matrix = fit(*trial()[:3], quick)
    loaded = TLearner.from_texts(learner.texts(), config=quick)
    np.testing.assert_array_equal(loaded.predict(matrix), learner.predict(matrix))
    assert sorted(learner.texts()) == ["control.txt", "treated.txt"]


def test_batch_equals_single_and_empty_is_empty(trial, quick):
    learner, matrix = fit(*trial()[:3], quick)
    batch = learner.predict(matrix[:20])
    np.testing.assert_allclose(batch, [learner.predict(row[None, :])[0] for row in matrix[:20]])
    assert learner.predict(matrix[:0]).shape == (0,)


def test_varying_probabilities_weigh_each_arm_back_to_the_population(quick):
    rng = np.random.default_rng(2)
    hidden = rng.random(20_000) < 0.5
    probability = np.where(hidden, 0.8, 0.2)
    treated = rng.random(20_000) < probability
    outcome = hidden * 1.0 + rng.normal(size=20_000)
    matrix = np.ones((20_000, 1))  # the model cannot see what the probability followed
    config = quick.model_copy(update={"n_trees": 1})

    def average(known):
        learner = TLearner.fit(
            matrix,
            outcome,
            treated,
            probability=known,
            kind="continuous",
            categorical=[],
            config=config,
        )
        return learner.predict(matrix[:1])[0]

    assert average(probability) == pytest.approx(0.0, abs=0.06)
    assert average(np.full(20_000, 0.5)) == pytest.approx(0.8 - 0.2, abs=0.06)


def test_an_arm_with_one_class_still_fits(trial, quick):
    features, outcome, treated, _ = trial()
    learner, matrix = fit(features, np.where(treated, 0.0, outcome), treated, quick)
    assert learner.predict_treated(matrix).max() < 1e-6


def test_an_empty_arm_is_refused(trial, quick):
    features, outcome, treated, _ = trial()
    with pytest.raises(InputError, match="training rows: the control arm has no row"):
        fit(features, outcome, np.ones_like(treated), quick)


def test_a_damaged_model_is_refused(trial, quick):
    learner, _ = fit(*trial()[:3], quick)
    for texts in ({}, {**learner.texts(), "treated.txt": "not a model"}):
        with pytest.raises(InputError, match="cannot be read as a LightGBM model"):
            TLearner.from_texts(texts, config=quick)
