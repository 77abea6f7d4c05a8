"""Caps, times and rest, on logs small enough to read; and what happens without a log."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from features import columns as c
from features.builders.treatment import ContactCap
from features.contracts import check
from features.histories.histories import MICROSECONDS_PER_DAY, microseconds
from features.tables import CONTACT_LOG
from serving.config import FrequencyConfig, ItemRestConfig, TimingConfig
from serving.frequency import (
    contacts_left,
    frequency_rules,
    hours_since_last_event,
    not_enforced,
    resting_items,
)
from serving.sequence import next_steps

STEPS = ("reminder", "value", "urgency")


@pytest.fixture
def make_log(day):
    def make(*rows):
        """A log from (person, day, {column: value}) rows."""
        plain = dict.fromkeys(CONTACT_LOG.schema.names) | {c.CHANNEL: "display", c.GHOST: False}
        table = [
            {
                **plain,
                c.EXPOSURE_ID: f"x{number:02d}",
                c.PERSON_ID: person,
                c.TIME: day(moment),
                **rest,
            }
            for number, (person, moment, rest) in enumerate(rows)
        ]
        made = pa.Table.from_pylist(table, schema=CONTACT_LOG.schema)
        return check(made, CONTACT_LOG, source="test")

    return make


def ids(text):
    return np.array(list(text), dtype=object)


def test_caps_count_across_channels_and_by_channel(make_log, day):
    log = make_log(
        ("a", 5, {c.CHANNEL: "email"}),
        ("a", 9, {}),
        ("a", 9.5, {c.GHOST: True}),
        ("a", 10, {}),
        ("b", 3, {}),
        ("x", 9, {}),
    )
    config = FrequencyConfig(
        max_contacts=3,
        window_days=5,
        caps=(ContactCap(max_contacts=1, window_days=30, channel="email"),),
    )
    left = contacts_left(log, ids("bac"), ("display", "email"), config, as_of=day(10))
    # a: one e-mail five days ago and one display contact count, the ghost and the one at the moment do not
    np.testing.assert_array_equal(left, [[3, 1], [3 - 2, 0], [3, 1]])
    rules = frequency_rules(left, left, np.zeros(3), np.array(["cart"] * 3), config, has_log=True)
    assert [(rule.name, rule.removes.tolist()) for rule in rules] == [
        ("frequency_cap", [False] * 3)
    ]


def test_who_has_no_contact_left_by_any_channel_is_capped(make_log, day):
    log = make_log(("a", 9, {c.CHANNEL: "sms"}), ("a", 8, {}))
    config = FrequencyConfig(max_contacts=2, window_days=5)
    left = contacts_left(log, ids("ab"), ("display", "email"), config, as_of=day(10))
    (rule,) = frequency_rules(left, left, np.zeros(2), np.array(["cart"] * 2), config, has_log=True)
    assert rule.removes.tolist() == [True, False]


def test_campaigns_of_higher_priority_come_first(make_log, day):
    log = make_log(("a", 9, {}), ("b", 9, {}), ("c", 8, {}), ("c", 9, {}))
    config = FrequencyConfig(
        max_contacts=2,
        window_days=5,
        caps=(ContactCap(max_contacts=1, window_days=5, channel="email"),),
        ahead=("other/decisions.parquet",),
    )
    ahead = pa.table({c.PERSON_ID: ["a", "d", "z"], c.CHANNEL: ["display", "email", "email"]})
    channels = ("display", "email")
    own = contacts_left(log, ids("abcd"), channels, config, as_of=day(10))
    shared = contacts_left(log, ids("abcd"), channels, config, as_of=day(10), ahead=ahead)
    np.testing.assert_array_equal(own, [[1, 1], [1, 1], [0, 0], [2, 1]])
    np.testing.assert_array_equal(shared, [[0, 0], [1, 1], [0, 0], [2 - 1, 1 - 1]])
    stage = np.array(["cart"] * 4)
    rules = frequency_rules(own, shared, np.zeros(4), stage, config, has_log=True)
    assert [(rule.name, rule.removes.tolist()) for rule in rules] == [
        ("frequency_cap", [False, False, True, False]),
        ("displaced", [True, False, True, False]),
    ]


@given(
    days=st.lists(st.floats(0, 30), max_size=8), cap=st.integers(1, 4), window=st.floats(0.5, 20)
)
def test_the_cap_is_the_count_in_the_window(days, cap, window):
    as_of = 40 * MICROSECONDS_PER_DAY
    times = [round((10 + moment) * MICROSECONDS_PER_DAY) for moment in days]
    plain = dict.fromkeys(CONTACT_LOG.schema.names) | {
        c.CHANNEL: "display",
        c.GHOST: False,
        c.PERSON_ID: "a",
    }
    rows = [{**plain, c.EXPOSURE_ID: str(i), c.TIME: time} for i, time in enumerate(times)]
    log = pa.Table.from_pylist(rows, schema=CONTACT_LOG.schema)
    moment = pa.scalar(as_of, pa.timestamp("us", tz="UTC")).as_py()
    config = FrequencyConfig(max_contacts=cap, window_days=window)
    left = contacts_left(log, ids("a"), ("display",), config, as_of=moment)
    edge = round(window * MICROSECONDS_PER_DAY)
    used = sum(as_of - edge <= time < as_of for time in times)
    assert left.tolist() == [[max(cap - used, 0)]]


def test_without_a_log_nothing_is_capped_and_everybody_is_told(day):
    config = FrequencyConfig(item_rest=ItemRestConfig(), owner="lifecycle team")
    left = contacts_left(None, ids("a"), ("display",), config, as_of=day(10))
    (rule,) = frequency_rules(left, left, np.zeros(1), np.array(["cart"]), config, has_log=False)
    assert (rule.name, rule.removes.tolist()) == ("frequency_cap_not_enforced", [False])
    told = [(limit.rule, limit.reason, limit.owner) for limit in not_enforced(None, config)]
    owner = "lifecycle team"
    assert told == [
        ("frequency_cap", "no exposure log", owner),
        ("item_rest", "no exposure log", owner),
        ("sequence", "no exposure log", owner),
    ]


def test_a_log_without_clicks_rests_no_item(make_log):
    log = make_log(("a", 1, {c.ITEM_ID: "i"}), ("a", 1, {c.CLICKED: True}))
    assert not_enforced(log, FrequencyConfig()) == []
    (found,) = not_enforced(log, FrequencyConfig(item_rest=ItemRestConfig()))
    assert found.rule == "item_rest"
    assert found.reason == "no contact in the log names both its item and whether it was clicked"
    full = make_log(("a", 1, {c.ITEM_ID: "i", c.CLICKED: False}))
    assert not_enforced(full, FrequencyConfig(item_rest=ItemRestConfig())) == []


def test_contact_starts_and_stops_by_stage():
    config = FrequencyConfig(
        timing={
            "cart": TimingConfig(start_hours=4, stop_days=2),
            "browse": TimingConfig(stop_days=1),
        }
    )
    stage = np.array(["cart", "cart", "cart", "cart", "browse", "browse", "lapsed", "cart"])
    hours = np.array([3.9, 4, 48, 48.1, 0, 24.1, 999, np.nan])
    early, late, _ = frequency_rules(
        *[np.full((8, 1), np.inf)] * 2, hours, stage, config, has_log=True
    )
    assert (early.name, late.name) == ("too_early", "too_late")
    assert np.flatnonzero(early.removes).tolist() == [0]
    assert np.flatnonzero(late.removes).tolist() == [3, 5]


def test_a_stop_before_the_start_is_refused():
    with pytest.raises(ValidationError, match="'stop_days' is not after 'start_hours'"):
        TimingConfig(start_hours=48, stop_days=2)


def test_hours_since_the_last_event(make_histories, day):
    histories = make_histories(
        ("a", 1, "x", None, 1.0), ("a", 9.5, "x", None, 1.0), ("b", 12, "x", None, 1.0)
    )
    history = histories.as_of(
        histories.person_rows(pa.array(["b", "a", "z"])), microseconds(day(10))
    )
    np.testing.assert_array_equal(hours_since_last_event(history), [np.nan, 12, np.nan])


def test_an_item_rests_after_unclicked_contacts(make_log, day):
    def shown(person, moment, item="i", clicked=False, **rest):
        return (person, moment, {c.ITEM_ID: item, c.CLICKED: clicked, **rest})

    log = make_log(
        *(shown("rests", moment) for moment in (1, 2, 3)),
        *(shown("clicked", moment, clicked=moment == 2) for moment in (1, 2, 3, 4)),
        *(shown("again", moment, clicked=moment == 1) for moment in (1, 2, 3, 4)),
        *(shown("two", moment) for moment in (1, 2)),
        *(shown("ghost", moment, **{c.GHOST: moment == 2}) for moment in (1, 2, 3)),
        *(shown("fresh", moment) for moment in (1, 2, 9.5)),
        *(shown("rests", moment, "other") for moment in (1, 2)),
    )
    config = ItemRestConfig(unclicked=3, days=8)
    found = resting_items(log, config, as_of=day(10)).to_pylist()
    pairs = sorted((row[c.PERSON_ID], row[c.ITEM_ID]) for row in found)
    assert pairs == [("again", "i"), ("rests", "i")]
    later = resting_items(
        log, config, as_of=day(11)
    ).to_pylist()  # 'rests' is over, 'fresh' is known
    assert sorted(row[c.PERSON_ID] for row in later) == ["again", "fresh"]


def steps_of(log, persons, orders, day, window=28):
    last = np.array(
        [-np.inf if order is None else microseconds(day(order)) for order in orders], float
    )
    return next_steps(log, ids(persons), last, STEPS, as_of=day(10), window_days=window)


def test_the_step_follows_what_was_sent_since_the_last_order(make_log, day):
    log = make_log(
        ("b", 8, {}),
        ("c", 7, {}),
        ("c", 8, {}),
        *(("d", moment, {}) for moment in (4, 5, 6, 7)),
        ("e", 5, {}),
        ("e", 7, {}),
        ("f", 8, {c.GHOST: True}),
        ("f", 11, {}),
        ("z", 8, {}),
    )
    found = steps_of(log, "abcdef", [None, None, None, None, 6, None], day)
    expected = ["reminder", "value", "urgency", "urgency", "value", "reminder"]
    assert found.step.tolist() == expected
    assert found.unknown == 0
    assert steps_of(log, "bc", [None, None], day, window=2.5).step.tolist() == ["value", "value"]


def test_recorded_steps_lead_and_unknown_ones_start_again(make_log, day):
    log = make_log(
        ("a", 5, {c.STEP: "value"}),
        ("b", 5, {c.STEP: "reminder"}),
        ("b", 6, {}),
        ("c", 5, {c.STEP: "value"}),
        ("c", 6, {c.STEP: "winter greeting"}),
    )
    found = steps_of(log, "abc", [None] * 3, day)
    assert found.step.tolist() == ["urgency", "urgency", "reminder"]
    assert found.unknown == 1


def test_without_a_log_everybody_gets_the_first_step(day):
    found = steps_of(None, "ab", [None, None], day)
    assert (found.step.tolist(), found.unknown) == (["reminder", "reminder"], 0)
