"""Always-valid intervals: the published formula, simulated peeking, and 78 real experiments."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from training.experiments.sequential import confidence_sequence, mixture_scale, widening

ASOS = (
    Path(__file__).parents[3]
    / "../shared/data/asos_experiments/asos_digital_experiments_dataset.parquet"
)


def test_half_width_by_hand():
    """rho^2 = (-2 ln .05 + ln(-2 ln .05 + 1)) / 10,000; width = sqrt(2 (n rho^2 + 1) / (n rho^2) ln(sqrt(n rho^2 + 1) / .05))."""
    logs = -2 * np.log(0.05)
    square = (logs + np.log(logs + 1)) / 10_000
    assert mixture_scale(10_000) ** 2 == pytest.approx(square)
    scaled = 2_000 * square
    width = np.sqrt(2 * (scaled + 1) / scaled * np.log(np.sqrt(scaled + 1) / 0.05))
    assert widening(np.array([2_000.0]), 10_000)[0] == pytest.approx(width)


def test_width_is_the_mixture_boundary_of_a_normal():
    """At the boundary the mixture over N(0, rho^2) of likelihood ratios of a standard normal sum is 1 / alpha."""
    rho, n = mixture_scale(5_000), 3_000
    total = widening(np.array([float(n)]), 5_000)[0] * np.sqrt(n)
    effects = np.linspace(-40 * rho, 40 * rho, 400_001)
    likelihood = np.exp(effects * total - n * effects**2 / 2) * stats.norm.pdf(effects, scale=rho)
    assert np.trapezoid(likelihood, effects) == pytest.approx(1 / 0.05, rel=1e-6)


@given(st.integers(1_000, 10**7), st.integers(1_000, 10**7))
def test_never_narrower_than_one_look(rows, planned):
    assert widening(np.array([float(rows)]), planned)[0] > stats.norm.ppf(0.975)


def test_narrowest_where_planned():
    at_plan = widening(np.array([100_000.0]), 100_000)[0]
    others = [widening(np.array([100_000.0]), planned)[0] for planned in (10_000, 1_000_000)]
    assert at_plan < min(others)


def test_too_few_rows_decide_nothing():
    looks = confidence_sequence(
        np.array([[50.0, 50.0], [600.0, 600.0]]),
        np.array([[0.0, 9.0], [0.0, 9.0]]),
        np.ones((2, 2)),
        planned_rows=1_000,
    )
    assert np.isinf(looks.low[0])
    assert looks.stopped == 1
    assert looks.stopped_fixed == 0


@pytest.mark.parametrize("outcome", ["normal", "conversion of 1 %"])
def test_daily_peeking_at_nothing_stops_at_most_one_in_twenty(outcome):
    """60 days, 400 persons a day and arm, 1,000 experiments without effect."""
    rng = np.random.default_rng(11)
    shape, per_day = (1_000, 60, 2), 400
    if outcome == "normal":
        sums = rng.normal(0, np.sqrt(per_day), shape).cumsum(axis=1)
    else:
        sums = rng.binomial(per_day, 0.01, shape).astype(float).cumsum(axis=1)
    count = per_day * np.arange(1.0, 61)[:, None] * np.ones(2)
    ever = ever_fixed = 0
    for total in sums:
        mean = total / count
        variance = np.ones_like(mean) if outcome == "normal" else mean * (1 - mean) + 1e-9
        looks = confidence_sequence(count, mean, variance, planned_rows=60 * 2 * per_day)
        ever += looks.stopped is not None
        ever_fixed += looks.stopped_fixed is not None
    assert ever <= 50
    assert ever_fixed > 200  # what uncorrected peeking does


def test_every_asos_experiment_has_the_z_of_its_aggregates():
    """Welch's z from the last checkpoint of every experiment, variant and metric, as tea-tasting and scipy have it."""
    if not ASOS.exists():
        pytest.skip("the ASOS file is not on this machine")
    table = pd.read_parquet(ASOS).dropna()
    table = table[(table["variance_c"] > 0) & (table["variance_t"] > 0)]
    keys = ["experiment_id", "variant_id", "metric_id"]
    count = 0
    for _, checks in table.sort_values("time_since_start").groupby(keys):
        pairs = [checks[[f"{name}_c", f"{name}_t"]].to_numpy() for name in ("count", "mean", "variance")]  # fmt: skip
        looks = confidence_sequence(*pairs, planned_rows=pairs[0][-1].sum())
        last = [values[-1] for values in pairs]
        (nc, nt), (mc, mt), (vc, vt) = last
        peer = stats.ttest_ind_from_stats(mt, vt**0.5, nt, mc, vc**0.5, nc, equal_var=False)
        assert looks.z[-1] == pytest.approx(peer.statistic, rel=1e-9)
        count += 1
    assert count > 300
