"""All checks together: one report, whatever the order of rows, and silence where there is nothing to check."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import GateError
from features.ingest.item_ids import ItemIdConfig
from features.quality.config import QualityConfig
from features.quality.funnel import FunnelConfig
from features.quality.measure import measure_quality
from features.quality.misfires import MisfireConfig
from features.quality.traffic import TrafficConfig

CONFIG = QualityConfig(
    misfires=MisfireConfig(item_pattern="/p/(?P<item>[^/]+)", confirmation_pattern="/thanks"),
    funnel=FunnelConfig(min_days=2),
    traffic=TrafficConfig(
        max_actions_per_hour=3, monotonous_actions=4, min_id_events=2, max_id_share=0.2
    ),
)
NAMES = [
    "item_id_match",
    "item_id_drift",
    "page_item_mismatch",
    "purchases_off_confirmation_page",
    "stage_missing",
    "purchases_without_view",
    "bot_like_persons",
    "stuck_ids",
    "possible_duplicates",
    "user_id_coverage",
    "consent_to_personalisation",
    "consent_to_measurement",
]


@pytest.fixture(scope="module")
def rows(make_event):
    rng = np.random.default_rng(3)
    return [
        make_event(
            ("view", "view", "cart_add", "checkout", "purchase", "page_view")[rng.integers(6)],
            f"p{rng.integers(9)}",
            day=float(rng.integers(0, 80)) / 4,
            item_id=(None, "1", "2", "wc_3")[rng.integers(1, 4)],
            user_id=(None, "u1")[rng.integers(2)],
            page=(None, "/p/1", "/p/2", "/thanks")[rng.integers(4)],
            source=("web.csv", "server.csv")[rng.integers(2)],
            transaction_id=(None, "t1", "t2")[rng.integers(3)],
            consent_personalisation=(None, True, False)[rng.integers(3)],
        )
        for _ in range(160)
    ]


@pytest.fixture(scope="module")
def measured(rows, to_table, feed, after, engine):
    def run(order=None):
        table = to_table(rows)
        return measure_quality(
            table if order is None else table.take(order),
            feed("1", "2", "3"),
            CONFIG,
            as_of=after(18),
            engine=engine,
        )

    return run


def test_every_check_is_reported_once_in_order(measured):
    report = measured()
    assert [check.name for check in report.checks] == NAMES
    assert {check.status for check in report.checks} >= {"fail", "alert"}
    assert report.events + report.events_later == 160
    assert report.events_later > 0
    json.dumps(report.as_json(), allow_nan=False)
    with pytest.raises(GateError, match=r"data quality: item_id_match \(merchandising\): "):
        report.require()


@pytest.fixture(scope="module")
def whole(measured):
    return measured()


@given(order=st.permutations(range(160)))
def test_the_order_of_rows_changes_nothing(measured, whole, order):
    assert measured(list(order)) == whole


def test_nothing_at_all_is_not_available_rather_than_good(to_table, make_event, after, engine):
    report = measure_quality(
        to_table([make_event(day=9)]), None, QualityConfig(), as_of=after(0), engine=engine
    )
    assert {check.status for check in report.checks} == {"not_available"}
    assert (report.events, report.events_later) == (0, 1)
    report.require()


def test_every_alarm_says_what_to_do(whole):
    for check in whole.checks:
        if check.status in {"fail", "alert", "warn"}:
            assert check.next_step, check.name


def test_a_catalog_without_groups_will_do(to_table, make_event, feed, after, engine):
    report = measure_quality(
        to_table([make_event()]),
        feed("1").drop_columns(["item_group_id"]),
        QualityConfig(),
        as_of=after(1),
        item_ids=ItemIdConfig(match_on="id"),
        engine=engine,
    )
    assert report["item_id_match"].figure == 1.0
