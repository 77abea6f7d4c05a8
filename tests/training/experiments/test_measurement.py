"""A whole measurement: the published Hillstrom table, every gate, exposure, segments, days, multiplicity."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from statsmodels.stats.multitest import multipletests

from features.config import load_config, validate
from features.errors import ConfigError, GateError, InputError
from features.sources.flat_table import flat_table_of, read_flat_table
from training.experiments.config import MeasureConfig
from training.experiments.measure_run import measure_flat, result_tables
from training.experiments.measurement import measure_experiment
from training.experiments.rows import experiment_rows

ROOT = Path(__file__).parents[3]
HILLSTROM = ROOT / "../shared/data/hillstrom/hillstrom.csv"
MENS, WOMENS = "Mens E-Mail", "Womens E-Mail"

# treated arm, outcome: means, effect, standard error; unpooled variances, 64,000 rows, as published
GOLDEN = [
    (MENS, "visit", 0.106167, 0.182757, 0.076590, 0.003386),
    (MENS, "conversion", 0.005726, 0.012531, 0.006805, 0.000921),
    (MENS, "spend", 0.652789, 1.422617, 0.769827, 0.145247),
    (WOMENS, "visit", 0.106167, 0.151400, 0.045233, 0.003234),
    (WOMENS, "conversion", 0.005726, 0.008837, 0.003111, 0.000823),
    (WOMENS, "spend", 0.652789, 1.077202, 0.424412, 0.130333),
]


@pytest.fixture(scope="module")
def hillstrom():
    if not HILLSTROM.exists():
        pytest.skip("the Hillstrom file is not on this machine")
    config = load_config(MeasureConfig, ROOT / "configs/hillstrom/measure.yaml")
    rows, _ = experiment_rows(read_flat_table(HILLSTROM), config.data, config)
    return measure_experiment(rows, config)


@pytest.mark.parametrize(("treated", "outcome", "base", "mean", "effect", "se"), GOLDEN)
def test_hillstrom_is_the_published_table(hillstrom, treated, outcome, base, mean, effect, se):
    (lift,) = (
        found.lift
        for found in hillstrom.effects
        if (found.treated, found.outcome, found.method, found.cap)
        == (treated, outcome, "plain", None)
    )
    printed = (lift.base_mean, lift.treated_mean, lift.effect, lift.se)
    assert tuple(round(value, 6) for value in printed) == (base, mean, effect, se)


def test_hillstrom_checks_cap_order_value_and_cuped(hillstrom):
    ratio = hillstrom.checks[1]
    assert ratio.found.endswith("(chi-square 0.2025, p 0.904)")
    assert all(check.passed for check in hillstrom.checks)
    levels = {(row.arm, row.outcome): row.level.value for row in hillstrom.levels}
    spent = [levels[arm, "order_value"] for arm in ("No E-Mail", MENS, WOMENS)]
    assert [round(value, 2) for value in spent] == [114.00, 113.53, 121.89]
    (adjusted,) = (
        found
        for found in hillstrom.effects
        if (found.treated, found.outcome, found.method, found.cap)
        == (MENS, "spend", "before", None)
    )
    assert adjusted.correlation == pytest.approx(0.021, abs=0.002)
    assert adjusted.variance_saved == pytest.approx(adjusted.correlation**2, abs=1e-4)
    (headline,) = (
        found
        for found in hillstrom.effects
        if (found.treated, found.outcome, found.headline) == (MENS, "spend", True)
    )
    table = pacsv.read_csv(HILLSTROM).to_pandas()
    capped = table.assign(spend=table["spend"].clip(upper=200)).groupby("segment")["spend"].mean()
    assert headline.cap == 200
    assert headline.lift.effect == pytest.approx(capped[MENS] - capped["No E-Mail"])


def table_of(n=4_000, seed=0, **changed):
    """A test with a visit effect of 0.1, of whose treated arm 60 % are reached; `changed` replaces columns."""
    rng = np.random.default_rng(seed)
    arm = rng.random(n) < 0.5
    would = rng.random(n) < 0.6
    known = rng.normal(size=n)
    visit = rng.random(n) < 0.3 + 0.1 * known.clip(-1, 1) + 0.1 * (arm & would)
    columns = {
        "who": [f"u{number}" for number in range(n)],
        "arm": np.where(arm, "ads", "none"),
        "visit": visit.astype(int),
        "revenue": visit * rng.lognormal(2, 0.5, n),
        "cost": (arm & would) * 0.5,
        "known": known,
        "earlier": 5 + known + rng.normal(size=n),
        "tier": np.where(known > 0, "high", "low"),
        "reached": (arm & would).astype(int),
        "would": would.astype(int),
        "day": rng.integers(0, 4, n),
        "home": np.arange(n) // 2,
    }
    return pa.table(columns | {name: change(columns) for name, change in changed.items()})


def config_of(data=None, **keys):
    content = {
        "kind": "measure",
        "data": {
            "kind": "flat_table",
            "path": "test.parquet",
            "arm": "arm",
            "control": "none",
            "treated": ["ads"],
            "probability": 0.5,
            "unit": "who",
            "covariates": ["known"],
            "segments": ["tier"],
            "day": "day",
            "exposed": "reached",
            "would_be_exposed": "would",
            **(data or {}),
        },
        "outcomes": {
            "visit": {"kind": "binary", "before": "earlier"},
            "revenue": {"kind": "continuous", "cap": 20.0},
            "order_value": {"kind": "ratio", "numerator": "revenue", "denominator": "visit"},
            "return_on_spend": {"kind": "ratio", "numerator": "revenue", "denominator": "cost"},
            "incremental_return": {
                "kind": "incremental_ratio",
                "numerator": "revenue",
                "denominator": "cost",
            },
        },
        "primary": ["visit", "revenue"],
        **keys,
    }
    return validate(MeasureConfig, content, subject="test")


def measured(table, config):
    rows, _ = experiment_rows(flat_table_of(table, source="test"), config.data, config)
    return measure_experiment(rows, config)


@pytest.fixture(scope="module")
def found():
    return measured(table_of(), config_of(planned_rows=4_000))


def test_every_estimate_of_every_outcome(found):
    kinds = [(e.outcome, e.method, e.cap, e.headline) for e in found.effects]
    assert kinds == [
        ("visit", "plain", None, True),
        ("visit", "before", None, False),
        ("visit", "prediction", None, False),
        ("revenue", "plain", 20, True),
        ("revenue", "prediction", 20, False),
        ("revenue", "plain", None, False),
        ("revenue", "prediction", None, False),
        ("order_value", "plain", None, True),
        ("order_value", "prediction", None, False),
    ]
    assert all(0 <= e.variance_saved < 0.2 for e in found.effects if e.outcome == "visit")


def test_a_ratio_without_control_is_shown_by_arm_only(found):
    assert "return_on_spend" not in {effect.outcome for effect in found.effects}
    levels = {row.arm: row.level for row in found.levels if row.outcome == "return_on_spend"}
    assert np.isnan(levels["none"].value)
    assert levels["ads"].low < levels["ads"].value < levels["ads"].high


def test_incremental_return_is_won_revenue_over_cost(found):
    (ratio,) = found.ratios
    whole = next(e for e in found.effects if e.outcome == "revenue" and e.cap is None)
    table = table_of().to_pandas()
    per_row = table.loc[table["arm"] == "ads", "cost"].mean()
    assert ratio.estimate.value == pytest.approx(whole.lift.effect / per_row)


def test_effect_on_the_exposed_is_the_itt_over_the_share_reached(found):
    (exposure,) = found.exposure
    itt = found.effects[0].lift.effect
    reached = exposure.on_exposed
    assert reached.share_control == 0
    assert reached.effect.value == pytest.approx(itt / reached.share_treated)
    assert reached.effect.low < 0.1 < reached.effect.high
    ghosts = exposure.by_ghosts
    assert ghosts.effect.low < 0.1 < ghosts.effect.high
    assert ghosts.effect.se < reached.effect.se  # those out of reach add noise only


def test_ghosts_that_know_the_arm_give_no_effect():
    """A log that misses half of the control's ghosts."""
    table = table_of(would=lambda c: np.where((c["arm"] == "none") & (c["day"] < 2), 0, c["would"]))
    (exposure,) = measured(table, config_of()).exposure
    assert exposure.by_ghosts.effect is None
    assert not exposure.by_ghosts.sample_ratio.passed


