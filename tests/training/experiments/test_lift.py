"""Lift against hand arithmetic, statsmodels, scipy, the published Hillstrom table, and simulations."""

from pathlib import Path

import numpy as np
import pyarrow.csv as pacsv
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from features.errors import InputError
from training.experiments.lift import estimate_lift

HILLSTROM = Path(__file__).parents[3] / "../shared/data/hillstrom/hillstrom.csv"
N_SIMULATIONS = 1_000
MARGIN = 3 * np.sqrt(0.95 * 0.05 / N_SIMULATIONS)

NONE, MENS, WOMENS = "No E-Mail", "Mens E-Mail", "Womens E-Mail"

# base mean, treated mean, effect, SE, effect - 1.96 SE, effect + 1.96 SE; unpooled variances, 64,000 rows
GOLDEN = [
    (MENS, NONE, "visit", 0.106167, 0.182757, 0.076590, 0.003386, 0.069953, 0.083226),
    (MENS, NONE, "conversion", 0.005726, 0.012531, 0.006805, 0.000921, 0.005000, 0.008610),
    (MENS, NONE, "spend", 0.652789, 1.422617, 0.769827, 0.145247, 0.485144, 1.054510),
    (WOMENS, NONE, "visit", 0.106167, 0.151400, 0.045233, 0.003234, 0.038894, 0.051573),
    (WOMENS, NONE, "conversion", 0.005726, 0.008837, 0.003111, 0.000823, 0.001499, 0.004724),
    (WOMENS, NONE, "spend", 0.652789, 1.077202, 0.424412, 0.130333, 0.168960, 0.679865),
    ("any", NONE, "visit", 0.106167, 0.167049, 0.060882, 0.002777, 0.055438, 0.066325),
    ("any", NONE, "conversion", 0.005726, 0.010681, 0.004955, 0.000717, 0.003548, 0.006361),
    ("any", NONE, "spend", 0.652789, 1.249585, 0.596796, 0.112556, 0.376186, 0.817406),
    (MENS, WOMENS, "visit", 0.151400, 0.182757, 0.031356, 0.003608, 0.024285, 0.038428),
    (MENS, WOMENS, "conversion", 0.008837, 0.012531, 0.003694, 0.000995, 0.001743, 0.005644),
    (MENS, WOMENS, "spend", 1.077202, 1.422617, 0.345415, 0.159617, 0.032565, 0.658265),
]

# relative effect and its log-scale interval in whole per cent
GOLDEN_RELATIVE = [
    (MENS, "visit", 0.721, 64, 81),
    (MENS, "conversion", 1.188, 77, 171),
    (MENS, "spend", 1.179, 63, 192),
    (WOMENS, "visit", 0.426, None, None),
    (WOMENS, "conversion", 0.543, None, None),
    (WOMENS, "spend", 0.650, 22, 124),
]


@pytest.fixture(scope="module")
def hillstrom():
    if not HILLSTROM.exists():
        pytest.skip("the Hillstrom file is not on this machine")
    return pacsv.read_csv(HILLSTROM).to_pandas()


def hillstrom_lift(table, treated, control, outcome):
    is_control = (table["segment"] == control).to_numpy()
    is_treated = ~is_control if treated == "any" else (table["segment"] == treated).to_numpy()
    kept = is_control | is_treated
    return estimate_lift(table[outcome].to_numpy(float)[kept], is_treated[kept])


@pytest.mark.parametrize(
    ("treated", "control", "outcome", "base", "mean", "effect", "se", "low", "high"), GOLDEN
)
def test_hillstrom_golden_table(
    hillstrom, treated, control, outcome, base, mean, effect, se, low, high
):
    found = hillstrom_lift(hillstrom, treated, control, outcome)
    printed = (found.base_mean, found.treated_mean, found.effect, found.se)
    assert tuple(round(value, 6) for value in printed) == (base, mean, effect, se)
    assert round(found.effect - 1.96 * found.se, 6) == low
    assert round(found.effect + 1.96 * found.se, 6) == high
    # ours is the normal quantile 1.959964, not the rounded 1.96 of the published table
    assert found.low == pytest.approx(found.effect - stats.norm.ppf(0.975) * found.se, abs=1e-12)
    assert found.high == pytest.approx(found.effect + stats.norm.ppf(0.975) * found.se, abs=1e-12)


