"""Both sources become the same rows; what cannot be used is refused with a reason."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from features import columns as c
from features.config import validate
from features.errors import ConfigError, InputError, SchemaError
from features.sources.flat_table import read_flat_table
from training.uplift.config import (
    ColumnSplit,
    LastWeeksSplit,
    RandomSplit,
    UpliftTrainingConfig,
)
from training.uplift.data_config import FlatTableData, HistoriesData
from training.uplift.holdout import split_rows
from training.uplift.rows import rows_from_flat_table, rows_from_histories


def flat_config(**changes):
    content = {
        "kind": "flat_table",
        "path": "data.csv",
        "treatment": "arm",
        "control": "none",
        "treated": ["mail"],
        "outcomes": {"visit": "binary"},
        "features": ["age"],
        "probability": 0.5,
        **changes,
    }
    return validate(FlatTableData, content, subject="uplift.yaml")


def read(tmp_path, lines, **changes):
    path = tmp_path / "data.csv"
    path.write_text("\n".join(lines) + "\n")
    return rows_from_flat_table(read_flat_table(path), flat_config(**changes))


ROWS = ["arm,age,visit,p", "none,30,0,0.4", "mail,40,1,0.6", "none,50,1,0.4", "mail,,0,0.6"]


def test_a_file_becomes_rows(tmp_path):
    rows, flat = read(tmp_path, ROWS)
    assert rows.arms == ("none", "mail")
    assert rows.arm.tolist() == [0, 1, 0, 1]
    assert rows.outcomes["visit"].tolist() == [0.0, 1.0, 1.0, 0.0]
    assert rows.features.column_names == ["age"]
    assert rows.ids[c.LINE].to_pylist() == [2, 3, 4, 5]
    assert rows.group is rows.time is None
    np.testing.assert_allclose(rows.probability, 0.5)
    assert flat.rejects.num_rows == 0


def test_rows_in_are_rows_out_and_rejects(tmp_path):
    lines = [*ROWS, ",20,1,0.6", "mail,20,,0.6", "mail,20,x,0.6", "post,20,1,0.6"]
    rows, flat = read(tmp_path, lines, max_reject_share=0.5)
    assert flat.rejects[c.REASON_CODE].to_pylist() == [
        "missing_arm",
        "missing_visit",
        "not_a_number_visit",
        "other_arm",
    ]
    assert len(rows) + flat.rejects.num_rows == flat.rows_in == 8


def test_too_many_rejects_stop_the_training(tmp_path):
    with pytest.raises(InputError) as caught:
        read(tmp_path, [*ROWS, ",20,1,0.6"])
    assert "1 of 5 rows are refused (missing_arm: 1); at most 5% may be." in str(caught.value)


def test_whole_number_arms_match_their_names(tmp_path):
    lines = ["arm,age,visit", "0,1,0", "1,2,1", "1,3,0", "0,4,1"]
    rows, _ = read(tmp_path, lines, control=0, treated=[1])
    assert rows.arm.tolist() == [0, 1, 1, 0]


def test_an_arm_without_rows_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(InputError) as caught:
        read(tmp_path, ROWS, treated=["mial"])
    assert "no row has 'mial' in column 'arm' (found: 'mail', 'none')" in str(caught.value)
    assert "Did you mean 'mail'?" in str(caught.value)


def test_a_binary_outcome_with_other_values_is_refused(tmp_path):
    with pytest.raises(
        SchemaError, match=r"outcome 'visit' has 1 values that are neither 0 nor 1 \(first: 2\)"
    ):
        read(tmp_path, [*ROWS, "mail,3,2,0.6"])


def test_excluded_columns_and_those_with_a_role_are_no_features(tmp_path):
    rows, _ = read(tmp_path, ROWS, features=None, exclude=[], probability="p")
    assert rows.features.column_names == ["age"]
    rows, _ = read(tmp_path, ROWS, features=None, exclude=["p"])
    assert rows.features.column_names == ["age"]


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        pytest.param(0.25, [0.75, 0.25], id="number_of_each_treated_arm"),
        pytest.param({"none": 1, "mail": 3}, [0.25, 0.75], id="shares"),
        pytest.param("p", [0.4, 0.6], id="column_of_the_arm_received"),
    ],
)
def test_probabilities(tmp_path, probability, expected):
    rows, _ = read(tmp_path, ROWS, probability=probability)
    np.testing.assert_allclose(rows.probability, [expected] * 4)


def test_probabilities_that_are_to_be_estimated_start_as_the_shares_of_the_arms(tmp_path):
    rows, _ = read(tmp_path, ROWS[:-1], probability="estimate", observational=True)
    np.testing.assert_allclose(rows.probability, [[2 / 3, 1 / 3]] * 3)


def test_probabilities_may_vary_by_row_with_two_arms(tmp_path):
    rows, _ = read(
        tmp_path,
        ["arm,age,visit,p", "none,1,0,0.3", "mail,1,0,0.6", "none,1,0,0.4"],
        probability="p",
    )
    np.testing.assert_allclose(rows.probability, [[0.3, 0.7], [0.4, 0.6], [0.4, 0.6]])


def test_a_probability_of_treatment_in_place_of_the_arm_received_is_refused(tmp_path):
    lines = ["arm,age,visit,p", "none,1,0,0.9", "mail,1,0,0.9", "none,1,1,0.9", "mail,1,1,0.9"]
    with pytest.raises(InputError) as caught:
        read(tmp_path, lines, probability="p")
    assert "column 'p' sums to 1.800 over the arms" in str(caught.value)
    assert "the probability of the arm the row got" in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "treated", "text"),
    [
        (
            ["a,1,0,0.3", "b,1,0,0.3", "a,1,1,0.4", "none,1,0,0.4"],
            ["a", "b"],
            "varies by row with more",
        ),
        (["mail,1,0,1", "mail,1,1,0.7", "none,1,0,0.5"], ["mail"], "is 1 for some rows"),
    ],
)
def test_probabilities_that_do_not_fit_the_arms_are_refused(tmp_path, lines, treated, text):
    with pytest.raises(InputError, match=f"column 'p' {text}.* and no arm is certain"):
        read(tmp_path, ["arm,age,visit,p", *lines], treated=treated, probability="p")


def test_conditional_probability_of_a_contrast(tmp_path):
    lines = ["arm,age,visit", "a,1,0", "b,1,0", "none,1,0"]
    rows, _ = read(
        tmp_path, lines, treated=["a", "b"], probability={"none": 0.5, "a": 0.2, "b": 0.3}
    )
    kept, treated, probability = rows.contrast([1], 0)
    assert kept.tolist() == [True, False, True]
    assert treated.tolist() == [True, False]
    np.testing.assert_allclose(probability, 0.2 / (0.2 + 0.5))
    _, _, pooled = rows.contrast([1, 2], 0)
    np.testing.assert_allclose(pooled, 0.5)


def test_persons_share_a_group(tmp_path):
    lines = ["arm,age,visit,who", "none,1,0,p2", "mail,1,0,p1", "none,1,0,p2"]
    rows, _ = read(tmp_path, lines, group="who")
    assert rows.group[0] == rows.group[2] != rows.group[1]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        pytest.param({"features": None}, "give either 'features' or 'exclude'", id="neither"),
        pytest.param({"exclude": []}, "give either 'features' or 'exclude'", id="both"),
        pytest.param({"features": ["visit"]}, "cannot be a feature", id="outcome_as_feature"),
        pytest.param({"treated": ["none"]}, "must differ", id="control_as_treated"),
        pytest.param({"treated": []}, "at least 1 item", id="no_arm"),
        pytest.param(
            {"probability": 1.0},
            r"leave every arm a positive share, got \{'none': 0.0, 'mail': 1.0\}",
            id="certain",
        ),
        pytest.param({"probability": {"none": 1, "mail": 0}}, "positive share", id="share_of_0"),
        pytest.param({"probability": {"none": 1}}, "one share for each", id="share_missing"),
        pytest.param(
            {"probability": None},
            "'probability' is missing: a randomised test has a known one .* say 'observational: true'",
            id="not_randomised_and_not_declared",
        ),
        pytest.param(
            {"probability": "estimate"},
            "'probability: estimate' needs 'observational: true': in a randomised test the probability is known",
            id="estimated_though_randomised",
        ),
        pytest.param(
            {"observational": True}, "nobody knows one share for rows", id="known_though_observed"
        ),
        pytest.param(
            {"post_treatment": ["age"]},
            r"\['age'\] cannot be a feature: it is measured after assignment",
            id="post_treatment_as_feature",
        ),
        pytest.param({"tretment": "x"}, "did you mean 'treatment'", id="misspelt"),
    ],
)
def test_configs_that_make_no_sense_are_refused(changes, text):
    with pytest.raises(ConfigError, match=text):
        flat_config(**changes)


def histories(n_persons=6, weeks=8):
    start = datetime(2017, 1, 2, tzinfo=UTC)
    person = [f"p{k}" for k in range(n_persons) for _ in range(weeks)]
    time = [start + timedelta(weeks=w) for _ in range(n_persons) for w in range(weeks)]
    treated = [(k + w) % 2 == 0 for k in range(n_persons) for w in range(weeks)]
    return pa.table(
        {
            c.PERSON_ID: person,
            c.ASSIGNED_AT: pa.array(time, pa.timestamp("us", "UTC")),
            c.ARM: ["treated" if t else "control" for t in treated],
            c.PROBABILITY: [0.7 if t else 0.3 for t in treated],
            c.CONVERSION: [int(t) for t in treated],
            "orders": np.arange(len(person), dtype=float),
        }
    )


def history_config(**changes):
    content = {
        "kind": "histories",
        "experiment": "e",
        "outcomes": {c.CONVERSION: "binary"},
        **changes,
    }
    return validate(HistoriesData, content, subject="uplift.yaml")


def test_histories_become_the_same_rows():
    rows = rows_from_histories(
        histories(), history_config(), features=["orders"], source="training set"
    )
    assert rows.arms == ("control", "treated")
    np.testing.assert_allclose(rows.probability, [[0.3, 0.7]] * 48)
    assert rows.ids.column_names == [c.PERSON_ID, c.ASSIGNED_AT]
    assert len(np.unique(rows.group)) == 6
    assert rows.time[1] - rows.time[0] == 7 * 86_400_000_000


def test_histories_with_an_unknown_arm_or_a_missing_value_are_refused():
    with pytest.raises(InputError, match="arm 'control' is not in the config"):
        rows_from_histories(
            histories(), history_config(control="none"), features=["orders"], source="set"
        )
    table = histories()
    holed = table.set_column(4, c.CONVERSION, pa.array([None] + [1] * 47, pa.int64()))
    with pytest.raises(SchemaError, match="column 'conversion' has 1 missing values"):
        rows_from_histories(holed, history_config(), features=["orders"], source="set")


def test_the_last_weeks_are_the_test_and_no_outcome_window_reaches_into_them():
    rows = rows_from_histories(histories(), history_config(), features=["orders"], source="set")
    week = np.tile(np.arange(8), 6)
    train, test = split_rows(
        rows, LastWeeksSplit(kind="last_weeks", test_weeks=2, outcome_days=7), target=c.CONVERSION
    )
    np.testing.assert_array_equal(test, week >= 6)
    np.testing.assert_array_equal(train, week < 6)
    train, _ = split_rows(
        rows, LastWeeksSplit(kind="last_weeks", test_weeks=2, outcome_days=10), target=c.CONVERSION
    )
    np.testing.assert_array_equal(train, week < 5)


def test_a_random_split_keeps_persons_together():
    rows = rows_from_histories(histories(), history_config(), features=["orders"], source="set")
    train, test = split_rows(rows, RandomSplit(seed=3), target=c.CONVERSION)
    assert (train ^ test).all()
    assert not set(rows.group[train]) & set(rows.group[test])
    assert len(set(rows.group[test])) == 3


def test_a_random_split_is_stratified_by_arm_and_outcome(tmp_path):
    lines = ["arm,age,visit", *["none,1,0"] * 20, *["none,1,1"] * 10, *["mail,1,0"] * 30]
    rows, _ = read(tmp_path, lines)
    _, test = split_rows(rows, RandomSplit(test_share=0.3), target="visit")
    visit = rows.outcomes["visit"]
    counts = [
        int((test & (rows.arm == a) & (visit == y)).sum()) for a, y in ((0, 0), (0, 1), (1, 0))
    ]
    assert counts == [6, 3, 9]
    _, again = split_rows(rows, RandomSplit(test_share=0.3), target="visit")
    np.testing.assert_array_equal(test, again)


BY_COLUMN = [
    "arm,age,visit,who,fold",
    *["none,1,0,a,1", "mail,1,1,b,1", "none,1,0,c,2", "mail,1,1,d,2"],
]


def test_a_column_says_which_rows_learn_and_which_judge(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("\n".join([*BY_COLUMN, "mail,1,1,e,3", "none,1,1,f,"]) + "\n")
    config = flat_config(features=None, exclude=["who"])
    rows, _ = rows_from_flat_table(read_flat_table(path), config, split_column="fold")
    assert rows.features.column_names == ["age"]
    split = ColumnSplit(kind="column", column="fold", train=1, test=2)
    train, test = split_rows(rows, split, target="visit")
    assert train.tolist() == [True, True, False, False, False, False]
    assert test.tolist() == [False, False, True, True, False, False]
    kept = rows.subset(test)
    assert kept.part.tolist() == ["2", "2"]
    with pytest.raises(InputError) as caught:
        split_rows(rows, ColumnSplit(kind="column", column="fold", train=1), target="visit")
    assert "no row has 'test' in column 'fold' (found: '', '1', '2', '3')" in str(caught.value)
    assert "Correct 'split.train' and 'split.test'." in str(caught.value)


def test_a_person_in_both_parts_of_the_column_is_refused(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("\n".join([*BY_COLUMN, "mail,1,1,a,2"]) + "\n")
    rows, _ = rows_from_flat_table(
        read_flat_table(path), flat_config(group="who"), split_column="fold"
    )
    with pytest.raises(InputError, match="1 persons are in both parts of column 'fold'; nobody"):
        split_rows(rows, ColumnSplit(kind="column", column="fold", train=1, test=2), target="visit")


@pytest.mark.parametrize(
    ("split", "text"),
    [
        ({"column": "age"}, "'age' cannot be the split: it is a feature"),
        ({"column": "arm"}, "'arm' cannot be the split"),
        (
            {"column": "part", "train": 1, "test": "1"},
            "'train' and 'test' must differ, got '1' twice",
        ),
    ],
)
def test_a_split_column_has_no_other_role(split, text):
    content = {"kind": "uplift", "data": flat_config().model_dump(), "target": "visit"}
    with pytest.raises(ConfigError, match=text):
        validate(
            UpliftTrainingConfig,
            {**content, "split": {"kind": "column", **split}},
            subject="uplift.yaml",
        )


def test_an_empty_part_is_refused():
    rows = rows_from_histories(histories(), history_config(), features=["orders"], source="set")
    with pytest.raises(InputError, match="set: the train part has no row"):
        split_rows(rows, LastWeeksSplit(kind="last_weeks", test_weeks=52), target=c.CONVERSION)


def test_the_whole_config_checks_its_parts_against_each_other():
    data = flat_config().model_dump()
    with pytest.raises(ValidationError, match="'target' must be one of the outcomes"):
        UpliftTrainingConfig(kind="uplift", data=flat_config(), target="spend")
    histories_data = history_config().model_dump()
    with pytest.raises(ConfigError, match=r"'split: column' needs 'data\.kind: flat_table'"):
        validate(
            UpliftTrainingConfig,
            {
                "kind": "uplift",
                "data": histories_data,
                "target": c.CONVERSION,
                "split": {"kind": "column", "column": "part"},
            },
            subject="uplift.yaml",
        )
    with pytest.raises(ConfigError, match=r"'split: last_weeks' needs 'data\.kind: histories'"):
        validate(
            UpliftTrainingConfig,
            {"kind": "uplift", "data": data, "target": "visit", "split": {"kind": "last_weeks"}},
            subject="uplift.yaml",
        )
