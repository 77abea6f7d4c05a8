"""Persons out of events: who was seen, and what they last agreed to."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.contracts import check
from features.tables import PERSONS, TIMESTAMP


def persons_of(events: pa.Table) -> pa.Table:
    """The persons table of clean events.

    Consent is the latest answer a person gave; it is in force since the first of the unbroken run of equal answers that
    ends with it. Whoever never answered has none, which is: denied.

    Args:
        events: the events table.
    """
    ids = pc.unique(events[c.PERSON_ID])
    ids = ids.take(pc.sort_indices(ids))
    consent, since = _consent(events, ids)
    unknown = pa.nulls(len(ids), pa.string())
    table = pa.table(
        {
            c.PERSON_ID: ids,
            c.CONSENT_PERSONALISATION: consent,
            c.CONSENT_SINCE: since,
            c.LIFECYCLE_STAGE: unknown,
            c.REGION: unknown,
            c.ERASED: pa.array(np.zeros(len(ids), np.bool_)),
        }
    )
    return check(table, PERSONS, source="persons of the events")


def _consent(events: pa.Table, ids: pa.Array) -> tuple[pa.Array, pa.Array]:
    answered = events.filter(pc.is_valid(events[c.CONSENT_PERSONALISATION]))
    answered = answered.sort_by([(c.TIME, "ascending"), (c.EVENT_ID, "ascending")])
    person = pc.index_in(answered[c.PERSON_ID], value_set=ids).to_numpy()
    answer = answered[c.CONSENT_PERSONALISATION].to_numpy()
    time = answered[c.TIME].cast(pa.int64()).to_numpy()
    order = np.argsort(person, kind="stable")
    person, answer, time = person[order], answer[order], time[order]
    begins = np.ones(len(person), np.bool_)
    begins[1:] = (person[1:] != person[:-1]) | (answer[1:] != answer[:-1])
    latest, since = np.full(len(ids), -1), np.zeros(len(ids), np.int64)
    latest[person] = answer  # the last one written stands
    since[person[begins]] = time[begins]
    never = latest < 0
    return (
        pa.array(latest == 1, mask=never),
        pa.array(since, mask=never).cast(TIMESTAMP),
    )
