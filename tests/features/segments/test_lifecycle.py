"""The latest record wins; persons with several and with contradicting records are counted."""

from __future__ import annotations

import pyarrow as pa
import pytest

from features import columns as c
from features.segments.lifecycle import latest_stages
from features.tables import TIMESTAMP


@pytest.fixture
def records(day):
    rows = [
        ("a", "trial", day(1)),
        ("a", "customer", day(5)),
        ("b", "churn_risk", day(3)),
        ("b", "customer", day(3)),
        ("c", "trial", day(2)),
        ("c", "churn_risk", day(10)),
        ("d", None, day(2)),
        ("e", "trial", None),
    ]
    return pa.table(
        {
            c.PERSON_ID: [row[0] for row in rows],
            c.LIFECYCLE_STAGE: [row[1] for row in rows],
            c.SINCE: pa.array([row[2] for row in rows], TIMESTAMP),
        }
    )


def test_the_latest_before_the_moment_wins(records, day):
    found = latest_stages(records, as_of=day(10))
    assert found.table.to_pylist() == [
        {c.PERSON_ID: "a", c.LIFECYCLE_STAGE: "customer", c.SINCE: day(5)},
        {c.PERSON_ID: "b", c.LIFECYCLE_STAGE: "churn_risk", c.SINCE: day(3)},
        {c.PERSON_ID: "c", c.LIFECYCLE_STAGE: "trial", c.SINCE: day(2)},
    ]
    assert (found.changed, found.conflicting) == (2, 1)


def test_row_order_does_not_matter(records, day):
    shuffled = records.take([7, 3, 5, 1, 0, 2, 6, 4])
    one, other = (latest_stages(table, as_of=day(10)) for table in (records, shuffled))
    assert one.table.equals(other.table)
    assert one[1:] == other[1:]


def test_no_records_give_no_stages(records, day):
    found = latest_stages(records.slice(0, 0), as_of=day(10))
    assert (found.table.num_rows, found.changed, found.conflicting) == (0, 0, 0)
