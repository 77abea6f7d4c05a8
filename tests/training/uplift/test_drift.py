"""A profile recognises its own rows and measures by hand what others changed."""

import numpy as np
import pyarrow as pa
import pytest

from training.uplift.drift import FeatureProfile, measure_drift
from training.uplift.encoding import FeatureEncoding


def profiled(table):
    encoding = FeatureEncoding.fit(table, source="train")
    return encoding, FeatureProfile.fit(encoding.encode(table, source="train"), encoding)


def drift_of(table, encoding, profile):
    matrix = encoding.encode(table, source="new")
    return {d.feature: d for d in measure_drift(table, matrix, encoding, profile)}


TRAIN = pa.table(
    {
        "age": np.arange(1_000.0),
        "city": pa.array(["rome"] * 750 + ["oslo"] * 250).dictionary_encode(),
    }
)


def test_the_same_rows_have_not_drifted():
    found = drift_of(TRAIN, *profiled(TRAIN))
    assert found["age"].stability_index == pytest.approx(0)
    assert found["city"].stability_index == pytest.approx(0)
    assert not any(d.drifted for d in found.values())


def test_the_index_by_hand():
    new = TRAIN.set_column(1, "city", pa.array(["rome"] * 500 + ["oslo"] * 500))
    found = drift_of(new, *profiled(TRAIN))["city"]
    by_hand = (0.5 - 0.75) * np.log(0.5 / 0.75) + (0.5 - 0.25) * np.log(0.5 / 0.25)
    assert found.stability_index == pytest.approx(by_hand)
    assert found.drifted


def test_missing_and_unknown_values_are_told_apart():
    city = pa.array(["rome"] * 600 + ["bonn"] * 300 + [None] * 100)
    age = pa.array([None] * 200 + list(np.arange(800.0)))
    found = drift_of(pa.table({"age": age, "city": city}), *profiled(TRAIN))
    assert (found["city"].unknown, found["city"].missing) == (0.3, 0.4)
    assert (found["age"].missing, found["age"].missing_in_training) == (0.2, 0.0)


def test_values_that_are_few_or_all_missing_have_a_profile():
    table = pa.table({"flag": [0.0, 1.0] * 50, "gone": pa.nulls(100, pa.float64())})
    found = drift_of(table, *profiled(table))
    assert found["flag"].stability_index == found["gone"].stability_index == 0


def test_the_profile_round_trips():
    _, profile = profiled(TRAIN)
    assert FeatureProfile.from_dict(profile.as_dict()) == profile
