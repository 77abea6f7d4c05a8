"""A test on regions from its design to its report, and every table that cannot be measured."""

import json

import numpy as np
import pandas as pd
import pytest

from features.config import validate
from features.errors import ConfigError, GateError, InputError, SchemaError
from features.sources.flat_table import read_flat_table
from training.experiments.regions.config import RegionDesignConfig, RegionMeasureConfig
from training.experiments.regions.run import (
    design_on_regions,
    measure_on_regions,
    measure_tables,
    region_lines,
)

DAYS = pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d")
START = 40
DATA = {"path": "sales.csv"}


def sales(seed=0, regions=14):
    rng = np.random.default_rng(seed)
    size = rng.uniform(50, 500, regions)[:, None]
    week = 1 + 0.2 * np.sin(2 * np.pi * np.arange(60) / 7 + rng.uniform(0, 1, (regions, 1)))
    return size * week * rng.gamma(400, 1 / 400, (regions, 60))


def write(folder, values, **columns):
    table = pd.DataFrame(
        {
            "region": np.repeat([f"r{place:02d}" for place in range(len(values))], 60),
            "day": np.tile(DAYS, len(values)),
            "sales": values.ravel(),
            **columns,
        }
    )
    table.to_csv(folder / "sales.csv", index=False)
    return table


def design_config(**keys):
    content = {
        "kind": "design_regions",
        "workspace": "ws",
        "data": DATA,
        "outcomes": {"sales": {"lift": 0.1, "unit": "EUR"}},
        "alike_in": "sales",
        "salt": "spring",
        "test_days": [14],
        "assignments": 128,
    }
    return validate(RegionDesignConfig, content | keys, subject="test")


def measure_config(**keys):
    content = {
        "kind": "measure_regions",
        "workspace": "ws",
        "data": DATA,
        "lot": {"path": "ws/lot.parquet"},
        "start": DAYS[START],
        "outcomes": {"sales": {"unit": "EUR"}},
        "primary": ["sales"],
    }
    return validate(RegionMeasureConfig, content | keys, subject="test")


def measured(folder, **keys):
    """Without a run, and so without its record."""
    config = measure_config(**({"lot": {}} | keys))
    flat = read_flat_table(folder / config.data.path)
    lot = flat if config.lot.path is None else read_flat_table(folder / config.lot.path)
    return measure_tables(flat, lot, config)[0]


