"""Cost curves and the best share: hand arithmetic, the Qini area as a special case, and an honest interval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.metrics.policy import policy_value
from training.metrics.policy_curves import best_share, cost_curve
from training.metrics.uplift import qini_area

EFFECT = np.array([4.0, 2.0, 0.0, -1.0])
SCORE = np.array([4.0, 3.0, 2.0, 1.0])


@given(st.integers(0, 9_999))
def test_equal_costs_give_the_qini_area(seed):
    rng = np.random.default_rng(seed)
    effect, score = rng.normal(size=40), rng.integers(0, 9, 40).astype(float)
    ours, qini = cost_curve(effect, score, cost=np.full(40, 3.0)).area, qini_area(effect, score)
    assert (ours.value, ours.se) == pytest.approx((qini.value, qini.se), abs=1e-12)


def test_curve_by_hand():
    """Half of all cost goes into the first row, then a quarter, an eighth and an eighth."""
    found = cost_curve(EFFECT, SCORE, cost=np.array([4.0, 2, 1, 1]), n_points=4)
    np.testing.assert_allclose(found.gain, [1 / 2 * 4 / 4, 4 / 4, 6 / 4, 5 / 4])
    by_hand = (4 * (1 / 2 - 1 / 4) + 2 * (1 / 2 - 5 / 8) + 0 - 1 * (1 / 2 - 15 / 16)) / 4
    assert found.area.value == pytest.approx(by_hand)


def test_error_of_the_area_matches_the_jackknife():
    rng = np.random.default_rng(0)
    n = 300
    score, cost = rng.normal(size=n), rng.exponential(size=n)
    effect = score + cost + rng.normal(size=n)
    values = [
        cost_curve(np.delete(effect, i), np.delete(score, i), cost=np.delete(cost, i)).area.value
        for i in range(n)
    ]
    jackknife = np.sqrt((n - 1) / n * np.sum((values - np.mean(values)) ** 2))
    assert cost_curve(effect, score, cost=cost).area.se == pytest.approx(jackknife, rel=0.02)


def test_costs_that_cannot_be_are_refused():
    for cost in (np.array([-1.0, 1, 1, 1]), np.zeros(4)):
        with pytest.raises(ValueError, match="cost must not be negative, and somebody"):
            cost_curve(EFFECT, SCORE, cost=cost)


def test_best_share_by_hand():
    found = best_share(EFFECT, SCORE, cost=1.0, n_points=4)
    np.testing.assert_allclose(found.curve, [0, 3 / 4, 4 / 4, 3 / 4, 1 / 4])
    assert (found.share, found.naive) == (0.5, 1.0)
    assert found.share_low <= 0.5 <= found.share_high
    assert found.profit < found.naive


def test_the_band_of_the_profit_is_that_of_a_rule_fixed_beforehand():
    rng = np.random.default_rng(6)
    effect, score = 1 + rng.normal(size=1_000), rng.permutation(1_000).astype(float)
    found = best_share(effect, score, cost=0.3, n_points=4)
    half = policy_value(effect, score >= 500, cost=0.3)
    ends = (found.curve[2], found.curve_low[2], found.curve_high[2])
    assert ends == pytest.approx((half.value, half.low, half.high), rel=0.02)
    assert found.curve_low[0] == found.curve_high[0] == 0


def test_ties_share_a_bin_and_row_order_changes_nothing():
    rng = np.random.default_rng(1)
    effect, score = rng.normal(size=100), rng.integers(0, 3, 100).astype(float)
    order = rng.permutation(100)
    one = best_share(effect, score, cost=0.1, n_points=10)
    other = best_share(effect[order], score[order], cost=0.1, n_points=10)
    np.testing.assert_allclose(one.curve, other.curve, atol=1e-12)
    assert one.profit == pytest.approx(other.profit, abs=1e-9)
    flat = best_share(effect, np.zeros(100), cost=0.0, n_points=10).curve
    np.testing.assert_allclose(flat, effect.mean() * np.arange(11) / 10, atol=1e-12)


def test_when_nobody_is_worth_it_nobody_is_contacted():
    found = best_share(EFFECT, SCORE, cost=100.0)
    assert (found.share, found.naive) == (0, 0)
    assert found.share_low == 0
    assert found.low == found.high == 0


def test_the_winner_is_cursed_and_the_correction_takes_most_of_it():
    """Effect .2 on everybody at a cost of .2: every share has profit 0, the best of 20 estimates more."""
    rng = np.random.default_rng(2)
    found = [
        best_share(0.2 + rng.normal(size=400), rng.random(400), cost=0.2, n_points=20, rng=rng)
        for _ in range(300)
    ]
    naive, corrected = (np.mean([getattr(f, key) for f in found]) for key in ("naive", "profit"))
    assert naive > 5 * np.std([f.naive for f in found]) / np.sqrt(300)
    assert abs(corrected) < 0.5 * naive


def test_intervals_cover_after_the_choice():
    """Effect 1 - r at rank r, cost .4: profit of share q is q - q^2/2 - .4 q, best at .6."""
    rng = np.random.default_rng(3)
    profits, shares = [], []
    for _ in range(300):
        score = rng.random(1_000)
        effect = score + 2 * rng.normal(size=1_000)
        found = best_share(effect, score, cost=0.4, n_points=20, rng=rng)
        truth = 0.6 * found.share - found.share**2 / 2
        profits.append(found.low <= truth <= found.high)
        shares.append(found.share_low <= 0.6 <= found.share_high)
    margin = 3 * np.sqrt(0.95 * 0.05 / 300)
    assert np.mean(profits) > 0.95 - margin
    assert np.mean(shares) > 0.95 - margin


def test_the_set_of_best_shares_is_no_wider_than_it_says():
    """Effect equal to the cost: every share is a best one, so each is left out 5 % of the time."""
    rng = np.random.default_rng(5)
    kept = []
    for _ in range(400):
        effect = 0.2 + rng.normal(size=400)
        found = best_share(effect, rng.random(400), cost=0.2, n_points=4, rng=rng)
        kept.append(found.share_low == 0)
    assert np.mean(kept) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 400))


def test_clusters_widen_the_interval():
    rng = np.random.default_rng(4)
    effect, score = np.repeat(rng.normal(size=200), 4), np.repeat(rng.random(200), 4)
    clustered = best_share(effect + 1, score, cost=0.0, clusters=np.repeat(np.arange(200), 4))
    naive = best_share(effect + 1, score, cost=0.0)
    assert clustered.high - clustered.low > 1.6 * (naive.high - naive.low)
