"""Uplift areas against hand arithmetic, a naive re-implementation, the published Hillstrom figure, and simulations."""

from pathlib import Path

import numpy as np
import pyarrow.csv as pacsv
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate, stats

from training.metrics.uplift import (
    autoc,
    mean_effect,
    mid_ranks,
    qini_area,
    qini_difference,
    score_bins,
    toc_curve,
    treated_share_by_bin,
    uplift_by_bin,
)
from training.metrics.uplift_calibration import best_linear_predictor
from training.uplift.doubly_robust import effect_scores

HILLSTROM = Path(__file__).parents[3] / "../shared/data/hillstrom/hillstrom.csv"
N_SIMULATIONS = 2_000
MARGIN = 3 * np.sqrt(0.95 * 0.05 / N_SIMULATIONS)

EFFECT = np.array([4.0, 1.0, -1.0, 0.0])
SCORE = np.array([0.9, 0.5, 0.5, 0.1])

effects = arrays(np.float64, st.integers(2, 40), elements=st.floats(-5, 5, width=32))


@st.composite
def samples(draw):
    effect = draw(effects)
    levels = st.integers(-3, 3).map(float)
    return effect, draw(arrays(np.float64, len(effect), elements=levels))


def naive_areas(effect, score):
    """Both areas as the mean over many random orders of tied rows, straight from the definition."""
    rng = np.random.default_rng(0)
    n, areas = len(effect), []
    for _ in range(4_000):
        order = np.lexsort((rng.random(n), -score))
        gain = np.concatenate([[0.0], np.cumsum(effect[order]) / n])
        diagonal = np.linspace(0, gain[-1], n + 1)
        toc = gain[1:] / (np.arange(1, n + 1) / n) - gain[-1]
        areas.append((np.trapezoid(gain - diagonal, dx=1 / n), toc.mean()))
    return np.mean(areas, axis=0), np.std(areas, axis=0) / np.sqrt(len(areas))


def test_mid_ranks_by_hand():
    np.testing.assert_allclose(mid_ranks(SCORE), [0.5 / 4, 2 / 4, 2 / 4, 3.5 / 4])


def test_qini_by_hand():
    by_hand = (4 * (1 / 2 - 1 / 8) + 1 * (1 / 2 - 1 / 2) - 1 * (1 / 2 - 1 / 2) + 0) / 4
    assert qini_area(EFFECT, SCORE).value == pytest.approx(by_hand, abs=1e-15)


def test_autoc_by_hand():
    # mean effect of the top 1, 2, 3, 4 rows; the two tied rows have mean effect 0 each
    by_hand = (4 / 1 + 4 / 2 + 4 / 3 + 4 / 4) / 4 - 4 / 4
    assert autoc(EFFECT, SCORE).value == pytest.approx(by_hand, abs=1e-15)


def test_curve_by_hand():
    curve = toc_curve(EFFECT, SCORE, n_points=4)
    np.testing.assert_allclose(curve.gain, [4 / 4, 4 / 4, 4 / 4, 4 / 4])
    np.testing.assert_allclose(curve.toc, [4 / 1 - 1, 4 / 2 - 1, 4 / 3 - 1, 0], atol=1e-15)


def test_areas_equal_the_mean_over_random_orders_of_ties():
    rng = np.random.default_rng(1)
    effect, score = rng.normal(size=30), rng.integers(0, 4, 30).astype(float)
    expected, error = naive_areas(effect, score)
    assert qini_area(effect, score).value == pytest.approx(expected[0], abs=4 * error[0])
    assert autoc(effect, score).value == pytest.approx(expected[1], abs=4 * error[1])


def test_qini_is_the_integral_of_its_curve():
    rng = np.random.default_rng(2)
    effect, score = rng.normal(size=50), rng.normal(size=50)
    curve = toc_curve(effect, score, n_points=50)
    gap = np.concatenate([[0.0], curve.share * curve.toc])
    assert qini_area(effect, score).value == pytest.approx(np.trapezoid(gap, dx=1 / 50), abs=1e-12)


def jackknife_se(area, effect, score):
    n = len(effect)
    left_out = [area(np.delete(effect, i), np.delete(score, i)).value for i in range(n)]
    return np.sqrt((n - 1) / n * np.sum((left_out - np.mean(left_out)) ** 2))


@pytest.mark.parametrize("levels", [None, 5], ids=["no_ties", "ties"])
def test_standard_errors_match_the_jackknife(levels):
    rng = np.random.default_rng(3)
    score = rng.normal(size=400) if levels is None else rng.integers(0, levels, 400).astype(float)
    effect = 1 + 2 * score + rng.normal(size=400)  # a strong ranking, so that every term counts
    assert autoc(effect, score).se == pytest.approx(jackknife_se(autoc, effect, score), rel=1e-10)
    assert qini_area(effect, score).se == pytest.approx(
        jackknife_se(qini_area, effect, score), rel=0.02
    )


@given(effects)
def test_a_constant_score_is_worth_nothing(effect):
    score = np.full(len(effect), 0.3)
    assert abs(qini_area(effect, score).value) < 1e-10
    assert abs(autoc(effect, score).value) < 1e-10
    assert np.abs(toc_curve(effect, score).toc).max() < 1e-10


