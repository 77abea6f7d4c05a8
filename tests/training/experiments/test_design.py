"""Power and duration against hand arithmetic, statsmodels and published sizes; the verdict in words."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats
from statsmodels.stats.power import NormalIndPower

from features.config import validate
from features.errors import ConfigError, SchemaError
from features.histories.histories import microseconds
from training.experiments.design import (
    DesignHistory,
    Wanted,
    design_test,
    detectable_change,
    persons_needed,
)
from training.experiments.design_config import DesignConfig
from training.experiments.design_run import design_flat, design_lines, history_of

RARE = np.array([1.0] * 10 + [0.0] * 990)  # converts 1 %


def config_of(outcomes, **keys):
    content = {
        "kind": "design",
        "history": {"kind": "flat_table", "path": "past.parquet", "persons_per_week": 10_000},
        "outcomes": outcomes,
        "holdout_shares": [0.5],
        "replays": 0,
        **keys,
    }
    return validate(DesignConfig, content, subject="test")


def test_ten_percent_on_one_percent_needs_163_000_per_arm():
    """(1.96 + 0.84)^2 x 2 x 0.01 x 0.99 / 0.001^2 = 155,000; unpooled by the lifted rate 163,000: same order, history's variance."""
    found = persons_needed(RARE, 0.001, Wanted(0.5))
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    variance = 0.01 * 0.99 * 1_000 / 999
    assert found == pytest.approx(2 * z**2 * 2 * variance / 0.001**2, rel=1e-4)
    assert found / 2 == pytest.approx(163_000, rel=0.05)


def test_detectable_change_by_hand():
    """(z_.975 + z_.8) sqrt(v / n1 + v / n0), a fifth held out of 5,000."""
    rng = np.random.default_rng(0)
    revenue = rng.gamma(0.1, 50, 3_000)
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    expected = z * np.sqrt(revenue.var(ddof=1) * (1 / 4_000 + 1 / 1_000))
    assert detectable_change(revenue, 5_000, Wanted(0.2)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("share", [0.5, 0.2, 0.05])
def test_persons_needed_are_those_of_statsmodels(share):
    revenue = np.random.default_rng(1).gamma(0.2, 30, 2_000)
    change = 0.1 * revenue.mean()
    peer = NormalIndPower().solve_power(
        effect_size=change / revenue.std(ddof=1), alpha=0.05, power=0.8, ratio=(1 - share) / share
    )
    assert persons_needed(revenue, change, Wanted(share)) == pytest.approx(peer / share, rel=1e-4)


def test_cuped_needs_fewer_by_the_squared_correlation():
    rng = np.random.default_rng(2)
    before = rng.gamma(1, 10, 4_000)
    outcome = before + rng.gamma(1, 10, 4_000)
    squared = np.corrcoef(before, outcome)[0, 1] ** 2
    plain = persons_needed(outcome, 1.0, Wanted(0.5))
    helped = persons_needed(outcome, 1.0, Wanted(0.5, before=before))
    assert helped / plain == pytest.approx(1 - squared, rel=1e-3)


@pytest.mark.parametrize(("persons", "share"), [(137, 0.5), (10_000, 0.05), (999_999, 0.1)])
def test_four_times_the_persons_find_half_the_change(persons, share):
    once, more = (detectable_change(RARE, n, Wanted(share)) for n in (persons, 4 * persons))
    assert more == pytest.approx(once / 2, rel=1e-4)


def test_what_is_needed_finds_what_was_wanted():
    needed = persons_needed(RARE, 0.002, Wanted(0.3))
    assert detectable_change(RARE, needed, Wanted(0.3)) == pytest.approx(0.002, rel=1e-3)


def history(**columns):
    return DesignHistory(columns, 10_000 * np.arange(1.0, 13), "past")


def test_an_answer_names_the_weeks():
    (plan,) = design_test(
        history(bought=RARE), config_of({"bought": {"kind": "binary", "lift": 0.5}})
    )
    assert plan.answers
    assert plan.weeks == int(np.ceil(plan.persons_needed / 10_000))
    assert plan.forgone == pytest.approx(0.5 * plan.persons_needed * 0.005)
    assert "a change by 50.0% is found with 80% power" in plan.sentence
    assert f"{plan.weeks} week" in plan.sentence


def test_a_test_that_cannot_answer_says_so():
    (plan,) = design_test(
        history(bought=RARE), config_of({"bought": {"kind": "binary", "lift": 0.01}})
    )
    assert plan.weeks is None
    assert not plan.answers
    assert "this test cannot answer your question" in plan.sentence
    assert f"needs {plan.persons_needed:,}" in plan.sentence
    assert plan.detectable_relative > 0.01


def test_a_return_is_revenue_over_cost():
    """A least return of 2 at 0.5 per person is one more unit of revenue per person."""
    revenue = np.random.default_rng(3).gamma(0.2, 30, 2_000)
    target = {"kind": "incremental_return", "revenue": "won", "cost_per_person": 0.5, "least": 2.0}
    (plan,) = design_test(history(won=revenue), config_of({"back": target}))
    assert plan.worth_finding == pytest.approx(1.0)
    assert plan.persons_needed == persons_needed(revenue, 1.0, Wanted(0.5))
    assert plan.detectable_relative == pytest.approx(plan.detectable / 0.5)


def test_smaller_holdouts_need_more_and_forgo_less_per_person():
    plans = design_test(
        history(bought=RARE),
        config_of({"bought": {"kind": "binary", "lift": 0.5}}, holdout_shares=[0.5, 0.2, 0.05]),
    )
    needed = [plan.persons_needed for plan in plans]
    assert needed == sorted(needed)
    forgone = [plan.forgone / plan.persons_needed for plan in plans]
    assert forgone == sorted(forgone, reverse=True)


def test_simulated_tests_have_the_wanted_power_and_few_false_alarms():
    config = config_of({"bought": {"kind": "binary", "lift": 0.5}}, replays=1_000)
    (plan,) = design_test(history(bought=RARE), config)
    margin = 3 * np.sqrt(0.8 * 0.2 / 1_000)
    assert plan.simulated.power == pytest.approx(
        0.8, abs=margin + 0.03
    )  # the lifted arm varies more
    assert plan.simulated.false_alarms == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 1_000))


