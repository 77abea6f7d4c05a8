"""Where uplift is asked to rise or fall with a feature, it does, though the data say otherwise; or the config is refused."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from features.config import validate
from features.errors import ConfigError
from training.uplift.base import TrialRows
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.bounded_ridge import fit_bounded_ridge
from training.uplift.base_models.honest_forest import HonestForestConfig
from training.uplift.base_models.linear import LinearConfig
from training.uplift.config import UpliftTrainingConfig
from training.uplift.encoding import FeatureEncoding
from training.uplift.learners.auto import AutoConfig
from training.uplift.learners.class_transformation import ClassTransformationConfig
from training.uplift.learners.dr_learner import DrLearnerConfig
from training.uplift.learners.r_learner import RLearnerConfig
from training.uplift.learners.registry import fit_learner
from training.uplift.learners.s_learner import SLearnerConfig
from training.uplift.learners.t_learner import TLearnerConfig
from training.uplift.learners.x_learner import XLearnerConfig
from training.uplift.monotone import monotone_signs, require_monotone_features

BOOSTED = BoostedConfig(n_trees=40, min_child_rows=20, learning_rate=0.2, n_jobs=1)
LINEAR = LinearConfig(penalty=1)
KEEPERS = {
    "x": XLearnerConfig(base=BOOSTED, effect=BOOSTED),
    "x, linear": XLearnerConfig(base=LINEAR, effect=LINEAR),
    "r": RLearnerConfig(base=LINEAR, effect=BOOSTED),
    "r, linear": RLearnerConfig(base=LINEAR, effect=LINEAR),
    "dr": DrLearnerConfig(base=LINEAR, effect=BOOSTED),
    "dr, linear": DrLearnerConfig(base=LINEAR, effect=LINEAR),
    "class transformation": ClassTransformationConfig(base=BOOSTED),
    "auto": AutoConfig(
        candidates=(
            TLearnerConfig(base=BOOSTED),
            DrLearnerConfig(base=LINEAR, effect=BOOSTED),
            DrLearnerConfig(base=LINEAR, effect=LINEAR),
        ),
        outcome=LINEAR,
        n_jobs=1,
    ),
}


def rows(kind):
    """Uplift rises with the first feature, falls with the second, and waves with the third."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3_000, 3))
    x[rng.random(3_000) < 0.1, 0] = np.nan
    effect = 0.15 * (np.nan_to_num(x[:, 0]) - x[:, 1] + 2 * np.sin(3 * x[:, 2]))
    treated = rng.random(3_000) < 0.5
    outcome = 0.4 + effect * treated + 0.1 * rng.normal(size=3_000)
    if kind == "binary":
        outcome = (rng.random(3_000) < outcome).astype(float)
    return TrialRows(x, outcome, treated, np.full(3_000, 0.5), kind)


@pytest.fixture(scope="module")
def fitted():
    """Every learner that can, with uplift held against the data: falling, rising, rising."""
    return {
        (name, kind): fit_learner(replace(rows(kind), monotone=(-1, 1, 1)), config)
        for name, config in KEEPERS.items()
        for kind in ("binary", "continuous")
    }


@given(
    point=st.tuples(*[st.floats(-3, 3)] * 3),
    column=st.integers(0, 2),
    steps=st.lists(st.floats(-4, 4), min_size=2, max_size=10),
)
def test_predictions_follow_the_directions_everywhere(fitted, point, column, steps):
    matrix = np.tile(point, (len(steps), 1))
    matrix[:, column] = np.sort(steps)
    sign = (-1, 1, 1)[column]
    for name, learner in fitted.items():
        assert (sign * np.diff(learner.predict(matrix)) >= -1e-12).all(), name