@given(samples(), st.randoms(use_true_random=False))
def test_row_order_changes_nothing(sample, random):
    effect, score = sample
    order = np.array(random.sample(range(len(effect)), len(effect)))
    clusters = np.arange(len(effect)) // 2
    for area in (qini_area, autoc):
        one = area(effect, score, clusters=clusters)
        other = area(effect[order], score[order], clusters=clusters[order])
        assert one.value == pytest.approx(other.value, abs=1e-10)
        assert one.se == pytest.approx(other.se, abs=1e-10, nan_ok=True)
    one, other = uplift_by_bin(effect, score), uplift_by_bin(effect[order], score[order])
    assert [b.effect.value for b in one] == pytest.approx(
        [b.effect.value for b in other], abs=1e-10
    )


@given(samples())
def test_an_increasing_transform_changes_nothing_and_reversing_flips_the_sign(sample):
    effect, score = sample
    assert qini_area(effect, np.exp(score)).value == qini_area(effect, score).value
    assert qini_area(effect, -score).value == pytest.approx(
        -qini_area(effect, score).value, abs=1e-10
    )


@given(samples())
def test_the_curve_ends_at_the_average_effect(sample):
    effect, score = sample
    curve = toc_curve(effect, score)
    assert abs(curve.toc[-1]) < 1e-10
    assert curve.gain[-1] == pytest.approx(effect.mean(), abs=1e-10)


@given(samples())
def test_singleton_clusters_are_independent_rows(sample):
    effect, score = sample
    rows = qini_area(effect, score)
    clustered = qini_area(effect, score, clusters=np.arange(len(effect)))
    assert clustered.se == pytest.approx(rows.se, abs=1e-12)


def test_random_scores_are_centred_on_zero():
    rng = np.random.default_rng(4)
    effect = rng.normal(0.5, 1, size=300)
    figures = (qini_area, autoc, lambda g, score: best_linear_predictor(g, score).slope)
    for figure in figures:
        values = np.array([figure(effect, rng.random(300)).value for _ in range(1_000)])
        assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))


def test_bins_average_the_effects_inside():
    bins = uplift_by_bin(np.arange(20.0), -np.arange(20.0), n_bins=4)
    assert [b.bin for b in bins] == [1, 2, 3, 4]
    assert [b.effect.value for b in bins] == [2.0, 7.0, 12.0, 17.0]
    assert [b.effect.n_rows for b in bins] == [5, 5, 5, 5]
    assert (bins[0].score_low, bins[0].score_high) == (-4.0, 0.0)


def test_tied_scores_share_a_bin():
    assert score_bins(np.array([3.0, 1.0, 1.0, 1.0, 1.0, 0.0]), n_bins=3).tolist() == [
        0,
        1,
        1,
        1,
        1,
        2,
    ]


def test_treated_share_by_hand():
    treated = np.array([True, True, True, False, False, False, False, True])
    score = np.array([8.0, 7, 6, 5, 4, 3, 2, 1])
    check = treated_share_by_bin(treated, np.full(8, 0.25), score, n_bins=2)
    assert check.observed == (3, 1)
    assert check.expected == (1.0, 1.0)
    assert check.chi2 == pytest.approx((3 - 1) ** 2 / (4 * 0.25 * 0.75))
    assert check.p_value == pytest.approx(stats.chi2.sf(check.chi2, 2))
    assert check.passed


def test_treated_share_alarm_is_as_rare_as_it_says_and_sees_a_leak():
    rng = np.random.default_rng(5)
    p_values = []
    for _ in range(2_000):
        probability = rng.choice([0.3, 0.6], 500)
        treated = rng.random(500) < probability
        p_values.append(treated_share_by_bin(treated, probability, rng.random(500)).p_value)
    share = np.mean(np.array(p_values) < 0.05)
    assert share == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 2_000))
    treated = rng.random(5_000) < 0.5
    leaking = treated_share_by_bin(
        treated, np.full(5_000, 0.5), treated + rng.normal(size=5_000) * 5
    )
    assert not leaking.passed


def covered(estimates, truth):
    return np.mean([estimate.low <= truth <= estimate.high for estimate in estimates])


def normal_sample(rng, n=400):
    x = rng.normal(size=n)
    return 0.3 * x + rng.normal(size=n), x


@pytest.mark.parametrize("level", [0.0, 2.0], ids=["no_mean_effect", "large_mean_effect"])
def test_interval_coverage_of_the_areas(level):
    rng = np.random.default_rng(6)
    slope, count = 0.3, 8_000
    margin = 3 * np.sqrt(0.95 * 0.05 / count)
    areas, autocs = [], []
    for _ in range(count):
        score = rng.normal(size=400)
        effect = level + slope * score + rng.normal(size=400)
        areas.append(qini_area(effect, score))
        autocs.append(autoc(effect, score))
    # E[slope x (Phi(x) - 1/2)] = slope / (2 sqrt(pi)); AUTOC = E[slope x (-ln(1 - Phi(x)) - 1)]
    tail = integrate.quad(lambda x: -x * stats.norm.logsf(x) * stats.norm.pdf(x), -9, 9)[0]
    assert covered(areas, slope / (2 * np.sqrt(np.pi))) == pytest.approx(0.95, abs=margin)
    assert covered(autocs, slope * tail) == pytest.approx(0.95, abs=margin)


