"""What was wrong with a feed, ingestion by ingestion: the series that each run carries on from the one before."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.catalog.validation import Validation
from features.contracts import check
from features.errors import SchemaError
from features.feed_tables import FEED_HISTORY
from features.run import Run
from features.tables import TIMESTAMP

NO_ITEM: Final = "no_item"
"""Code of the rows that did not become items, for whatever reason; every ingestion has this one."""

KEPT_DAYS: Final = 400
"""Older ingestions leave the series."""


def stored_history(run: Run | None) -> pa.Table:
    """The feed-history table of an earlier ingestion; empty when it had no feed."""
    if run is None or not (run.path / f"{FEED_HISTORY.name}.parquet").is_file():
        return FEED_HISTORY.schema.empty_table()
    try:
        return run.read(FEED_HISTORY)
    except SchemaError:  # written before the table got its present columns
        return FEED_HISTORY.schema.empty_table()


def carry_on(before: pa.Table, validation: Validation, *, as_of: datetime) -> pa.Table:
    """The history with this ingestion at its end.

    A code that is not there at a moment that is, had no row then. A moment that is not there was not looked at. Issues
    of the feed as a whole have no rows and are left out.

    Args:
        before: the history so far; what it says of `as_of` and later is left out.
        validation: what came of the feed.
        as_of: the moment of this ingestion.
    """
    issues = validation.issues.filter(pc.is_valid(validation.issues[c.LINE]))
    counts = Counter(
        [*issues[c.ISSUE_CODE].to_pylist(), *validation.rejects[c.REASON_CODE].to_pylist()]
    )
    counts[NO_ITEM] = validation.disapproved + validation.rejects.num_rows
    own = pa.table(
        [
            pa.array([as_of] * len(counts), TIMESTAMP),
            list(counts),
            list(counts.values()),
            [validation.rows] * len(counts),
        ],
        schema=FEED_HISTORY.schema,
    )
    time = before[c.AS_OF]
    first = pa.scalar(as_of - timedelta(days=KEPT_DAYS), TIMESTAMP)
    earlier = pc.and_(pc.less(time, pa.scalar(as_of, TIMESTAMP)), pc.greater(time, first))
    order = [(c.AS_OF, "ascending"), (c.ISSUE_CODE, "ascending")]
    history = pa.concat_tables([before.filter(earlier), own])
    return check(history, FEED_HISTORY, source="feed history").sort_by(order)
