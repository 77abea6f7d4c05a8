"""Lifecycle stages as the CRM keeps them: the latest record wins, and conflicts are counted."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.tables import TIMESTAMP


class LatestStages(NamedTuple):
    """Who is at which stage.

    Attributes:
        table: person_id, lifecycle_stage, since; one row per person, sorted by person.
        changed: persons with more than one stage on record.
        conflicting: persons with two stages at their latest moment; the first by name is taken.
    """

    table: pa.Table
    changed: int
    conflicting: int


def latest_stages(records: pa.Table, *, as_of: datetime) -> LatestStages:
    """The stage of each person before `as_of`.

    Args:
        records: person_id, lifecycle_stage, since; any number of rows per person.
        as_of: records at or after it are not seen; a record without stage or time is none.

    Invariants: independent of row order.
    """
    known = records.select([c.PERSON_ID, c.LIFECYCLE_STAGE, c.SINCE]).filter(
        pc.and_(
            pc.is_valid(records[c.LIFECYCLE_STAGE]),
            pc.fill_null(pc.less(records[c.SINCE], pa.scalar(as_of, TIMESTAMP)), False),
        )
    )
    latest = known.group_by(c.PERSON_ID).aggregate(
        [(c.SINCE, "max"), (c.LIFECYCLE_STAGE, "count_distinct")]
    )
    last = known.join(
        latest.rename_columns([c.PERSON_ID, c.SINCE, c.COUNT]),
        [c.PERSON_ID, c.SINCE],
        join_type="inner",
    )
    stages = last.group_by([c.PERSON_ID, c.SINCE]).aggregate(
        [(c.LIFECYCLE_STAGE, "min"), (c.LIFECYCLE_STAGE, "count_distinct")]
    )
    table = pa.table(
        {
            c.PERSON_ID: stages[c.PERSON_ID],
            c.LIFECYCLE_STAGE: stages[f"{c.LIFECYCLE_STAGE}_min"],
            c.SINCE: stages[c.SINCE],
        }
    ).sort_by(c.PERSON_ID)
    return LatestStages(
        table,
        changed=_more_than_one(latest[f"{c.LIFECYCLE_STAGE}_count_distinct"]),
        conflicting=_more_than_one(stages[f"{c.LIFECYCLE_STAGE}_count_distinct"]),
    )


def _more_than_one(counts: pa.ChunkedArray) -> int:
    return int(pc.sum(pc.greater(counts, 1)).as_py() or 0)
