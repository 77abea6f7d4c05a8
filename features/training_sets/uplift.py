"""Training sets, point in time: features as of the decision, outcomes after it."""

from __future__ import annotations

import pyarrow as pa

from features import columns as c
from features.builders.person import FEATURES, person_features
from features.histories import Histories

UPLIFT_OUTCOMES = (c.CONVERSION, c.VISITS, c.REVENUE, c.MARGIN)
UPLIFT_FEATURES = tuple(feature.name for feature in FEATURES)


def uplift_set(assignments: pa.Table, outcomes: pa.Table, histories: Histories) -> pa.Table:
    """One row per assignment: arm, recorded probability, features as of the assignment, outcomes after it.

    Args:
        assignments: checked assignments of one experiment.
        outcomes: checked outcomes; every assignment has exactly one.
        histories: the events known.

    Returns:
        Rows in the order (assigned_at, person_id): the keys, arm, probability, `UPLIFT_FEATURES`, `UPLIFT_OUTCOMES`.

    Invariants: features are unchanged by events at or after a row's assignment.
    """
    keys = [c.EXPERIMENT_ID, c.PERSON_ID, c.ASSIGNED_AT]
    measured = outcomes.select([*keys, *UPLIFT_OUTCOMES])
    joined = assignments.join(measured, keys, join_type="inner").sort_by(
        [(c.ASSIGNED_AT, "ascending"), (c.PERSON_ID, "ascending")]
    )
    rows = histories.as_of(
        histories.person_rows(joined[c.PERSON_ID]),
        joined[c.ASSIGNED_AT].cast(pa.int64()).to_numpy(),
    )
    known = person_features(rows)
    facts = joined.select([*keys, c.ARM, c.PROBABILITY])
    columns = {table_column: facts[table_column] for table_column in facts.column_names}
    columns |= {name: known[name] for name in UPLIFT_FEATURES}
    columns |= {name: joined[name] for name in UPLIFT_OUTCOMES}
    return pa.table(columns)