@pytest.mark.parametrize(("treated", "outcome", "relative", "low", "high"), GOLDEN_RELATIVE)
def test_hillstrom_relative_effects(hillstrom, treated, outcome, relative, low, high):
    found = hillstrom_lift(hillstrom, treated, NONE, outcome)
    assert round(found.relative, 3) == relative
    if low is not None:
        assert round(100 * found.relative_low) == low
        assert round(100 * found.relative_high) == high


def test_by_hand():
    outcome = np.array([1.0, 3.0, 2.0, 6.0, 7.0])
    treated = np.array([False, False, True, True, True])
    found = estimate_lift(outcome, treated)
    variances = (2.0, ((2 - 5) ** 2 + (6 - 5) ** 2 + (7 - 5) ** 2) / 2)
    se = np.sqrt(variances[0] / 2 + variances[1] / 3)
    assert (found.base_mean, found.treated_mean, found.effect) == (2.0, 5.0, 3.0)
    assert found.se == pytest.approx(se)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(3 / se))
    assert found.relative == pytest.approx(5 / 2 - 1)
    log_se = np.sqrt(variances[0] / 2 / 2**2 + variances[1] / 3 / 5**2)
    assert found.relative_high == pytest.approx(5 / 2 * np.exp(stats.norm.ppf(0.975) * log_se) - 1)
    assert (found.estimand, found.n_control, found.n_treated, found.n_units) == ("ITT", 2, 3, 5)


def clustered_sample(rng, persons=60, weeks=5):
    clusters = np.repeat(np.arange(persons), weeks)
    treated = rng.random(len(clusters)) < 0.4
    habit = np.repeat(rng.normal(size=persons), weeks)
    return 2 + habit + 0.3 * treated + rng.normal(size=len(clusters)), treated, clusters


def test_clustered_parity_with_statsmodels():
    outcome, treated, clusters = clustered_sample(np.random.default_rng(0))
    found = estimate_lift(outcome, treated, clusters=clusters)
    ols = sm.OLS(outcome, sm.add_constant(treated.astype(float)))
    theirs = ols.fit(cov_type="cluster", cov_kwds={"groups": clusters})
    assert found.effect == pytest.approx(theirs.params[1], rel=1e-10)
    assert found.se == pytest.approx(theirs.bse[1], rel=1e-10)
    assert found.p_value == pytest.approx(theirs.pvalues[1], rel=1e-8)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.conf_int()[1]), rel=1e-8)
    assert found.n_units == 60
    assert "cluster-robust" in found.convention


def test_weighted_parity_with_statsmodels():
    rng = np.random.default_rng(1)
    probability = rng.uniform(0.2, 0.8, 300)
    treated = rng.random(300) < probability
    outcome = probability + treated + rng.normal(size=300)
    weight = np.where(treated, 1 / probability, 1 / (1 - probability))
    wls = sm.WLS(outcome, sm.add_constant(treated.astype(float)), weights=weight)
    found = estimate_lift(outcome, treated, probability=probability)
    theirs = wls.fit(cov_type="HC1")
    assert (found.effect, found.se) == pytest.approx((theirs.params[1], theirs.bse[1]), rel=1e-10)
    clusters = np.arange(300) // 3
    found = estimate_lift(outcome, treated, probability=probability, clusters=clusters)
    theirs = wls.fit(cov_type="cluster", cov_kwds={"groups": clusters})
    assert found.se == pytest.approx(theirs.bse[1], rel=1e-10)
    assert "Hájek" in found.convention


def test_a_constant_probability_gives_plain_means():
    rng = np.random.default_rng(2)
    outcome, treated = rng.normal(size=50), rng.random(50) < 0.5
    assert estimate_lift(outcome, treated, probability=np.full(50, 0.3)) == estimate_lift(
        outcome, treated
    )


@given(st.integers(0, 2**32 - 1), st.floats(-5, 5))
def test_row_order_and_a_constant_change_nothing(seed, constant):
    rng = np.random.default_rng(seed)
    outcome, treated, clusters = clustered_sample(rng, persons=8, weeks=3)
    treated[:4] = [True, True, False, False]
    order = rng.permutation(len(outcome))
    for ids in (None, clusters):
        one = estimate_lift(outcome, treated, clusters=ids)
        other = estimate_lift(
            outcome[order] + constant, treated[order], clusters=None if ids is None else ids[order]
        )
        assert (one.effect, one.se) == pytest.approx((other.effect, other.se), abs=1e-9)