@pytest.fixture(scope="module")
def test_on_regions(tmp_path_factory):
    """A design, 20 % laid over its treated regions, and its measurement, whose record in MLflow others test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.experiments.regions.run.track_run", lambda *_, **__: None)
        yield designed_and_measured(tmp_path_factory)


def designed_and_measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("regions")
    write(folder, sales())
    design = design_on_regions(design_config(), folder=folder)
    lot = pd.read_parquet(design.path / "assignment.parquet")
    lot.to_parquet(folder / "ws" / "lot.parquet")
    values = sales()
    values[(lot["arm"] == "treated").to_numpy(), START:] *= 1.2
    write(folder, values)
    return folder, design, measure_on_regions(measure_config(), folder=folder), lot


def test_a_design_draws_a_region_of_each_pair_and_says_what_it_finds(test_on_regions):
    _, design, _, lot = test_on_regions
    assert lot.groupby("group")["arm"].agg(sorted).tolist() == [["control", "treated"]] * 7
    said = region_lines(design)
    assert said[1].startswith(
        "sales, 14 days, difference in differences: a change by 10.0% is found with "
    )
    plans = pd.read_parquet(design.path / "plans.parquet")
    assert plans["answers"].all()
    assert (plans["false_alarms"] <= 0.05).all()
    assert (plans["detectable"] < 0.1).all()


def test_a_planted_lift_is_measured(test_on_regions):
    _, _, run, _ = test_on_regions
    effects = pd.read_parquet(run.path / "effects.parquet")
    assert effects["method"].tolist() == ["synthetic_control", "difference_in_differences"]
    assert effects["headline"].tolist() == [True, False]
    assert (effects["low"] < 0.2).all()
    assert (effects["high"] > 0.2).all()
    assert (effects["high"] - effects["low"] < 0.1).all()
    # no placebo is as far from 0, but for the differences of the opposite lot, which are the same with another sign
    assert effects["p_value"].tolist() == [1 / 128, 2 / 128]
    assert effects["p_holm"].iloc[0] == 1 / 128


def test_what_was_won_in_all_is_the_share_of_the_sum(test_on_regions):
    folder, _, run, lot = test_on_regions
    effect = pd.read_parquet(run.path / "effects.parquet").iloc[0]
    table = pd.read_csv(folder / "sales.csv").set_index("region")
    treated = table.loc[lot.loc[lot["arm"] == "treated", "region"]]
    whole = treated.loc[treated["day"] >= DAYS[START], "sales"].sum()
    assert effect["total"] == pytest.approx(whole - whole / (1 + effect["relative"]))
    assert effect["total_low"] == pytest.approx(whole - whole / (1 + effect["low"]))


def test_days_and_weights_and_page(test_on_regions):
    _, _, run, _ = test_on_regions
    days = pd.read_parquet(run.path / "days.parquet")
    assert days["day"].tolist() == list(DAYS)
    assert (days["treated"] - days["without"]).to_numpy() == pytest.approx(days["gap"].to_numpy())
    assert pd.read_parquet(run.path / "weights.parquet")["weight"].sum() == pytest.approx(
        1, abs=0.01
    )
    page = (run.path / "report.html").read_text()
    assert "In the treated regions sales changed by +" in page
    assert (
        "7 of 14 regions treated by lot, 20 days measured, 40 days before; 128 assignments were possible"
        in page
    )
    assert json.loads((run.path / "lift.json").read_text())["days_before"] == 40


def test_the_same_files_are_the_same_run_and_end_is_not_measured(test_on_regions):
    folder, _, run, _ = test_on_regions
    assert measure_on_regions(measure_config(), folder=folder).run_id == run.run_id
    shorter = measured(folder, lot={"path": "ws/lot.parquet"}, end=DAYS[50])
    assert (shorter.days_before, shorter.days_after) == (40, 10)


def lot_in_table(folder, arms, groups, values=None):
    """A test whose lot stands in the table itself."""
    values = sales(regions=len(arms)) if values is None else values
    return write(folder, values, arm=np.repeat(arms, 60), group=np.repeat(groups, 60))


PAIRED = [["treated", "control"] * 6, np.repeat(np.arange(6), 2)]


def test_a_pair_with_both_treated_is_no_lot_of_pairs(tmp_path):
    arms = [*(["treated", "control"] * 6), "treated", "treated"]
    lot_in_table(tmp_path, arms, np.repeat(np.arange(7), 2))
    with pytest.raises(
        GateError, match=r"lot within groups: treated regions of a group: 1 of 2, 2 of 2;"
    ):
        measured(tmp_path)


def test_too_few_regions_are_refused_before_anything_is_measured(tmp_path):
    lot_in_table(tmp_path, PAIRED[0][:8], PAIRED[1][:8])
    with pytest.raises(InputError, match=r"8 regions in 4 groups can be assigned in 16 ways"):
        measured(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"start": "2024-01-10"},
            "9 days before the start and 51 from it on; at least 14 days before",
        ),
        ({"start": "2024-06-01"}, "60 days before the start and 0 from it on"),
        ({"lot": {"treated": "north"}}, "no region has the arm 'north'"),
        ({"lot": {"group": "pair"}}, "column 'pair' is missing"),
    ],
)
def test_configs_that_do_not_fit_the_table(tmp_path, change, message):
    lot_in_table(tmp_path, *PAIRED)
    with pytest.raises((InputError, SchemaError), match=message):
        measured(tmp_path, **change)


def test_a_region_that_was_closed_before_has_no_share_to_rise_by(tmp_path):
    values = sales(regions=12)
    values[3, :START] = 0
    lot_in_table(tmp_path, *PAIRED, values)
    with pytest.raises(
        InputError, match=r"region 'r03' has a mean 'sales' of 0 per day before the start"
    ):
        measured(tmp_path)


def test_gaps_and_doubles_name_region_and_day(tmp_path):
    table = lot_in_table(tmp_path, *PAIRED)
    table.drop(index=61).to_csv(tmp_path / "sales.csv", index=False)
    with pytest.raises(InputError, match=r"region 'r01' has no row for 2024-01-02 \(1 such gaps\)"):
        measured(tmp_path)
    found = measured(tmp_path, data=DATA | {"missing_is_zero": True})
    assert found.regions == 12
    pd.concat([table, table[5:6]]).to_csv(tmp_path / "sales.csv", index=False)
    with pytest.raises(InputError, match=r"region 'r00' has 2 rows for 2024-01-06"):
        measured(tmp_path)


def test_a_region_in_two_arms_and_days_that_are_none(tmp_path):
    table = lot_in_table(tmp_path, *PAIRED)
    table.loc[7, "arm"] = "control"
    table.to_csv(tmp_path / "sales.csv", index=False)
    with pytest.raises(
        InputError, match=r"region 'r00' is \('treated', '0'\) in one row and \('control', '0'\)"
    ):
        measured(tmp_path)
    with pytest.raises(SchemaError, match=r"column 'sales' is double, not dates"):
        measured(tmp_path, data=DATA | {"day": "sales"})
    table.loc[7, "day"] = "9999-12-31"
    table.to_csv(tmp_path / "sales.csv", index=False)
    with pytest.raises(
        InputError, match=r"12 regions and 2,913,\d+ days from the first to the last are"
    ):
        measured(tmp_path)


def test_what_was_declared_has_to_be_there():
    with pytest.raises(ConfigError, match="'primary' names 'visits', which is not in 'outcomes'"):
        measure_config(primary=["visits"])
    with pytest.raises(ConfigError, match="'alike_in' names 'visits', which is not in 'outcomes'"):
        design_config(alike_in="visits")
    with pytest.raises(
        ConfigError, match="'treated_per_group' must be below 'group_size' 2, got 2"
    ):
        design_config(lot={"treated_per_group": 2})
    with pytest.raises(ConfigError, match="'end' must be after 'start'"):
        measure_config(end=DAYS[2])


def test_a_history_shorter_than_the_test(tmp_path):
    write(tmp_path, sales())
    with pytest.raises(InputError, match=r"60 days; a test of 56 days needs at least 70"):
        design_on_regions(design_config(test_days=[56]), folder=tmp_path)