def test_holm_is_over_the_primary_headlines(found):
    family = [e for e in found.effects if e.primary and e.headline]
    raw = [e.lift.p_value for e in family]
    expected = multipletests(raw, method="holm")[1]
    assert [e.p_holm for e in family] == pytest.approx(list(expected))
    assert all(np.isnan(e.p_holm) for e in found.effects if e not in family)


def test_false_discovery_is_over_all_segments():
    found = measured(table_of(), config_of({"segments": ["tier", "day"], "day": None}))
    raw = [part.lift.p_value for part in found.segments]
    expected = multipletests(raw, method="fdr_bh")[1]
    assert len(raw) == 2 + 4
    assert [part.p_adjusted for part in found.segments] == pytest.approx(list(expected))


def test_a_small_segment_has_no_lift():
    rare = table_of(tier=lambda c: np.where(np.arange(len(c["arm"])) < 150, "rare", "rest"))
    parts = {part.level: part for part in measured(rare, config_of()).segments}
    assert parts["rare"].lift is None
    assert parts["rare"].n_rows == 150
    assert np.isnan(parts["rare"].p_adjusted)


def test_days_add_up_and_looks_are_wider_than_one_look(found):
    (daily,) = found.days
    assert [day.day for day in daily.days] == [0, 1, 2, 3]
    assert sum(day.n_rows for day in daily.days) == 4_000
    last = daily.days[-1]
    assert last.so_far == found.effects[0].lift
    assert last.valid_low < last.so_far.low < last.so_far.high < last.valid_high
    assert np.isnan(daily.days[0].valid_low) == (daily.days[0].n_rows < 1_000)


