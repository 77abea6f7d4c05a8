"""Last click among channels by hand, credit in both arms, and the rule beside the others."""

import json
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.config import validate
from features.errors import ConfigError
from features.run import to_json
from features.sources.flat_table import flat_table_of
from training.experiments.attribution import AttributionConfig, attribute
from training.experiments.click_path import NO_CLICK, credit_channels, last_click
from training.experiments.config import MeasureConfig
from training.experiments.effects import ContrastRows
from training.experiments.measure_run import result_tables
from training.experiments.measurement import measure_experiment
from training.experiments.rows import experiment_rows
from training.reports.experiment import experiment_page

NAN = np.nan


def config_of(**keys):
    content = {
        "conversion": "bought",
        "days_to_conversion": "days",
        "channels": {"ads": "ads_days", "search": "search_days"},
        "channel": "ads",
        "click_days": 7,
        "view_days": 0,
    }
    return validate(AttributionConfig, content | keys, subject="test")


def test_the_last_click_in_the_window_has_the_conversion():
    """Ads later, search later, same moment (first named), too long ago, after the conversion, none, no conversion."""
    days = {
        "ads": np.array([1.0, 5.0, 2.0, 8.0, -1.0, NAN, 1.0]),
        "search": np.array([3.0, 4.0, 2.0, NAN, 6.0, NAN, 2.0]),
    }
    converted = np.array([True] * 6 + [False])
    assert last_click(converted, days, click_days=7).tolist() == [0, 1, 0, -1, 1, -1, -1]


def shop(seed, n=400):
    rng = np.random.default_rng(seed)
    treated = rng.random(n) < 0.5
    converted = rng.random(n) < 0.4
    ads = np.where(treated & (rng.random(n) < 0.5), rng.integers(0, 12, n), NAN)
    search = np.where(rng.random(n) < 0.5, rng.integers(0, 12, n), NAN)
    return ContrastRows(treated, np.full(n, 0.5), None), converted, {"ads": ads, "search": search}


def test_credit_of_both_arms_by_hand():
    """Two treated of eight by ads and one by search, three controls of eight by search, one without a click."""
    treated = np.repeat([True, False], 8)
    converted = np.isin(np.arange(16), [0, 1, 2, 8, 9, 10, 11])
    ads = np.full(16, NAN)
    ads[:2] = 1.0
    search = np.full(16, NAN)
    search[[2, 8, 9, 10]] = 1.0
    rows = ContrastRows(treated, np.full(16, 0.5), None)
    found = credit_channels(
        rows, treated="ads", converted=converted, days={"ads": ads, "search": search}, click_days=7
    )
    assert [(one.channel, one.conversions_treated, one.conversions_control) for one in found] == [
        ("ads", 2, 0), ("search", 1, 3), (NO_CLICK, 0, 1),
    ]  # fmt: skip
    assert [one.lift.effect for one in found] == pytest.approx([2 / 8, 1 / 8 - 3 / 8, -1 / 8])
    assert all(np.isnan(one.lift.low) for one in found)  # fewer than five conversions in an arm


@settings(max_examples=20)
@given(st.integers(0, 500))
def test_changes_of_credit_add_up_to_that_of_conversions(seed):
    rows, converted, days = shop(seed)
    found = credit_channels(rows, treated="ads", converted=converted, days=days, click_days=7)
    assert sum(one.lift.effect for one in found) == pytest.approx(rows.lift(converted * 1.0).effect)
    assert (
        sum(one.conversions_treated + one.conversions_control for one in found) == converted.sum()
    )


def test_the_rule_credits_only_what_no_later_click_took():
    rows, converted, days = shop(3)
    rules = attribute(
        rows, treated="ads", converted=converted, days=days["ads"], clicked=np.isfinite(days["ads"]), viewed=None,
        config=config_of(clicked="clicked"), path=days,
    )  # fmt: skip
    found = {rule.rule: rule.conversions for rule in rules}
    own = converted & rows.treated & (days["ads"] <= 7)
    later = own & (days["search"] < days["ads"])
    assert found["7-day click"] == own.sum()
    assert found["last click of 2 channels, 7 days"] == own.sum() - later.sum()


def test_the_treatments_channel_is_one_of_the_channels():
    with pytest.raises(
        ConfigError, match=r"'channel' must be one of 'channels' \['ads', 'search'\], got 'mail'"
    ):
        config_of(channel="mail")
    with pytest.raises(ConfigError, match=r"'channel' must be one of 'channels' \[\], got 'ads'"):
        config_of(channels={})


def test_a_table_with_channels_is_measured_from_its_file_to_its_page():
    rows, converted, days = shop(7, n=2_000)
    table = pa.table(
        {
            "arm": np.where(rows.treated, "ads", "none"),
            "bought": converted.astype(int),
            "days": np.where(converted, 1.0, NAN),
            "ads_days": pa.array(days["ads"], mask=np.isnan(days["ads"])),
            "search_days": days["search"],
        }
    )
    content = {
        "kind": "measure",
        "data": {
            "kind": "flat_table", "path": "t", "arm": "arm", "control": "none", "treated": ["ads"], "probability": 0.5,
        },
        "outcomes": {"bought": "binary"},
        "primary": ["bought"],
        "attribution": config_of().model_dump(),
    }  # fmt: skip
    config = validate(MeasureConfig, content, subject="test")
    read, _ = experiment_rows(flat_table_of(table, source="test"), config.data, config)
    found = measure_experiment(read, config)
    direct = credit_channels(rows, treated="ads", converted=converted, days=days, click_days=7)
    assert [one.conversions_treated for one in found.channels] == [
        one.conversions_treated for one in direct
    ]
    assert [rule.rule for rule in found.attributed] == ["last click of 2 channels, 7 days"]
    stored = {
        **asdict(found),
        "design": {"outcomes": {}, "primary": ["bought"], "method": "plain", "planned_rows": None},
        "notice": "",
    }
    page = experiment_page(json.loads(to_json(stored)))
    assert "Last click of all channels" in page
    assert result_tables(found)["channels"]["channel"].to_pylist() == ["ads", "search", NO_CLICK]
