"""Consent that is absent, not yet given or erased is no consent."""

from __future__ import annotations

import pyarrow as pa

from features import columns as c
from features.consent import contactable
from features.tables import PERSONS


def test_only_consent_in_force_counts(day):
    cases = [
        ("given", True, day(1), False, True),
        ("given today", True, day(5), False, False),
        ("refused", False, day(1), False, False),
        ("never asked", None, None, False, False),
        ("never asked, dated", None, day(1), False, False),
        ("no date", True, None, False, False),
        ("erased", True, day(1), True, False),
    ]
    rows = [
        {
            c.PERSON_ID: name,
            c.CONSENT_PERSONALISATION: consent,
            c.CONSENT_SINCE: since,
            c.LIFECYCLE_STAGE: None,
            c.REGION: None,
            c.ERASED: erased,
        }
        for name, consent, since, erased, _ in cases
    ]
    persons = pa.Table.from_pylist(rows, schema=PERSONS.schema)
    assert contactable(persons, day(5)).tolist() == [expected for *_, expected in cases]
