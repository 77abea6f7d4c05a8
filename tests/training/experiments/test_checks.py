"""The checks of a randomised test see what they should, and no more often than they say."""

from pathlib import Path

import numpy as np
import pyarrow.csv as pacsv
import pytest
from scipy import stats

from features.errors import GateError
from training.experiments.checks import (
    check_balance,
    check_sample_ratio,
    check_two_arms,
    require_sample_ratio,
)

HILLSTROM = Path(__file__).parents[3] / "../shared/data/hillstrom/hillstrom.csv"


@pytest.mark.skipif(not HILLSTROM.exists(), reason="the Hillstrom file is not on this machine")
def test_hillstrom_golden_sample_ratio():
    segment = pacsv.read_csv(HILLSTROM).to_pandas()["segment"]
    arms = ["No E-Mail", "Mens E-Mail", "Womens E-Mail"]
    arm = segment.map({name: code for code, name in enumerate(arms)}).to_numpy()
    check = check_sample_ratio(arm, np.full((len(arm), 3), 1 / 3), arms=arms)
    assert check.observed == (21_306, 21_307, 21_387)
    assert round(check.chi2, 4) == 0.2025
    assert round(check.p_value, 3) == 0.904
    assert check.passed


def test_sample_ratio_parity_with_scipy():
    arm = np.repeat([0, 1, 2], [90, 130, 80])
    check = check_sample_ratio(arm, np.tile([0.3, 0.4, 0.3], (300, 1)), arms=["a", "b", "c"])
    theirs = stats.chisquare([90, 130, 80], [90, 120, 90])
    assert (check.chi2, check.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert check.df == 2


def test_a_mismatch_withholds_the_results():
    check = check_sample_ratio(
        np.repeat([0, 1], [400, 600]), np.full((1_000, 2), 0.5), arms=["control", "treated"]
    )
    with pytest.raises(GateError) as caught:
        require_sample_ratio(check, source="data.csv")
    assert caught.value.exit_code == 1
    assert str(caught.value).startswith(
        "data.csv: sample-ratio mismatch (control: 400 of 500.0 expected, treated: 600 of 500.0 expected; "
        "p = 2.5e-10); results are withheld when p < 0.001."
    )


def test_a_right_ratio_passes_silently():
    check = check_sample_ratio(np.repeat([0, 1], 50), np.full((100, 2), 0.5), arms=["c", "t"])
    require_sample_ratio(check, source="data.csv")


def test_sample_ratio_alarm_is_as_rare_as_it_says():
    rng = np.random.default_rng(0)
    share = np.array([0.2, 0.3, 0.5])
    tables = rng.multinomial(1_000, share, size=4_000)
    p_values = [
        check_sample_ratio(
            np.repeat([0, 1, 2], row), np.tile(share, (1_000, 1)), arms="abc"
        ).p_value
        for row in tables[:2_000]
    ]
    found = np.mean(np.array(p_values) < 0.05)
    assert found == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 2_000))


def test_units_in_two_arms_are_named():
    check = check_two_arms(["p1", "p2", "p1", "p3", "p3"], ["a", "a", "b", "b", "b"])
    assert (check.n_units, check.n_in_two_arms, check.first, check.passed) == (3, 1, ("p1",), False)
    assert check_two_arms(["p1", "p1"], ["a", "a"]).passed


def balance(matrix, treated, probability=0.5, names=None, levels=None):
    return check_balance(
        matrix,
        treated,
        np.broadcast_to(np.asarray(probability, float), treated.shape),
        names=names or [f"x{k}" for k in range(matrix.shape[1])],
        levels=levels or {},
    )


def test_standardised_difference_by_hand():
    matrix = np.array([[1.0], [3.0], [4.0], [8.0]])
    treated = np.array([False, False, True, True])
    found = balance(matrix, treated, names=["recency"])
    assert found.differences == {"recency": pytest.approx((6 - 2) / np.sqrt((4 + 1) / 2))}
    assert found.max_smd == pytest.approx(4 / np.sqrt(2.5))


def test_text_gives_a_difference_per_level_and_missing_values_their_own():
    matrix = np.array([[0.0], [1.0], [np.nan], [1.0]])
    treated = np.array([False, False, True, True])
    found = balance(matrix, treated, names=["zip"], levels={"zip": ["rural", "urban"]})
    assert list(found.differences) == ["zip is missing", "zip = rural", "zip = urban"]
    assert found.differences["zip = urban"] == 0.0
    assert found.differences["zip = rural"] < 0 < found.differences["zip is missing"]


def test_one_feature_omnibus_by_hand():
    matrix = np.array([[0.0], [0.0], [1.0], [1.0]])
    treated = np.array([False, True, True, True])
    # U = sum (Z - 1/2)(x - 1/2) = 1/2; V = 4 * 1/4 * 1/4
    by_hand = (1 / 4 * (1 - 1) + 1 / 2 * (1 / 2 + 1 / 2)) ** 2 / (4 * 1 / 4 * 1 / 4)
    found = balance(matrix, treated)
    assert (found.chi2, found.df) == (pytest.approx(by_hand), 1)


def test_omnibus_alarm_is_as_rare_as_it_says_with_probabilities_that_vary():
    rng = np.random.default_rng(1)
    p_values = []
    for _ in range(2_000):
        matrix = np.column_stack([rng.normal(size=300), rng.integers(0, 3, 300)])
        probability = np.where(matrix[:, 0] > 0, 0.7, 0.3)
        treated = rng.random(300) < probability
        p_values.append(
            balance(matrix, treated, probability, levels={"x1": ["a", "b", "c"]}).p_value
        )
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(
        0.05, abs=3 * np.sqrt(0.05 * 0.95 / 2_000)
    )


def test_a_feature_that_knows_the_arm_is_found_and_named():
    rng = np.random.default_rng(2)
    treated = rng.random(1_000) < 0.5
    matrix = np.column_stack([rng.normal(size=1_000), treated + rng.normal(size=1_000)])
    found = balance(matrix, treated, names=["age", "replied"])
    assert not found.passed
    assert found.worst(1) == ["replied"]


def test_a_constant_feature_and_none_at_all_are_balanced():
    treated = np.array([False, True, False, True])
    constant = balance(np.ones((4, 1)), treated)
    assert (constant.max_smd, constant.df, constant.passed) == (0.0, 0, True)
    assert np.isnan(constant.p_value)
    assert balance(np.empty((4, 0)), treated).passed
