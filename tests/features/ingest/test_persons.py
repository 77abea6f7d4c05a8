"""Persons out of events: the latest answer counts, since the unbroken run of it began."""

from __future__ import annotations

import pyarrow as pa
import pytest

from features import columns as c
from features.ingest.persons import persons_of


@pytest.fixture
def with_consent(make_events):
    def build(*rows):
        events = make_events(*((person, day, "x", None, 1.0) for person, day, _ in rows))
        place = events.schema.get_field_index(c.CONSENT_PERSONALISATION)
        answers = pa.array([answer for *_, answer in rows], pa.bool_())
        return events.set_column(place, events.schema.field(place), answers)

    return build


def test_the_latest_answer_counts_from_when_it_was_first_given(with_consent, day):
    events = with_consent(
        ("changed", 1, True), ("changed", 2, False), ("changed", 3, True), ("changed", 4, True),
        ("never", 1, None),
        ("withdrew", 1, True), ("withdrew", 5, False), ("withdrew", 6, None),
        ("late row", 9, False), ("late row", 2, True),
    )  # fmt: skip
    found = {
        row[c.PERSON_ID]: (row[c.CONSENT_PERSONALISATION], row[c.CONSENT_SINCE])
        for row in persons_of(events).to_pylist()
    }
    assert found == {
        "changed": (True, day(3)),
        "late row": (False, day(9)),
        "never": (None, None),
        "withdrew": (False, day(5)),
    }


def test_nobody_answered(with_consent):
    persons = persons_of(with_consent(("a", 1, None)))
    assert persons[c.CONSENT_SINCE].to_pylist() == [None]
