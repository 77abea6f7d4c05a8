"""A model is the same after its bundle, and scores anything with its feature columns."""

import json

import numpy as np
import pyarrow as pa
import pytest

from features.errors import InputError, SchemaError
from training.bundle import write_bundle
from training.uplift.base import TrialRows
from training.uplift.drift import FeatureProfile
from training.uplift.encoding import FeatureEncoding
from training.uplift.learners.t_learner import TLearner, TLearnerConfig
from training.uplift.model import UpliftFacts, UpliftModel


@pytest.fixture
def model(trial, quick):
    features, outcome, treated, _ = trial()
    encoding = FeatureEncoding.fit(features, source="train")
    matrix, half = encoding.encode(features, source="train"), np.full(len(outcome), 0.5)
    rows = TrialRows(matrix, outcome, treated, half, "binary", encoding.categorical)
    learner = TLearner.fit(rows, quick)
    facts = UpliftFacts("mail", "none", "visit", "binary", "train part", len(outcome), "randomised")
    return UpliftModel(encoding, learner, quick, facts, FeatureProfile.fit(matrix, encoding))


def test_the_bundle_holds_the_model(model, trial, tmp_path):
    features = trial(50, seed=9)[0]
    key = model.save(tmp_path / "bundle")
    loaded = UpliftModel.load(tmp_path / "bundle")
    np.testing.assert_array_equal(loaded.predict(features), model.predict(features))
    np.testing.assert_array_equal(loaded.predict_control(features), model.predict_control(features))
    for part in ("facts", "config", "encoding", "profile"):
        assert getattr(loaded, part) == getattr(model, part)
    assert loaded.save(tmp_path / "again") == key


def test_no_pickle_in_the_bundle(model, tmp_path):
    model.save(tmp_path / "bundle")
    names = {p.name for p in (tmp_path / "bundle").iterdir() if p.is_file()}
    assert names == {"manifest.json", "encoding.json", "profile.json", "control.txt", "treated.txt"}
    json.loads((tmp_path / "bundle" / "encoding.json").read_text())


def test_unknown_levels_missing_values_and_no_rows_can_be_scored(model):
    odd = pa.table({"zip": ["moon", None], "age": [None, float("inf")]})
    assert np.isfinite(model.predict(odd)).all()
    assert model.predict(odd.slice(0, 0)).shape == (0,)


def test_a_missing_feature_is_named(model):
    with pytest.raises(SchemaError, match="rows to score: column 'age' is missing"):
        model.predict(pa.table({"zip": ["rural"]}))


def test_another_kind_of_bundle_is_refused(tmp_path):
    write_bundle(tmp_path / "other", kind="als", config=TLearnerConfig())
    with pytest.raises(
        InputError, match="is of kind 'als'; an uplift model is a bundle of kind 'uplift'"
    ):
        UpliftModel.load(tmp_path / "other")
    write_bundle(tmp_path / "hollow", kind="uplift", config=TLearnerConfig())
    with pytest.raises(InputError, match="does not read as one"):
        UpliftModel.load(tmp_path / "hollow")