def test_an_effect_that_wears_off_has_a_falling_trend():
    def fading(c):
        rng = np.random.default_rng(9)
        chance = 0.2 + (c["arm"] == "ads") * (0.3 - 0.1 * c["day"])
        return (rng.random(len(chance)) < chance).astype(int)

    (daily,) = measured(table_of(visit=fading), config_of()).days
    assert daily.trend.low < -0.1 < daily.trend.high < 0


GATES = [
    (
        "sample ratio, analysed",
        {"arm": lambda c: np.where(np.arange(len(c["arm"])) < 400, "ads", c["arm"])},
        {},
    ),
    ("units in one arm", {"who": lambda c: ["u1"] * 3 + c["who"][3:]}, {}),
    (
        "balance of ads and none",
        {"known": lambda c: c["known"] + 0.3 * (c["arm"] == "ads")},
        {},
    ),
    (
        "period before, visit: ads and none",
        {"earlier": lambda c: c["earlier"] + 0.5 * (c["arm"] == "ads")},
        {},
    ),
    (
        "control not exposed",
        {"reached": lambda c: np.where(np.arange(len(c["arm"])) < 40, 1, c["reached"])},
        {},
    ),
    (
        "assigned before exposed",
        {
            "from": lambda c: np.full(len(c["arm"]), 3.0),
            "seen": lambda c: np.where(np.arange(len(c["arm"])) == 7, 2.9, 3.1),
        },
        {"assigned_at": "from", "exposed_at": "seen"},
    ),
]


@pytest.mark.parametrize(("name", "changed", "data"), GATES, ids=[gate[0] for gate in GATES])
def test_a_failed_gate_withholds_everything(name, changed, data):
    with pytest.raises(GateError, match="an experiment that fails a check has no result") as error:
        measured(table_of(**changed), config_of(data))
    assert name in str(error.value)
    assert error.value.exit_code == 1


def test_rows_lost_in_one_arm_fail_only_as_analysed():
    """Missing outcomes of the treated arm: the assignment was right, what is left of it is not."""
    lost = table_of(
        visit=lambda c: np.where((c["arm"] == "ads") & (c["day"] == 3), np.nan, c["visit"])
    )
    with pytest.raises(GateError) as error:
        measured(lost, config_of({"max_reject_share": 0.2}))
    assert "sample ratio, analysed" in str(error.value)
    assert "sample ratio, assigned" not in str(error.value)


