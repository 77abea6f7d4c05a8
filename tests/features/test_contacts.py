"""Contacts are sorted by person in any row order, ghosts left out, and the cut-off is strict."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.contacts import Contacts
from features.histories.histories import microseconds
from features.tables import ASSIGNMENTS, EXPOSURES

SHOWN = [("b", 2, False), ("a", 3, False), ("a", 1, False), ("a", 2, True), ("c", 1, True)]
ASSIGNED = [("d", 2, "treated"), ("a", 2, "control")]


@pytest.fixture(scope="module")
def contacts(day):
    shown = [
        {
            c.EXPOSURE_ID: f"x{number}",
            c.EXPERIMENT_ID: "e",
            c.PERSON_ID: person,
            c.TIME: day(when),
            c.CHANNEL: "mail" if number else "display",
            c.GHOST: ghost,
            c.COST: float(number),
            c.CURRENCY: "USD",
        }
        for number, (person, when, ghost) in enumerate(SHOWN)
    ]
    assigned = [
        {c.EXPERIMENT_ID: "e", c.PERSON_ID: person, c.ASSIGNED_AT: day(when), c.ARM: arm, c.PROBABILITY: 0.5}
        for person, when, arm in ASSIGNED
    ]  # fmt: skip
    return Contacts.from_tables(
        pa.Table.from_pylist(shown, schema=EXPOSURES.schema),
        pa.Table.from_pylist(assigned, schema=ASSIGNMENTS.schema),
    )


def test_contacts_are_sorted_by_person_then_time(contacts):
    assert contacts.person_ids.tolist() == ["a", "b", "d"]
    assert contacts.offsets.tolist() == [0, 2, 3, 3]
    assert contacts.cost.tolist() == [2, 1, 0]
    assert contacts.channels[contacts.channel].tolist() == ["mail", "mail", "display"]
    assert np.isnan(contacts.clicked).all()
    assert contacts.assigned_offsets.tolist() == [0, 1, 1, 2]
    assert contacts.arms[contacts.arm].tolist() == ["control", "treated"]


def test_the_cut_off_is_strict(contacts, day):
    persons = np.array(["a", "a", "nobody", "d"], object)
    third = microseconds(day(3))
    view = contacts.as_of(persons, [third, third + 1, third, microseconds(day(2))])
    assert (view.stop - view.start).tolist() == [1, 2, 0, 0]
    assert (view.assigned_stop - view.assigned_start).tolist() == [1, 1, 0, 0]
    assert len(view) == 4


def test_an_empty_log_is_a_log(day):
    empty = Contacts.from_tables(EXPOSURES.schema.empty_table(), ASSIGNMENTS.schema.empty_table())
    assert (empty.has_exposures, empty.has_assignments, len(empty.person_ids)) == (True, True, 0)
    assert empty.as_of(np.array(["a"], object), 0).stop.tolist() == [0]
