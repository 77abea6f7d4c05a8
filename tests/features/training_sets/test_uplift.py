"""The uplift set: features as of the assignment, outcomes after it, one row per assignment."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.builders.item_attributes import no_attributes
from features.config import validate
from features.contacts import Contacts
from features.errors import ConfigError
from features.tables import ASSIGNMENTS, OUTCOMES
from features.training_sets.parts import person_parts
from features.training_sets.shop import know_shop
from features.training_sets.uplift import (
    UPLIFT_FEATURES,
    UPLIFT_OUTCOMES,
    Recorded,
    UpliftSetConfig,
    uplift_rows,
    uplift_schema,
    uplift_set,
    with_assignments,
)


def assigned(*rows):
    table = [
        {
            c.EXPERIMENT_ID: "e",
            c.PERSON_ID: person,
            c.ASSIGNED_AT: moment,
            c.ARM: arm,
            c.PROBABILITY: 0.5,
        }
        for person, moment, arm in rows
    ]
    return pa.Table.from_pylist(table, schema=ASSIGNMENTS.schema)


def outcome(person, moment, revenue):
    return {
        c.EXPERIMENT_ID: "e",
        c.PERSON_ID: person,
        c.ASSIGNED_AT: moment,
        c.VISITS: 1,
        c.CONVERSION: 1,
        c.REVENUE: revenue,
        c.MARGIN: revenue / 4,
        c.CURRENCY: "USD",
        c.DAYS_TO_CONVERSION: 0,
    }


def test_rows_join_by_key_and_look_backwards_only(make_histories, day):
    histories = make_histories(
        ("a", 1, "x", "t1", 5.0), ("a", 10, "x", "t2", 90.0), ("b", 4, "x", "t3", 7.0)
    )
    assignments = assigned(
        ("b", day(5), "control"), ("a", day(5), "treated"), ("a", day(10), "control")
    )
    outcomes = pa.Table.from_pylist(
        [outcome("a", day(10), 90.0), outcome("a", day(5), 1.0), outcome("b", day(5), 2.0)],
        schema=OUTCOMES.schema,
    )
    table = uplift_set(assignments, outcomes, histories)
    assert table.column_names[5:] == [*UPLIFT_FEATURES, *UPLIFT_OUTCOMES]
    assert table[c.PERSON_ID].to_pylist() == ["a", "b", "a"]
    assert table[c.ARM].to_pylist() == ["treated", "control", "control"]
    assert table["spend_28d"].to_pylist() == [5.0, 7.0, 5.0]
    assert table["recency_days"].to_pylist() == [4.0, 1.0, 9.0]
    assert table[c.REVENUE].to_pylist() == [1.0, 2.0, 90.0]


CONFIG = UpliftSetConfig(windows_days=(2, 7), margin_rate=0.25, groups=("orders", "worth"))


@pytest.fixture
def facts(make_histories, day):
    histories = make_histories(
        ("a", 1, "x", "t1", 5.0),
        ("a", 21.5, "x", "t2", 8.0),
        ("a", 25, "y", "t3", 4.0),
        ("b", 2, "x", "t4", 3.0),
        ("b", 28.5, "x", "t5", 9.0),
    )
    assignments = assigned(
        ("a", day(21), "treated"),
        ("b", day(21), "control"),
        ("b", day(28), "treated"),
        ("c", day(21), "control"),
    )
    return histories, assignments


def rows_of(facts, day, config=CONFIG, recorded=None, until=30, partitions=1):
    histories, assignments = facts
    parts = list(person_parts(histories, partitions=partitions))
    shop = know_shop(parts, config.moments(assignments), no_attributes(), items=False)
    contacts = Contacts.from_tables(None, assignments)
    tables = [
        uplift_rows(
            part, mine, contacts, shop, config, recorded_until=day(until), recorded=recorded
        )
        for part, mine in with_assignments(parts, assignments)
    ]
    order = [(c.ASSIGNED_AT, "ascending"), (c.PERSON_ID, "ascending")]
    return pa.concat_tables(tables).sort_by(order)


def test_outcomes_by_window_and_never_0_where_the_window_is_not_over(facts, day):
    rows = rows_of(facts, day)
    assert rows.schema.equals(uplift_schema(CONFIG, None))
    shown = [c.PERSON_ID, "visits_2d", "revenue_7d", "margin_7d", "censored_2d", "censored_7d"]
    assert [tuple(row.values()) for row in rows.select(shown).to_pylist()] == [
        ("a", 1, 8 + 4.0, (8 + 4) / 4, False, False),
        ("b", 0, 0.0, 0.0, False, False),
        ("c", 0, 0.0, 0.0, False, False),
        ("b", 1, None, None, False, True),
    ]
    assert rows["conversion_7d"].to_pylist() == [1, 0, 0, None]


def test_a_window_that_ends_with_the_recorded_time_is_whole(facts, day):
    ends = rows_of(facts, day, until=35)["censored_7d"].to_pylist()
    early = rows_of(facts, day, until=34.99)["censored_7d"].to_pylist()
    assert (ends[-1], early[-1]) == (False, True)


def test_features_are_those_of_the_assignment(facts, day):
    rows = rows_of(facts, day)
    assert rows["recency_days"].to_pylist()[:2] == [21 - 1.0, 21 - 2.0]
    assert rows["recency_days"].to_pylist()[3] == 28 - 2.0
    assert rows["assignments"].to_pylist() == [0.0, 0.0, 0.0, 1.0]
    assert np.isnan(rows["contacts_7d"].to_numpy()).all()
    stranger = rows.filter(pa.array([False, False, True, False]))
    assert np.isnan(stranger["recency_days"][0].as_py())


def test_without_a_margin_rate_the_margin_is_not_known(facts, day):
    config = CONFIG.model_copy(update={"margin_rate": None})
    assert rows_of(facts, day, config)["margin_7d"].null_count == 4


def test_recorded_outcomes_are_taken_as_they_are(facts, day):
    outcomes = pa.Table.from_pylist(
        [outcome("a", day(21), 70.0), outcome("b", day(28), 60.0)], schema=OUTCOMES.schema
    )
    rows = rows_of(facts, day, recorded=Recorded(outcomes, 7))
    assert rows["revenue_7d"].to_pylist() == [70.0, None, None, None]
    assert rows["censored_7d"].to_pylist() == [False, False, False, True]
    assert "revenue_2d" not in rows.column_names


@pytest.mark.parametrize("partitions", [2, 9])
def test_every_assignment_is_one_row_however_persons_are_parted(facts, day, partitions):
    one, other = (rows_of(facts, day, partitions=n) for n in (1, partitions))
    assert one.num_rows == 4
    for name in one.column_names:
        before, after = (t[name].to_pandas() for t in (one, other))
        assert before.equals(after), name


def test_two_windows_of_one_length_are_refused():
    with pytest.raises(ConfigError, match="names a window twice"):
        validate(UpliftSetConfig, {"windows_days": [7, 7]}, subject="features.yaml")
