"""Eligibility asked again: every rule by itself, ranks without gaps, and nothing dropped where nothing changed."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import columns as c
from features.tables import DECISIONS, EVENTS
from serving.exports.recheck import recheck


def purchases(*rows):
    """Purchases from (person, item, time) tuples."""
    persons, items, times = zip(*rows, strict=True)
    type_ = EVENTS.schema.field(c.TIME).type
    return pa.table({c.PERSON_ID: list(persons), c.ITEM_ID: list(items), c.TIME: pa.array(times, type_)})  # fmt: skip


def counts(verdict):
    rows = verdict.table.to_pylist()
    return {row[c.RULE]: row[c.COUNT_REMOVED] for row in rows if row[c.COUNT_REMOVED]}


def test_nothing_is_dropped_where_nothing_changed(make):
    rows = [make.decision("p2", 2, "i2"), make.decision("p1"), make.decision("p2", 1, "i1")]
    now = make.now([make.person("p1"), make.person("p2")], [make.item("i1"), make.item("i2")])
    found = recheck(make.filled(DECISIONS, rows), now, run_id="r")
    assert found.people[c.PERSON_ID].to_pylist() == ["p1", "p2"]
    assert found.lists[c.ITEM_ID].to_pylist() == ["i1", "i1", "i2"]
    assert found.lists[c.RANK].to_pylist() == [1, 1, 2]
    assert found.prices_changed == 0


@pytest.mark.parametrize(
    ("person", "more", "rule"),
    [
        ({"erased": True}, {}, "erased"),
        ({"consent_since": None}, {}, "no_consent"),
        ({}, {"suppressed": frozenset({"p1"})}, "suppressed"),
    ],
)
def test_person_rules(make, person, more, rule):
    now = make.now([make.person("p1", **person)], [make.item("i1")], **more)
    found = recheck(make.filled(DECISIONS, [make.decision("p1")]), now, run_id="r")
    assert counts(found.persons) == {rule: 1}
    assert found.lists.num_rows == 0


@pytest.mark.parametrize(("hours", "left"), [(47, 0), (48, 0), (49, 1)])
def test_a_recent_purchaser_is_one_to_the_hour(make, hours, left):
    bought = purchases(("p1", "zz", make.as_of - timedelta(hours=hours)))
    now = make.now([make.person("p1")], [make.item("i1")], purchases=bought)
    found = recheck(make.filled(DECISIONS, [make.decision("p1")]), now, run_id="r")
    assert found.people.num_rows == left


@pytest.mark.parametrize(
    ("item", "more", "rule"),
    [
        ({"item_id": "other"}, {}, "not_in_catalog"),
        ({"category": "TOBACCO"}, {}, "blocked_category"),
        ({"availability": None}, {}, "not_in_stock"),
        ({"price": None}, {}, "no_price"),
        ({}, {"held_items": pa.array(["i1"])}, "held_back"),
    ],
)
def test_item_rules(make, item, more, rule):
    rows = [make.decision("p1", 1, "i1"), make.decision("p1", 2, "i2")]
    catalog = [{**make.item("i1"), **item}, make.item("i2")]
    now = make.now([make.person("p1")], catalog, **more)
    found = recheck(make.filled(DECISIONS, rows), now, run_id="r")
    assert counts(found.items) == {rule: 1}
    assert found.lists.select([c.ITEM_ID, c.RANK]).to_pylist() == [{c.ITEM_ID: "i2", c.RANK: 1}]
    assert found.people.num_rows == 1  # the person stays, with fewer items


def test_an_item_just_bought_is_dropped_for_its_buyer_only(make):
    bought = purchases(("p1", "i1", make.as_of - timedelta(days=6)))
    now = make.now([make.person("p1"), make.person("p2")], [make.item("i1")], purchases=bought)
    rows = [make.decision("p1"), make.decision("p2")]
    found = recheck(make.filled(DECISIONS, rows), now, run_id="r")
    assert counts(found.items) == {"just_bought": 1}
    assert found.lists[c.PERSON_ID].to_pylist() == ["p2"]


def test_price_and_title_are_those_of_now(make):
    now = make.now([make.person("p1")], [make.item("i1", price=3.0, title="New", snapshot_id="s2")])
    found = recheck(make.filled(DECISIONS, [make.decision("p1")]), now, run_id="r")
    (row,) = found.lists.select([c.PRICE, c.TITLE, c.SNAPSHOT_ID]).to_pylist()
    assert row == {c.PRICE: 3.0, c.TITLE: "New", c.SNAPSHOT_ID: "s2"}
    assert found.prices_changed == 1


def test_content_may_have_no_price(make):
    now = make.now([make.person("p1")], [make.item("i1", price=None)], require_price=False)
    found = recheck(make.filled(DECISIONS, [make.decision("p1")]), now, run_id="r")
    assert found.lists.num_rows == 1


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=6),
    st.sets(st.integers(0, 5)),
)
def test_whoever_leaves_was_decided_and_is_allowed_now(make, people, suppressed):
    names = [f"p{number}" for number in range(len(people))]
    rows = [
        make.decision(name, contact=contact)
        for name, (contact, _, _) in zip(names, people, strict=True)
    ]
    persons = [
        make.person(name, consent_personalisation=consent, erased=erased)
        for name, (_, consent, erased) in zip(names, people, strict=True)
    ]
    listed = frozenset(f"p{number}" for number in suppressed)
    now = make.now(persons, [make.item("i1")], suppressed=listed)
    found = recheck(make.filled(DECISIONS, rows), now, run_id="r")
    expected = [
        name
        for name, (contact, consent, erased) in zip(names, people, strict=True)
        if contact and consent and not erased and name not in listed
    ]
    assert found.people[c.PERSON_ID].to_pylist() == expected
    assert found.lists[c.PERSON_ID].to_pylist() == expected
