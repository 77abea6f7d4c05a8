"""Attribution beside the increment: rules by hand, windows, withheld quotients, coverage of the overstatement."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.config import validate
from features.errors import ConfigError
from training.experiments.attribution import AttributionConfig, attribute
from training.experiments.effects import ContrastRows


def config_of(**keys):
    content = {
        "conversion": "bought",
        "days_to_conversion": "days",
        "clicked": "clicked",
        "viewed": "viewed",
        "click_days": 7,
        "view_days": 1,
        **keys,
    }
    return validate(AttributionConfig, content, subject="test")


def rules(treated, converted, days, clicked, viewed, **keys):
    treated = np.asarray(treated, bool)
    rows = ContrastRows(treated, np.full(len(treated), 0.5), None)
    found = attribute(
        rows,
        treated="ads",
        converted=np.asarray(converted, bool),
        days=np.asarray(days, float),
        clicked=np.asarray(clicked, bool),
        viewed=np.asarray(viewed, bool),
        config=config_of(**keys),
    )
    return {rule.rule: rule for rule in found}


def test_rules_by_hand():
    """Treated rows: clicked and bought after 3 and 9 days, seen and bought after 1 and 2, bought unseen, nothing."""
    nan = np.nan
    found = rules(
        [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0],
        [3, 9, 1, 2, nan, nan, 1, 1, nan, nan, nan, nan],
        [1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0],
    )
    assert {name: rule.conversions for name, rule in found.items()} == {
        "last click, no window": 2,
        "7-day click": 1,
        "1-day view": 1,
        "7-day click or 1-day view": 2,
    }
    rule = found["7-day click or 1-day view"]
    assert rule.rate == pytest.approx(2 / 6)
    assert rule.share_of_conversions == pytest.approx(2 / 5)
    assert rule.incremental.value == pytest.approx(5 / 6 - 2 / 6)


def shop(seed, n=6_000, lift=0.05):
    """Half of the buyers were shown the treatment the day before, whether or not it made them buy."""
    rng = np.random.default_rng(seed)
    treated = rng.random(n) < 0.5
    bought = rng.random(n) < 0.3 + lift * treated
    seen = treated & (rng.random(n) < 0.5)
    return treated, bought, np.where(bought, 1.0, np.nan), np.zeros(n, bool), seen


def test_the_overstatement_holds_the_truth_as_often_as_it_says():
    """Credited per treated row 0.35 / 2, won 0.1: 1.75."""
    held = given_ = 0
    for seed in range(250):
        rule = rules(*shop(seed, n=2_000, lift=0.1))["1-day view"]
        given_ += np.isfinite(rule.overstatement.low)
        held += rule.overstatement.low <= (0.4 / 2) / 0.1 <= rule.overstatement.high
        share = rule.anyway
        assert share.low <= share.value <= share.high
    assert given_ > 240
    assert held / given_ == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 250))


def test_nothing_won_withholds_the_quotient():
    rule = rules(*shop(3, lift=0.0))["1-day view"]
    assert rule.incremental.low < 0 < rule.incremental.high
    assert np.isnan(rule.overstatement.value)
    assert rule.anyway.low < 1 < rule.anyway.high


@given(st.integers(0, 1_000), st.integers(1, 20), st.integers(0, 10))
def test_a_wider_window_credits_at_least_as_much(seed, days, more):
    rng = np.random.default_rng(seed)
    n = 60
    columns = (
        np.arange(n) % 2,
        rng.random(n) < 0.5,
        rng.integers(0, 30, n),
        rng.random(n) < 0.5,
        rng.random(n) < 0.5,
    )
    narrow = rules(*columns, click_days=days, view_days=1)
    wide = rules(*columns, click_days=days + more, view_days=1)
    assert wide[f"{days + more}-day click"].conversions >= narrow[f"{days}-day click"].conversions


def test_windows_have_no_default():
    with pytest.raises(ConfigError, match="click_days"):
        validate(
            AttributionConfig,
            {"conversion": "bought", "days_to_conversion": "days", "view_days": 1},
            subject="test",
        )
