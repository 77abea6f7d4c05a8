"""The funnel in figures by hand: rates of clicks and conversions, costs, returns and order values by tier and arm."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest

from features.config import validate
from features.errors import ConfigError, SchemaError
from features.run import to_json
from features.sources.flat_table import flat_table_of
from training.experiments.cohorts import cohort_values
from training.experiments.config import MeasureConfig
from training.experiments.effects import ContrastRows
from training.experiments.funnel import MINIMUM_ROWS
from training.experiments.measure_run import result_tables
from training.experiments.measurement import measure_experiment
from training.experiments.rows import experiment_rows
from training.reports.funnel_tables import cohorts_table, tiers_table

N = 400
SHOWN, CLICKS, ORDERS, REVENUE, MARGIN, COST = 4.0, 1.0, 0.5, 20.0, 6.0, 2.0
"""Per treated row of the tier of abandoners; viewers have half as many clicks and everything behind them."""


def table():
    """Two tiers of equal size, arms that alternate; every pair of rows of a tier and arm is alike, up to 0 and 2 times the mean."""
    place = np.arange(N)
    treated = place % 2 == 0
    abandoner = place % 4 < 2
    swing = np.where(place % 8 < 4, 2.0, 0.0)  # half the rows twice the mean, half nothing
    half = np.where(abandoner, 1.0, 0.5)
    month = np.where(place < N / 2, "2026-01", "2026-02")
    return pa.table(
        {
            "arm": np.where(treated, "ads", "none"),
            "tier": np.where(abandoner, "abandoner", "viewer"),
            "shown": SHOWN * treated,
            "clicks": CLICKS * half * swing * treated,
            "sessions": 1.0 + swing,
            "bounces": swing / 2,
            "orders": ORDERS * half * swing,
            "revenue": REVENUE * half * swing,
            "margin": MARGIN * half * swing,
            "cost": COST * treated,
            "month": month,
            "value_30": REVENUE * swing * np.where(treated, 1.5, 1.0),
            "value_60": np.where(month == "2026-01", 2 * REVENUE * swing, np.nan),
        }
    )


RATIOS = {
    "ctr": ("clicks", "shown"),
    "orders_per_click": ("orders", "clicks"),
    "cost_per_order": ("cost", "orders"),
    "roas": ("revenue", "cost"),
    "margin_roas": ("margin", "cost"),
    "aov": ("revenue", "orders"),
    "bounce_rate": ("bounces", "sessions"),
}
ABANDONERS = {
    "ctr": CLICKS / SHOWN,
    "orders_per_click": ORDERS / CLICKS,
    "cost_per_order": COST / ORDERS,
    "roas": REVENUE / COST,
    "margin_roas": MARGIN / COST,
    "aov": REVENUE / ORDERS,
    "bounce_rate": 0.5 / 2,
    "revenue": REVENUE,
}
VIEWERS = ABANDONERS | {
    "ctr": CLICKS / 2 / SHOWN,
    "cost_per_order": COST / (ORDERS / 2),
    "roas": REVENUE / 2 / COST,
    "margin_roas": MARGIN / 2 / COST,
    "revenue": REVENUE / 2,
}


def config(**keys):
    ratios = {
        name: {"kind": "ratio", "numerator": top, "denominator": bottom}
        for name, (top, bottom) in RATIOS.items()
    }
    content = {
        "kind": "measure",
        "data": {
            "kind": "flat_table", "path": "t.csv", "arm": "arm", "control": "none", "treated": ["ads"], "probability": 0.5,
        },
        "outcomes": {"revenue": {"kind": "continuous", "unit": "USD"}, **ratios},
        "primary": ["revenue"],
        "funnel": {"tier": "tier", "frequency": "shown", "tiers": ["viewer"]},
        "cohorts": {"column": "month", "values": {30: "value_30", 60: "value_60"}, "unit": "USD"},
        **keys,
    }  # fmt: skip
    return validate(MeasureConfig, content, subject="test")


def measured(given, settings):
    rows, _ = experiment_rows(flat_table_of(given, source="t"), settings.data, settings)
    return measure_experiment(rows, settings)


@pytest.fixture(scope="module")
def found():
    return measured(table(), config())


def level(found, tier, arm, outcome):
    (one,) = (t for t in found.tiers if (t.tier, t.arm, t.outcome) == (tier, arm, outcome))
    return one


@pytest.mark.parametrize(("tier", "due"), [("abandoner", ABANDONERS), ("viewer", VIEWERS)])
def test_rates_by_tier_are_sums_over_sums(found, tier, due):
    for outcome, value in due.items():
        one = level(found, tier, "ads", outcome)
        assert one.level.value == pytest.approx(value), outcome
        assert one.n_rows == N / 4


def test_a_mean_has_the_error_of_a_mean(found):
    """Half the rows 2 m, half 0: the standard deviation is m."""
    one = level(found, "abandoner", "ads", "revenue")
    assert one.level.se == pytest.approx(REVENUE / np.sqrt(N / 4), rel=0.01)
    assert one.level.low == pytest.approx(REVENUE - 1.96 * one.level.se, rel=1e-3)


def test_tiers_come_as_declared_and_add_up(found):
    assert list(dict.fromkeys(one.tier for one in found.tiers)) == ["viewer", "abandoner", "all"]
    for arm in ("none", "ads"):
        rows = [level(found, tier, arm, "aov").n_rows for tier in ("viewer", "abandoner", "all")]
        assert rows[0] + rows[1] == rows[2] == N / 2
    whole = next(one for one in found.levels if (one.arm, one.outcome) == ("ads", "roas"))
    assert level(found, "all", "ads", "roas").level.value == pytest.approx(whole.level.value)


def test_nothing_to_divide_by_is_unknown(found):
    assert np.isnan(level(found, "viewer", "none", "ctr").level.value)
    assert np.isnan(level(found, "viewer", "none", "roas").level.value)


def test_a_small_tier_has_no_figures():
    small = measured(table().slice(0, 4 * (MINIMUM_ROWS - 1)), config(cohorts=None))
    assert all(one.level is None for one in small.tiers if one.tier != "all")
    assert all(one.level is not None for one in small.tiers if one.tier == "all")


def test_cohorts_grow_and_wait_until_their_days_are_over(found):
    by = {(one.cohort, one.days): one for one in found.cohorts}
    assert by["2026-01", 30].lift.base_mean == pytest.approx(REVENUE)
    assert by["2026-01", 30].lift.effect == pytest.approx(0.5 * REVENUE)
    assert by["2026-01", 60].lift.effect == pytest.approx(0)
    assert by["2026-02", 60].lift is None  # not over
    assert by["all", 60].lift is None
    assert by["all", 30].n_rows == N


def test_a_small_cohort_has_no_lift():
    rows = ContrastRows(
        np.arange(2 * MINIMUM_ROWS - 1) % 2 == 0, np.full(2 * MINIMUM_ROWS - 1, 0.5), None
    )
    n = len(rows.treated)
    values = cohort_values(
        rows, treated="ads", cohort=["a"] * n, values={30: np.ones(n)}, unit="USD"
    )
    assert [one.lift for one in values] == [None, None]


def test_a_cohort_column_without_numbers_is_refused():
    given = table()
    place = given.column_names.index("value_30")
    text = given.set_column(place, "value_30", pa.array(["soon"] * N))
    with pytest.raises(SchemaError, match="it holds what rows brought"):
        measured(text, config())


@pytest.mark.parametrize("named", ["funnel", "cohorts"])
def test_a_large_table_has_no_rows_for_it(named):
    large = {
        "kind": "large_table", "path": "t.parquet", "arm": "arm", "control": "none", "treated": ["ads"],
        "probability": {"none": 1, "ads": 1},
    }  # fmt: skip
    others = {name: None for name in ("funnel", "cohorts") if name != named}
    with pytest.raises(ConfigError, match=f"'{named}' needs rows"):
        config(data=large, **others)


def test_tables_for_the_page_and_for_files(found):
    stored = json.loads(to_json(asdict(found)))
    tiers = tiers_table(stored["tiers"])
    assert tiers.head[:3] == ("Tier", "Arm", "Rows")
    assert len(tiers.rows) == 3 * 2
    (cells,) = (
        one.cells
        for one in tiers.rows
        if [cell.text for cell in one.cells[:2]] == ["viewer", "ads"]
    )
    shown = dict(zip(tiers.head, cells, strict=True))
    assert shown["ctr"].value == pytest.approx(CLICKS / 2 / SHOWN)
    assert shown["ctr"].told.startswith("95 % interval ")
    assert "100 rows of ads in tier viewer" in shown["ctr"].told
    gross = [{**one, "kind": "incremental_ratio"} for one in stored["tiers"]]
    assert "roas, gross" in tiers_table(gross).head
    cohorts = cohorts_table(stored["cohorts"])
    assert "too few rows, or days not over" in {c.text for row in cohorts.rows for c in row.cells}
    files = result_tables(found)
    assert files["tiers"].num_rows == len(found.tiers)
    assert files["cohorts"].num_rows == len(found.cohorts)
