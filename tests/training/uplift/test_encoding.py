"""Levels keep their codes; what is unknown is missing; what does not fit is named."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import SchemaError
from training.uplift.encoding import MAX_LEVELS, FeatureEncoding


def fit(**columns):
    return FeatureEncoding.fit(pa.table(columns), source="train.csv")


def encode(encoding, **columns):
    return encoding.encode(pa.table(columns), source="new.csv")


def test_codes_are_positions_of_sorted_levels_whatever_the_order_of_rows():
    encoding = fit(zip=["urban", "rural", "urban"], age=[1, 2, 3])
    assert encoding.levels == {"zip": ("rural", "urban")}
    assert encoding.categorical == (0,)
    np.testing.assert_array_equal(
        encode(encoding, age=[7], other=["x"], zip=["urban"]), [[1.0, 7.0]]
    )


def test_unknown_levels_nulls_and_infinities_are_missing():
    encoding = fit(zip=["a", "b"], age=[1.0, 2.0])
    matrix = encode(encoding, zip=["new", None, "b"], age=[np.inf, None, np.nan])
    np.testing.assert_array_equal(matrix, [[np.nan, np.nan], [np.nan, np.nan], [1.0, np.nan]])


def test_a_dictionary_with_another_level_order_gives_the_same_codes():
    encoding = fit(zip=["a", "b"])
    shuffled = pa.DictionaryArray.from_arrays([0, 1], ["b", "a"])
    np.testing.assert_array_equal(encode(encoding, zip=shuffled), [[1.0], [0.0]])


def test_round_trip():
    encoding = fit(zip=["a", "b"], flag=[True, False])
    assert FeatureEncoding.from_dict(encoding.as_dict()) == encoding


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=20))
def test_batch_equals_single(values):
    encoding = fit(zip=["a", "b"])
    batch = encode(encoding, zip=pa.array(values, pa.string()))
    single = [encode(encoding, zip=pa.array([value], pa.string()))[0] for value in values]
    np.testing.assert_array_equal(batch, np.array(single))


def test_an_entirely_missing_column_is_missing_whatever_its_type():
    encoding = fit(zip=["a", "b"], age=[1.0, 2.0])
    assert np.isnan(encode(encoding, zip=pa.nulls(2), age=pa.nulls(2))).all()


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        pytest.param({}, "train.csv: has no feature column", id="none"),
        pytest.param(
            {"at": pa.array([0], pa.timestamp("us"))}, "feature 'at' is timestamp", id="time"
        ),
        pytest.param(
            {"mail": [str(k) for k in range(MAX_LEVELS + 1)]},
            "feature 'mail' has 1,001 different texts",
            id="identifier",
        ),
    ],
)
def test_columns_that_are_no_features_are_refused(columns, text):
    with pytest.raises(SchemaError, match=text):
        fit(**columns)


def test_a_missing_or_changed_column_is_named_when_scoring():
    encoding = fit(zip=["a", "b"], age=[1.0, 2.0])
    with pytest.raises(
        SchemaError, match=r"new.csv: column 'age' is missing \(found: 'zip', 'ages'\)"
    ):
        encode(encoding, zip=["a"], ages=[1.0])
    with pytest.raises(
        SchemaError, match="feature 'age' is text; the model was trained on numbers"
    ):
        encode(encoding, zip=["a"], age=["old"])
    with pytest.raises(SchemaError, match="feature 'zip' is int64; the model was trained on text"):
        encode(encoding, zip=[1], age=[1.0])