def test_heavy_tails_cost_simulated_power():
    revenue = np.concatenate([np.zeros(1_960), np.random.default_rng(4).lognormal(2, 2, 40)])
    config = config_of({"won": {"kind": "continuous", "lift": 2.0}}, replays=500)
    (plan,) = design_test(history(won=revenue), config)
    assert 0.2 < plan.simulated.power < 1
    assert plan.simulated.false_alarms < 0.08


def test_history_of_active_persons(make_histories, day):
    """a buys in both windows, b in the one before, c long ago, d only in the window: a and b were active before it."""
    histories = make_histories(
        ("a", 80, "x", "t1", 3.0),
        ("a", 95, "x", "t2", 5.0),
        ("b", 85, "x", "t3", 4.0),
        ("c", 10, "x", "t4", 9.0),
        ("d", 96, "x", "t5", 7.0),
        ("d", 101, "x", "t6", 7.0),
    )
    found = history_of(
        histories,
        as_of=microseconds(day(100)),
        window_days=7,
        active_days=28,
        max_weeks=3,
    )
    assert found.columns["revenue"].tolist() == [5.0, 0.0]
    assert found.columns["conversion"].tolist() == [1.0, 0.0]
    assert found.columns["before_revenue"].tolist() == [
        0.0,
        0.0,
    ]  # 80 and 85 are before days 86 to 93
    assert found.persons.tolist() == [
        2.0,
        2.0,
        3.0,
    ]  # a, d; then b as well (day 85 is 15 days back)


def test_a_run_says_everything_in_words(tmp_path):
    pq.write_table(pa.table({"bought": RARE}), tmp_path / "past.parquet")
    config = config_of({"bought": {"kind": "binary", "lift": 0.5}}, workspace="ws", replays=100)
    run = design_flat(config, config.history, folder=tmp_path)
    assert design_lines(run) == [run.json("design.json")["plans"][0]["sentence"]]
    assert {"design.json", "plans.parquet", "report.html"} <= {p.name for p in run.path.iterdir()}
    assert run.json("design.json")["plans"][0]["sentence"] in (run.path / "report.html").read_text()
    assert design_flat(config, config.history, folder=tmp_path).reused


def test_a_missing_column_names_the_nearest(tmp_path):
    pq.write_table(pa.table({"bought": RARE}), tmp_path / "past.parquet")
    config = config_of({"bougt": {"kind": "binary", "lift": 0.5}})
    with pytest.raises(SchemaError, match="Did you mean 'bought'"):
        design_flat(config, config.history, folder=tmp_path)


def test_shares_must_be_shares():
    with pytest.raises(ConfigError, match="'holdout_shares' must be between 0 and 1"):
        config_of({"bought": {"kind": "binary", "lift": 0.5}}, holdout_shares=[1.2])
