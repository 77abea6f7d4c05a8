"""The uplift set: features as of the assignment, outcomes after it, one row per assignment."""

from __future__ import annotations

import pyarrow as pa

from features import columns as c
from features.tables import ASSIGNMENTS, OUTCOMES
from features.training_sets.uplift import UPLIFT_FEATURES, UPLIFT_OUTCOMES, uplift_set


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