def test_declared_contamination_is_allowed():
    table = table_of(reached=lambda c: np.where(np.arange(len(c["arm"])) < 40, 1, c["reached"]))
    found = measured(table, config_of(max_contaminated_share=0.02))
    (exposure,) = found.exposure
    assert 0 < exposure.on_exposed.share_control < 0.02


def test_households_assigned_together_are_counted_once():
    """Arm by household: ratio and balance are over households, the interval is wider than over rows."""

    def by_home(c):
        return np.where(np.random.default_rng(3).random(2_000)[c["home"]] < 0.5, "ads", "none")

    def same_visit(c):
        return (np.random.default_rng(5).random(2_000)[c["home"]] < 0.3).astype(int)

    table = table_of(arm=by_home, visit=same_visit)
    data = {"exposed": None, "would_be_exposed": None}
    outcomes = {"visit": "binary"}
    together = measured(
        table, config_of({**data, "cluster": "home"}, outcomes=outcomes, primary=["visit"])
    )
    apart = measured(table, config_of(data, outcomes=outcomes, primary=["visit"]))
    assert together.units == 2_000
    assert "clusters (chi-square" in together.checks[0].found
    ratio = together.effects[0].lift.se / apart.effects[0].lift.se
    assert ratio == pytest.approx(np.sqrt(2), rel=0.02)  # two rows that say the same


def test_a_unit_with_several_rows_is_one():
    twice = pa.concat_tables([table_of(n=1_000), table_of(n=1_000)])
    found = measured(twice, config_of())
    assert (found.rows, found.units) == (2_000, 1_000)
    assert found.effects[0].lift.n_units == 1_000


def test_row_order_does_not_matter(found):
    table = table_of()
    order = np.random.default_rng(0).permutation(table.num_rows)
    other = measured(table.take(order), config_of(planned_rows=4_000))
    for one, two in zip(found.effects, other.effects, strict=True):
        if one.method != "prediction":  # folds are drawn by row
            assert two.lift.effect == pytest.approx(one.lift.effect, rel=1e-9)
            assert two.lift.se == pytest.approx(one.lift.se, rel=1e-9)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"primary": ["clicks"]}, "'primary' names 'clicks', which is not in 'outcomes'"),
        ({"method": "before", "primary": ["revenue"]}, "needs 'before' at the outcome 'revenue'"),
        ({"data": {"covariates": []}, "method": "prediction"}, "needs 'data.covariates'"),
        ({"data": {"unit": "home", "cluster": "home"}}, "are the same column"),
        ({"data": {"assigned_at": "day"}}, "give both or neither"),
        ({"outcomes": {"visit": "binery"}, "primary": ["visit"]}, "binery"),
    ],
)
def test_config_errors(keys, message):
    with pytest.raises(ConfigError, match=message):
        config_of(keys.pop("data", None), **keys)


def test_a_run_is_written_whole_found_again_and_withheld_by_a_gate(tmp_path):
    config = config_of(workspace="ws", planned_rows=4_000)
    pq.write_table(table_of(), tmp_path / "test.parquet")
    run = measure_flat(config, config.data, folder=tmp_path)
    written = {path.name for path in run.path.iterdir()}
    tables = {f"{name}.parquet" for name in ("effects", "levels", "ratios", "segments", "days")}
    assert tables | {"lift.json", "report.html", "rejects.parquet", "checks.parquet"} <= written
    page = (run.path / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert measure_flat(config, config.data, folder=tmp_path).reused
    pq.write_table(table_of(who=lambda c: ["u1"] * 2 + c["who"][2:], arm=lambda c: ["ads", "none", *c["arm"][2:]]), tmp_path / "test.parquet")  # fmt: skip
    with pytest.raises(GateError):
        measure_flat(config, config.data, folder=tmp_path)
    assert (tmp_path / "ws/measure-experiment/current").resolve() == run.path.resolve()


def test_result_tables_have_the_headline(found):
    table = result_tables(found)["effects"].to_pandas()
    first = table.iloc[0]
    assert (first["outcome"], first["headline"]) == ("visit", True)
    assert first["effect"] == found.effects[0].lift.effect


def test_a_missing_file_says_what_to_do(tmp_path):
    config = config_of()
    with pytest.raises(InputError, match="no such file"):
        measure_flat(config, config.data, folder=tmp_path)