def test_interval_coverage_with_heavy_ties():
    rng = np.random.default_rng(7)
    estimates = []
    for _ in range(N_SIMULATIONS):
        score = rng.choice([-1.0, 0.0, 1.0], 400, p=[1 / 4, 1 / 2, 1 / 4])
        estimates.append(qini_area(0.3 * score + rng.normal(size=400), score))
    truth = 1 / 4 * 0.3 * (1 / 2 - 1 / 8) + 1 / 4 * -0.3 * (1 / 2 - 7 / 8)
    assert covered(estimates, truth) == pytest.approx(0.95, abs=MARGIN)


def test_interval_coverage_of_a_paired_difference():
    rng = np.random.default_rng(8)
    estimates = []
    for _ in range(N_SIMULATIONS):
        effect, x = normal_sample(rng)
        estimates.append(qini_difference(effect, x, x + rng.normal(size=len(x))))
    # ranking by x + noise: correlation 1 / sqrt(2) with x
    truth = 0.3 / (2 * np.sqrt(np.pi)) * (1 - 1 / np.sqrt(2))
    assert covered(estimates, truth) == pytest.approx(0.95, abs=MARGIN)


def test_interval_coverage_with_rows_clustered_by_person():
    rng = np.random.default_rng(9)
    clusters = np.repeat(np.arange(200), 4)
    areas, means, naive = [], [], []
    for _ in range(N_SIMULATIONS):
        x = np.repeat(rng.normal(size=200), 4)
        effect = 0.3 * x + np.repeat(rng.normal(size=200), 4) + rng.normal(size=800)
        areas.append(qini_area(effect, x, clusters=clusters))
        means.append(mean_effect(effect, clusters=clusters))
        naive.append(mean_effect(effect))
    assert covered(areas, 0.3 / (2 * np.sqrt(np.pi))) == pytest.approx(0.95, abs=MARGIN)
    assert covered(means, 0.0) == pytest.approx(0.95, abs=MARGIN)
    assert covered(naive, 0.0) < 0.8  # rows of one person are not independent


def test_interval_coverage_of_autoc_with_500_clusters():
    rng = np.random.default_rng(10)
    clusters = np.repeat(np.arange(500), 4)
    estimates = []
    for _ in range(N_SIMULATIONS):
        x = np.repeat(rng.normal(size=500), 4)
        effect = 0.3 * x + np.repeat(rng.normal(size=500), 4) + rng.normal(size=2_000)
        estimates.append(autoc(effect, x, clusters=clusters))
    tail = integrate.quad(lambda x: -x * stats.norm.logsf(x) * stats.norm.pdf(x), -9, 9)[0]
    assert covered(estimates, 0.3 * tail) == pytest.approx(0.95, abs=MARGIN)


@pytest.mark.parametrize(
    ("effect", "score", "text"),
    [
        pytest.param([1.0, 2.0], [1.0], "same shape", id="lengths"),
        pytest.param([], [], "no rows", id="empty"),
        pytest.param([np.nan, 1.0], [1.0, 2.0], "finite", id="nan_effect"),
        pytest.param([1.0, 1.0], [1.0, np.inf], "finite", id="infinite_score"),
    ],
)
def test_unusable_input_is_refused(effect, score, text):
    with pytest.raises(ValueError, match=text):
        qini_area(np.array(effect), np.array(score))


def test_one_row_has_no_interval():
    only = qini_area(np.array([1.0]), np.array([1.0]))
    assert only.value == 0
    assert np.isnan(only.se)


@pytest.mark.skipif(not HILLSTROM.exists(), reason="the Hillstrom file is not on this machine")
def test_hillstrom_golden_area():
    """Women's e-mail against none, visit ranked by `history`: area between IPW gain and diagonal, pylift's `Q_qini`
    with ties averaged. The probability is the treated share found, as pylift has it."""
    table = pacsv.read_csv(HILLSTROM).to_pandas()
    table = table[table["segment"] != "Mens E-Mail"]
    treated = (table["segment"] == "Womens E-Mail").to_numpy()
    effect = effect_scores(
        table["visit"].to_numpy(float), treated, np.full(len(table), treated.mean())
    )
    found = qini_area(effect, table["history"].to_numpy(float))
    assert found.n_rows == 42_693
    assert round(found.value, 6) == 0.000559
    assert round(found.se, 5) == 0.00102
    assert round(effect.mean(), 6) == 0.045233


def test_a_bin_where_hardly_anybody_responds_has_no_interval():
    effect, score = np.arange(20.0), np.arange(20.0)
    upper, lower = uplift_by_bin(effect, score, n_bins=2, responded=score >= 15)
    assert np.isfinite(upper.effect.se)
    assert np.isnan(lower.effect.se)
    assert lower.effect.value == effect[:10].mean()