def test_no_relative_effect_without_positive_means():
    treated = np.array([False, False, True, True])
    nobody = estimate_lift(np.array([0.0, 0.0, 1.0, 2.0]), treated)
    loss = estimate_lift(np.array([1.0, 2.0, -1.0, -2.0]), treated)
    for found in (nobody, loss):
        assert np.isnan([found.relative, found.relative_low, found.relative_high]).all()
    assert nobody.effect == 1.5


def test_a_constant_outcome_has_no_p_value():
    found = estimate_lift(np.zeros(4), np.array([False, False, True, True]))
    assert (found.effect, found.se) == (0.0, 0.0)
    assert np.isnan(found.p_value)


def test_a_mean_close_to_zero_keeps_its_absolute_interval():
    treated = np.repeat([False, True], 4)
    outcome = np.array([-1, 1, -1, 1 + 1e-9, -1, 1, -2, 6])
    found = estimate_lift(outcome, treated)
    se = np.sqrt(np.var(outcome[:4], ddof=1) / 4 + np.var(outcome[4:], ddof=1) / 4)
    assert (found.effect, found.se) == (pytest.approx(1.0), pytest.approx(se))
    assert found.high == pytest.approx(1 + stats.norm.ppf(0.975) * se)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(1 / se))
    assert found.relative == pytest.approx(1 / (1e-9 / 4), rel=1e-4)
    assert (found.relative_low, found.relative_high) == (-1, float("inf"))


def test_an_arm_of_one_row_is_refused():
    with pytest.raises(InputError) as caught:
        estimate_lift(np.zeros(3), np.array([False, False, True]))
    assert str(caught.value) == (
        "lift: the treated arm has 1 rows; an estimate with an interval needs at least 2 per arm. "
        "Check the arm names, or wait for more data."
    )


def covered(estimates, effect, relative=None):
    absolute = np.mean([e.low <= effect <= e.high for e in estimates])
    if relative is None:
        return absolute
    return absolute, np.mean([e.relative_low <= relative <= e.relative_high for e in estimates])


def test_coverage_of_rare_conversions():
    rng = np.random.default_rng(3)
    estimates = []
    for _ in range(N_SIMULATIONS):
        treated = rng.random(4_000) < 0.5
        outcome = (rng.random(4_000) < np.where(treated, 0.06, 0.04)).astype(float)
        estimates.append(estimate_lift(outcome, treated))
    absolute, relative = covered(estimates, 0.02, 0.06 / 0.04 - 1)
    assert absolute == pytest.approx(0.95, abs=MARGIN)
    assert relative == pytest.approx(0.95, abs=MARGIN)


def test_coverage_of_persons_assigned_again_every_week():
    rng = np.random.default_rng(4)
    clustered = []
    for _ in range(N_SIMULATIONS):
        outcome, treated, clusters = clustered_sample(rng, persons=200, weeks=4)
        clustered.append(estimate_lift(outcome, treated, clusters=clusters))
    absolute, relative = covered(clustered, 0.3, 2.3 / 2 - 1)
    assert absolute == pytest.approx(0.95, abs=MARGIN)
    assert relative == pytest.approx(0.95, abs=MARGIN)


def test_coverage_of_households_assigned_as_one():
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(200), 4)
    aware, naive = [], []
    for _ in range(N_SIMULATIONS):
        treated = np.repeat(rng.random(200) < 0.5, 4)
        outcome = np.repeat(rng.normal(size=200), 4) + rng.normal(size=800)
        aware.append(estimate_lift(outcome, treated, clusters=clusters))
        naive.append(estimate_lift(outcome, treated))
    assert covered(aware, 0.0) == pytest.approx(0.95, abs=MARGIN)
    assert covered(naive, 0.0) < 0.8


def test_coverage_with_probabilities_that_follow_the_outcome():
    rng = np.random.default_rng(6)
    weighted, plain = [], []
    for _ in range(N_SIMULATIONS):
        active = rng.random(1_000) < 0.5
        probability = np.where(active, 0.7, 0.3)
        treated = rng.random(1_000) < probability
        outcome = 1 + active + 0.2 * treated + rng.normal(size=1_000)
        weighted.append(estimate_lift(outcome, treated, probability=probability))
        plain.append(estimate_lift(outcome, treated))
    assert covered(weighted, 0.2) == pytest.approx(0.95, abs=MARGIN)
    assert covered(plain, 0.2) < 0.5