@pytest.mark.parametrize("name", sorted(set(KEEPERS) - {"auto"}))
def test_without_directions_they_follow_the_data(name):
    """So the property above is not there by itself."""
    free = rows("continuous")
    uplift = fit_learner(free, KEEPERS[name]).predict(free.matrix)
    known = ~np.isnan(free.matrix[:, 0])
    assert np.corrcoef(uplift[known], free.matrix[known, 0])[0, 1] > 0.2
    assert np.corrcoef(uplift, free.matrix[:, 1])[0, 1] < -0.2


def test_a_direction_that_the_data_share_costs_nothing():
    helped = replace(rows("continuous"), monotone=(1, -1, 0))
    learner = fit_learner(helped, KEEPERS["dr"])
    free = fit_learner(rows("continuous"), KEEPERS["dr"])
    one, other = learner.predict(helped.matrix), free.predict(helped.matrix)
    assert np.corrcoef(one, other)[0, 1] > 0.9


def test_the_automatic_choice_combines_those_that_can_and_survives_its_files(fitted):
    learner = fitted["auto", "continuous"]
    assert [result.config.kind for result in learner.candidates] == ["dr_learner", "dr_learner"]
    again = type(learner).from_texts(learner.texts(), config=learner.config)
    matrix = rows("continuous").matrix
    np.testing.assert_array_equal(again.predict(matrix), learner.predict(matrix))


@pytest.mark.parametrize(
    "config",
    [
        SLearnerConfig(),
        TLearnerConfig(),
        ClassTransformationConfig(base=LINEAR),
        DrLearnerConfig(base=LINEAR, effect=HonestForestConfig()),
    ],
    ids=lambda config: config.kind,
)
def test_differences_of_models_are_refused(config):
    with pytest.raises(ValueError, match=f"'{config.kind}' cannot be held monotone"):
        fit_learner(replace(rows("binary"), monotone=(1, 0, 0)), config)
    content = {
        "kind": "uplift",
        "data": {
            "kind": "flat_table",
            "path": "data.csv",
            "treatment": "arm",
            "control": "none",
            "treated": ["mail"],
            "outcomes": {"visit": "binary"},
            "features": ["age"],
            "probability": 0.5,
        },
        "target": "visit",
        "learner": config.model_dump(),
        "monotone": {"age": "increasing"},
    }
    with pytest.raises(ConfigError, match=f"'monotone' cannot be kept by '{config.kind}' with"):
        validate(UpliftTrainingConfig, content, subject="uplift.yaml")


def test_directions_belong_to_numbers():
    table = pa.table({"age": [1.0, 2], "city": pa.array(["a", "b"]).dictionary_encode()})
    encoding = FeatureEncoding.fit(table, source="rows")
    assert monotone_signs(encoding, {"age": "decreasing"}) == (-1, 0)
    assert monotone_signs(encoding, {}) == ()
    require_monotone_features(table, {"age": "increasing"})
    with pytest.raises(
        ConfigError, match=r"monotone\.agge: is no feature; .* Did you mean 'age'\?"
    ):
        require_monotone_features(table, {"agge": "increasing"})
    with pytest.raises(ConfigError, match=r"monotone\.city: is text; only numbers rise and fall"):
        require_monotone_features(table, {"city": "increasing"})


def test_bounded_ridge_is_ridge_and_positive_ridge():
    rng = np.random.default_rng(0)
    design = rng.normal(size=(200, 4))
    target = design @ [1.0, -2, 0.5, 0] + rng.normal(size=200)
    weight = rng.uniform(0.5, 2, 200)
    for signs, positive in (([1.0, -1, 1, 0], False), ([1.0, 1, 1, 1], True)):
        found, level = fit_bounded_ridge(design, target, weight, penalty=3.0, signs=np.array(signs))
        peer = Ridge(alpha=3.0, positive=positive, tol=1e-12)
        peer.fit(design, target, sample_weight=weight)
        np.testing.assert_allclose(found, peer.coef_, atol=1e-6)
        assert level == pytest.approx(peer.intercept_, abs=1e-6)
    assert found[1] == 0
