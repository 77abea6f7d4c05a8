"""Effects on those reached: two-stage least squares of statsmodels, the ends of the interval as a test sees them, ghosts."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.sandbox.regression.gmm import IV2SLS

from training.experiments.effects import ContrastRows
from training.experiments.exposure import effect_by_ghosts, effect_on_exposed
from training.metrics.estimates import Z


@pytest.fixture(scope="module")
def campaign():
    """Intent drives exposure and outcome; some of the control are exposed all the same."""
    rng = np.random.default_rng(6)
    n = 5_000
    treated, intent = rng.random(n) < 0.4, rng.random(n)
    would = rng.random(n) < intent
    exposed = would & (treated | (rng.random(n) < 0.1))
    outcome = 2 * intent + rng.normal(size=n) + 0.3 * exposed
    return ContrastRows(treated, np.full(n, 0.4), None), outcome, exposed, would


def test_the_lot_as_instrument_is_two_stage_least_squares(campaign):
    rows, outcome, exposed, _ = campaign
    found = effect_on_exposed(outcome, exposed, rows)
    one = np.ones(len(outcome))
    peer = IV2SLS(
        outcome, np.column_stack([one, exposed]), np.column_stack([one, rows.treated])
    ).fit()
    assert found.effect.value == pytest.approx(peer.params[1], rel=1e-9)
    assert found.effect.se == pytest.approx(
        peer.bse[1], rel=0.02
    )  # its errors have one variance in both arms
    assert found.share_treated == exposed[rows.treated].mean()
    naive = outcome[exposed].mean() - outcome[~exposed].mean()
    assert naive > found.effect.high  # who is exposed would have had more anyway


def test_at_the_ends_of_the_interval_a_test_changes_its_mind(campaign):
    """r is an end where outcome - r exposed differs between the arms by 1.96 standard errors."""
    rows, outcome, exposed, _ = campaign
    found = effect_on_exposed(outcome, exposed, rows).effect
    for end, sign in ((found.low, 1), (found.high, -1)):
        left = outcome - end * exposed
        peer = sm.OLS(left, sm.add_constant(rows.treated.astype(float))).fit(cov_type="HC0")
        assert peer.tvalues[1] == pytest.approx(sign * Z, rel=1e-3)


def test_ghosts_are_a_comparison_of_those_who_would_have_been_exposed(campaign):
    rows, outcome, _, would = campaign
    found = effect_by_ghosts(outcome, would, rows, arms=("none", "ads")).effect
    peer = stats.ttest_ind(
        outcome[would & rows.treated], outcome[would & ~rows.treated], equal_var=False
    )
    assert found.effect == pytest.approx(
        outcome[would & rows.treated].mean() - outcome[would & ~rows.treated].mean()
    )
    assert found.effect / found.se == pytest.approx(peer.statistic, rel=1e-9)


def test_a_log_that_knows_the_arm_has_no_effect(campaign):
    rows, outcome, _, would = campaign
    biased = would & (rows.treated | (np.arange(len(would)) % 3 > 0))
    found = effect_by_ghosts(outcome, biased, rows, arms=("none", "ads"))
    assert found.effect is None
    assert found.sample_ratio.p_value < 0.001
