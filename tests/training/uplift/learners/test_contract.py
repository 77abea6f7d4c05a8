"""What every learner promises, over every base model."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy import stats

from features.errors import InputError
from training.metrics.uplift import qini_area
from training.uplift.base import TrialRows
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.honest_forest import HonestForestConfig
from training.uplift.base_models.linear import LinearConfig
from training.uplift.doubly_robust import effect_scores
from training.uplift.learners.auto import AutoConfig
from training.uplift.learners.base import TwoStageConfig
from training.uplift.learners.registry import LEARNERS, UpliftLearnerConfig, fit_learner

BASES = {
    "lightgbm": BoostedConfig(n_trees=20, min_child_rows=50, n_jobs=1),
    "linear": LinearConfig(penalty=10),
    "honest_forest": HonestForestConfig(n_trees=30, n_leaves=8, n_jobs=1),
}
ADAPTER = TypeAdapter(UpliftLearnerConfig)


def config_of(kind, base):
    model = BASES[base]
    if kind == "auto":
        simple = (config_of("dr_learner", base), config_of("t_learner", base))
        return AutoConfig(candidates=simple, outcome=model, n_folds=2, n_jobs=1)
    if (kind, base) == ("s_learner", "lightgbm"):  # few trees have not found the arm yet
        model = model.model_copy(update={"n_trees": 80})
    config_type = LEARNERS[kind].config_type
    if issubclass(config_type, TwoStageConfig):
        outcome = BASES["linear"] if base == "honest_forest" else model
        return config_type(base=outcome, effect=model)
    return config_type(base=model)


CASES = [
    (kind, base)
    for kind in sorted(LEARNERS)
    for base in sorted(BASES)
    if base != "honest_forest" or kind == "dr_learner"  # what it is made for
]


@pytest.fixture(params=CASES, ids="-".join)
def config(request):
    return config_of(*request.param)


def test_every_kind_is_in_the_union_and_round_trips(config):
    again = ADAPTER.validate_json(config.model_dump_json())
    assert again == config
    assert LEARNERS[config.kind].config_type is type(config)


def test_quality_floor_on_a_planted_effect(trial_rows, config):
    learner = fit_learner(trial_rows(8_000)[0], config)
    fresh, truth = trial_rows(8_000, seed=1)
    uplift = learner.predict(fresh.matrix)
    assert stats.spearmanr(uplift, truth).statistic > 0.4
    effect = effect_scores(fresh.outcome, fresh.treated, fresh.probability)
    assert qini_area(effect, uplift).low > 0
    assert uplift.mean() == pytest.approx(truth.mean(), abs=0.03)
    base = learner.predict_control(fresh.matrix)
    assert base.mean() == pytest.approx(0.2 + 0.1 / 3, abs=0.02)


def test_unequal_arms_bias_nothing(trial_rows, config):
    rows, truth = trial_rows(12_000, share=0.85)
    assert fit_learner(rows, config).predict(rows.matrix).mean() == pytest.approx(
        truth.mean(), abs=0.03
    )


def test_a_continuous_outcome_scales_the_uplift(trial_rows, config):
    rows, truth = trial_rows(6_000, scale=100)
    uplift = fit_learner(rows, config).predict(rows.matrix)
    assert uplift.mean() == pytest.approx(100 * truth.mean(), abs=4)
    assert stats.spearmanr(uplift, truth).statistic > 0.3


def test_a_second_fit_changes_nothing(trial_rows, config):
    rows, _ = trial_rows(2_000)
    one, again = fit_learner(rows, config), fit_learner(rows, config)
    np.testing.assert_array_equal(one.predict(rows.matrix), again.predict(rows.matrix))


def test_more_threads_change_nothing(trial_rows):
    rows, _ = trial_rows(2_000)
    config = config_of("dr_learner", "lightgbm")
    text = config.model_dump_json().replace('"n_jobs":1', '"n_jobs":2')
    one, threads = (fit_learner(rows, c) for c in (config, ADAPTER.validate_json(text)))
    np.testing.assert_array_equal(one.predict(rows.matrix), threads.predict(rows.matrix))


def test_save_and_load_change_nothing(trial_rows, config):
    rows, _ = trial_rows(2_000)
    learner = fit_learner(rows, config)
    loaded = type(learner).from_texts(learner.texts(), config=config)
    np.testing.assert_array_equal(loaded.predict(rows.matrix), learner.predict(rows.matrix))
    np.testing.assert_array_equal(
        loaded.predict_control(rows.matrix), learner.predict_control(rows.matrix)
    )
    assert loaded.texts() == learner.texts()


def test_batch_equals_single_missing_values_are_scored_and_empty_is_empty(trial_rows, config):
    rows, _ = trial_rows(2_000)
    learner = fit_learner(rows, config)
    some = rows.matrix[:20].copy()
    some[3, 0] = np.nan
    some[4, 1] = np.nan
    batch = learner.predict(some)
    single = [learner.predict(row[None, :])[0] for row in some]
    np.testing.assert_allclose(batch, single, rtol=1e-12, atol=1e-12)
    assert np.isfinite(batch).all()
    assert learner.predict(some[:0]).shape == (0,)


def test_exchanging_the_arms_flips_the_sign(trial_rows, config):
    rows, _ = trial_rows(4_000)
    other = replace(rows, treated=~rows.treated, probability=1 - rows.probability)
    one, flipped = (fit_learner(r, config).predict(rows.matrix) for r in (rows, other))
    assert np.corrcoef(one, -flipped)[0, 1] > 0.97
    assert one.mean() == pytest.approx(-flipped.mean(), abs=0.005)


def test_an_arm_with_one_class_still_fits(trial_rows, config):
    rows, _ = trial_rows(2_000)
    silent = replace(rows, outcome=np.where(rows.treated, 0.0, rows.outcome))
    uplift = fit_learner(silent, config).predict(rows.matrix)
    assert uplift.mean() == pytest.approx(-rows.outcome[~rows.treated].mean(), abs=0.03)


def test_an_empty_arm_is_refused(trial_rows, config):
    rows, _ = trial_rows(200)
    for arm, name in ((True, "control"), (False, "treated")):
        one = replace(rows, treated=np.full(len(rows), arm))
        with pytest.raises(InputError, match=f"training rows: the {name} arm has no row"):
            fit_learner(one, config)


def test_missing_and_damaged_files_are_refused(trial_rows, config):
    learner = fit_learner(trial_rows(2_000)[0], config)
    texts = learner.texts()
    with pytest.raises(InputError):
        type(learner).from_texts({}, config=config)
    name = next(
        n for n in texts if n.split(".")[0].rstrip("_0123456789").endswith(("control", "outcome"))
    )
    with pytest.raises(InputError, match="cannot be read as a"):
        type(learner).from_texts({**texts, name: "not a model"}, config=config)


def test_known_probabilities_that_vary_bias_nothing(config):
    """The probability follows x, and so does the outcome; the effect is .2 everywhere."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(8_000, 1))
    probability = np.where(x[:, 0] > 0, 0.8, 0.3)
    treated = rng.random(8_000) < probability
    outcome = (rng.random(8_000) < 0.2 + 0.3 * (x[:, 0] > 0) + 0.2 * treated).astype(float)
    uplift = fit_learner(TrialRows(x, outcome, treated, probability, "binary"), config).predict(x)
    assert uplift.mean() == pytest.approx(0.2, abs=0.04)
