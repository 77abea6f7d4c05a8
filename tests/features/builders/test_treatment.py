"""Past treatment as arithmetic on ten contacts, against a plain loop over dicts; a ghost is no contact."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import columns as c
from features.builders.treatment import TREATMENT_FEATURES, ContactCap, treatment_features
from features.contacts import Contacts
from features.tables import ASSIGNMENTS, EXPOSURES

DAYS = (1, 3, 7, 14, 30, 90)

TEN = [  # person, day, ghost, channel, cost, clicked
    ("a", 5, False, "mail", 1.0, True),
    ("a", 60, False, "display", 2.0, True),
    ("a", 75, False, "display", 4.0, False),
    ("a", 88, True, "display", 0.0, None),
    ("a", 90, False, "mail", 8.0, None),
    ("a", 95, False, "display", 16.0, False),
    ("a", 99.5, False, "display", 32.0, True),  # half a day old: its click may be yet to come
    ("a", 100, False, "display", 64.0, True),
    ("b", 50, False, "mail", 1.0, False),
    ("c", 50, True, "mail", 0.0, None),
]
ARMS = [("a", 60, "treated"), ("a", 88, "control"), ("a", 95, "treated"), ("a", 100, "control"), ("b", 9, "holdout")]  # fmt: skip


def exposures(day, rows):
    table = [
        {
            c.EXPOSURE_ID: f"x{number:03d}",
            c.EXPERIMENT_ID: "e",
            c.PERSON_ID: person,
            c.TIME: day(when),
            c.CHANNEL: channel,
            c.GHOST: ghost,
            c.COST: cost,
            c.CURRENCY: "USD",
            c.CLICKED: clicked,
        }
        for number, (person, when, ghost, channel, cost, clicked) in enumerate(rows)
    ]
    if c.CLICKED in EXPOSURES.schema.names:
        return pa.Table.from_pylist(table, schema=EXPOSURES.schema)
    return pa.Table.from_pylist(
        table, schema=EXPOSURES.schema.append(pa.field(c.CLICKED, pa.bool_()))
    )


def assignments(day, rows):
    table = [
        {
            c.EXPERIMENT_ID: f"e{number}",
            c.PERSON_ID: person,
            c.ASSIGNED_AT: day(when),
            c.ARM: arm,
            c.PROBABILITY: 0.5,
        }
        for number, (person, when, arm) in enumerate(rows)
    ]
    return pa.Table.from_pylist(table, schema=ASSIGNMENTS.schema)


CAPS = (ContactCap(max_contacts=5, window_days=30), ContactCap(max_contacts=3, window_days=90, channel="display"))  # fmt: skip


def features_of(contacts, person, moment, **options):
    table = treatment_features(contacts.as_of(np.array([person], object), moment), **options)
    return {name: table[name][0].as_py() for name in table.column_names}


def test_ten_contacts(day, at):
    contacts = Contacts.from_tables(exposures(day, TEN), assignments(day, ARMS))
    counts = (1, 1, 2, 3, 4, 5)
    assert features_of(contacts, "a", at(100), caps=CAPS) == pytest.approx(
        {
            **{f"contacts_{days}d": n for days, n in zip(DAYS, counts, strict=True)},
            "contact_days": 0.5,
            "contact_cost_30d": 4 + 8 + 16 + 32,
            "click_rate_90d": 1 / 3,  # of days 60, 75 and 95; day 90 does not say
            "unclicked_contacts": 2,
            "cap_remaining": min(5 - 4, max(3 - 4, 0)),
            "assignments": 3,
            "assignment_days": 5,
            "control_share": 1 / 3,
            "last_arm_control": 0,
        }
    )


@pytest.mark.parametrize(
    ("cap", "left"),
    [
        (ContactCap(max_contacts=5, window_days=30), 5 - 4),
        (ContactCap(max_contacts=5, window_days=30, channel="mail"), 5 - 1),
        (ContactCap(max_contacts=5, window_days=30, channel="letter"), 5),
        (ContactCap(max_contacts=5, window_days=25), 5 - 4),  # day 75 is the window's first moment
        (ContactCap(max_contacts=5, window_days=24.75), 5 - 3),
    ],
)
def test_a_cap_counts_its_channel_in_its_window(day, at, cap, left):
    contacts = Contacts.from_tables(exposures(day, TEN))
    assert features_of(contacts, "a", at(100), caps=[cap])["cap_remaining"] == left


def test_a_ghost_is_no_contact(day, at):
    contacts = Contacts.from_tables(exposures(day, TEN))
    found = features_of(contacts, "c", at(100), caps=CAPS)
    assert (found["contacts_90d"], found["contact_cost_30d"], found["cap_remaining"]) == (0, 0, 3)
    assert np.isnan(found["contact_days"])


def test_without_a_log_nothing_is_known(day, at):
    found = features_of(Contacts.from_tables(None, None), "a", at(100), caps=CAPS)
    assert list(found) == [feature.name for feature in TREATMENT_FEATURES]
    assert all(np.isnan(value) for value in found.values())
    only_arms = features_of(Contacts.from_tables(None, assignments(day, ARMS)), "b", at(100))
    assert (only_arms["assignments"], only_arms["control_share"]) == (1, 1)
    assert np.isnan(only_arms["contacts_90d"])


def test_a_log_without_clicks_knows_no_clicks(day, at):
    log = exposures(day, TEN).drop_columns([c.CLICKED])
    found = features_of(Contacts.from_tables(log), "a", at(100))
    assert (found["contacts_90d"], found["contact_days"]) == (5, 0.5)
    assert np.isnan([found["click_rate_90d"], found["unclicked_contacts"]]).all()
    assert np.isnan(found["cap_remaining"])


def by_hand(rows, arms, person, now):
    mine = [row for row in rows if row[0] == person and row[1] < now and not row[2]]
    mine.sort(key=lambda row: row[1])
    known = [row for row in mine if row[5] is not None and now - row[1] >= 1]
    recent = [row for row in known if now - row[1] <= 90]
    clicked = [place for place, row in enumerate(known) if row[5]]
    past = sorted((arm for arm in arms if arm[0] == person and arm[1] < now), key=lambda a: a[1])
    month = [row for row in mine if now - row[1] <= 30]
    quarter = [row for row in mine if now - row[1] <= 90 and row[3] == "display"]
    control = [arm[2] in ("control", "holdout") for arm in past]
    return {
        **{f"contacts_{days}d": sum(now - row[1] <= days for row in mine) for days in DAYS},
        "contact_days": now - mine[-1][1] if mine else np.nan,
        "contact_cost_30d": sum(row[4] for row in month),
        "click_rate_90d": sum(row[5] for row in recent) / len(recent) if recent else np.nan,
        "unclicked_contacts": (len(known) - 1 - (clicked[-1] if clicked else -1))
        if known
        else np.nan,
        "cap_remaining": min(max(5 - len(month), 0), max(3 - len(quarter), 0)),
        "assignments": len(past),
        "assignment_days": now - past[-1][1] if past else np.nan,
        "control_share": sum(control) / len(past) if past else np.nan,
        "last_arm_control": float(control[-1]) if past else np.nan,
    }


quarters = st.integers(0, 480).map(lambda number: number / 4)
shown = st.tuples(
    st.sampled_from("aab"),
    quarters,
    st.booleans(),
    st.sampled_from(["mail", "display"]),
    st.sampled_from([0.0, 1.0, 4.0]),
    st.sampled_from([None, False, True]),
)
assigned = st.tuples(
    st.sampled_from("aab"), quarters, st.sampled_from(["treated", "control", "holdout"])
)


@given(rows=st.lists(shown, max_size=20), arms=st.lists(assigned, max_size=6))
def test_a_loop_over_dicts_agrees(day, at, rows, arms):
    rows = list({(row[0], row[1]): row for row in rows}.values())  # one contact at a time
    arms = list({(arm[0], arm[1]): arm for arm in arms}.values())
    contacts = Contacts.from_tables(exposures(day, rows), assignments(day, arms))
    for person in "ab":
        expected = by_hand(rows, arms, person, 100)
        assert features_of(contacts, person, at(100), caps=CAPS) == pytest.approx(
            expected, nan_ok=True
        )
