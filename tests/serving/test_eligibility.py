"""Every rule on cases small enough to read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from features import columns as c
from features.histories.histories import microseconds
from features.tables import PERSONS
from serving.config import EligibilityConfig
from serving.eligibility import (
    barred_items,
    item_rule_names,
    item_rules,
    person_rules,
    sellable,
)
from serving.lists.near import Near
from serving.lists.past import Pairs, Past
from serving.lists.shelf import build_shelf

ROWS = (
    ("a", 10, "milk", "t1", 1.0),
    ("a", 2, "bread", "t2", 1.0),
    ("b", 11, "wine", "t3", 1.0),
    ("b", 11, "ghost", "t3", 1.0),
    ("b", 11, "stale", "t3", 1.0),
    ("b", 11, "free", "t3", 1.0),
)


def catalog():
    rows = [
        ("bread", 2.0, "in_stock", "food"),
        ("free", 0.0, "in_stock", "food"),
        ("held", 1.0, "in_stock", "food"),
        ("milk", 1.0, "in_stock", "food"),
        ("stale", 1.0, None, "food"),
        ("wine", 9.0, "in_stock", "alcohol"),
    ]
    names = (c.ITEM_ID, c.PRICE, c.AVAILABILITY, c.CATEGORY)
    return build_shelf(
        pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows]),
        popular=np.array([], dtype=object),
        category_levels=(c.CATEGORY,),
        suppressed=pa.chunked_array([["held"]]),
    )


NAMES = ["bread", "milk", "wine", "ghost", "stale", "free", "held"]
CONFIG = EligibilityConfig(blocked_categories=("alcohol",), just_bought_days=3)


def removed(past, config, near):
    codes = past.shelf.codes(np.array(NAMES, dtype=object))
    rules = item_rules(np.stack([codes, codes]), past, config, near)
    return {
        rule.name: [[NAMES[i] for i in np.flatnonzero(row)] for row in rule.removes]
        for rule in rules
    }


def test_each_item_rule_removes_what_it_names(make_histories, day):
    past = Past.of(make_histories(*ROWS).everyone(day(12)), catalog())
    found = removed(past, CONFIG, Near.everything(past.shelf, 2))
    assert found == {
        "not_in_catalog": [["ghost"], ["ghost"]],
        "suppressed": [["ghost", "held"], ["ghost", "held"]],
        "blocked_category": [["wine", "ghost"], ["wine", "ghost"]],
        "not_in_stock": [["ghost", "stale"], ["ghost", "stale"]],
        "no_price": [["ghost", "free"], ["ghost", "free"]],
        "just_bought": [["milk"], ["wine", "stale", "free"]],
    }
    assert list(found) == list(item_rule_names(CONFIG, limited=False, resting=False))
    assert past.shelf.item_ids[sellable(past.shelf, CONFIG)].tolist() == ["bread", "milk"]


def test_a_price_and_a_place_are_rules_only_where_they_are_asked_for(make_histories, day):
    past = Past.of(make_histories(*ROWS).everyone(day(12)), catalog())
    reach = np.stack([past.shelf.item_ids == "milk", np.ones(len(past.shelf), np.bool_)])
    near = Near(reach, np.array([0, 1]), np.zeros(2, np.bool_), limited=True)
    config = CONFIG.model_copy(update={"require_price": False})
    found = removed(past, config, near)
    assert "no_price" not in found
    assert found["out_of_reach"] == [[name for name in NAMES if name != "milk"], ["ghost"]]
    assert list(found) == list(item_rule_names(config, limited=True, resting=False))
    assert "free" in past.shelf.item_ids[sellable(past.shelf, config)].tolist()


def test_content_has_neither_price_nor_stock(make_histories, day):
    past = Past.of(make_histories(*ROWS).everyone(day(12)), catalog())
    changes = {"require_price": False, "require_availability": False, "exclude_seen": True}
    config = CONFIG.model_copy(update=changes)
    found = removed(past, config, Near.everything(past.shelf, 2))
    assert found["not_in_stock"] == [["ghost"], ["ghost"]]
    assert found["seen"] == [["bread", "milk"], ["wine", "stale", "free"]]
    assert list(found) == list(item_rule_names(config, limited=False, resting=False))


def test_what_was_shown_too_often_rests(make_histories, day):
    shelf = catalog()
    resting = Pairs.of(
        np.array([0]), shelf.codes(np.array(["bread"], dtype=object)), width=len(shelf)
    )
    past = Past.of(make_histories(*ROWS).everyone(day(12)), shelf, resting=resting)
    found = removed(past, CONFIG, Near.everything(shelf, 2))
    assert found["resting"] == [["bread"], []]
    assert list(found) == list(item_rule_names(CONFIG, limited=False, resting=True))
    codes = shelf.codes(np.array([["bread", "milk"]], dtype=object).ravel())
    assert barred_items(past, CONFIG).hold(np.stack([codes, codes])).tolist() == [
        [True, True],
        [False, False],
    ]


def test_what_was_only_looked_at_is_not_just_bought(make_histories, day):
    rows = [("a", 10, "milk", "t1", 1.0, "view"), ("b", 10, "milk", "t1", 1.0)]
    past = Past.of(make_histories(*rows).everyone(day(12)), catalog())
    assert removed(past, CONFIG, Near.everything(past.shelf, 2))["just_bought"] == [[], ["milk"]]


def test_person_rules(make_histories, day):
    histories = make_histories(
        ("a", 1, "x", None, 1.0), ("b", 9, "x", None, 1.0), ("d", 20, "x", None, 1.0)
    )
    persons = pa.Table.from_pylist(
        [
            {**dict.fromkeys(PERSONS.schema.names), c.PERSON_ID: name, c.ERASED: name == "c"}
            for name in "abcd"
        ],
        schema=PERSONS.schema,
    )
    history = histories.as_of(histories.person_rows(persons[c.PERSON_ID]), microseconds(day(10)))
    rules = person_rules(
        persons,
        np.array([True, True, True, False]),
        history,
        np.array([9.0, 1.0, np.nan, np.nan]),
        EligibilityConfig(recent_purchase_hours=24),
    )
    removed = {rule.name: ["abcd"[i] for i in np.flatnonzero(rule.removes)] for rule in rules}
    assert removed == {
        "erased": ["c"],
        "no_consent": ["d"],
        "no_history": ["c", "d"],
        "recent_purchaser": ["b"],
    }


def test_some_events_are_followed_by_quiet_days(make_histories, day):
    history = make_histories(
        ("a", 1, "x", None, 1.0, "lead"),
        ("b", 8, "x", None, 1.0, "lead"),
        ("c", 9, "x", None, 1.0, "support_case"),
        ("d", 9, "x", None, 1.0, "view"),
    ).everyone(day(10))
    persons = pa.Table.from_pylist(
        [
            {**dict.fromkeys(PERSONS.schema.names), c.PERSON_ID: name, c.ERASED: False}
            for name in "abcd"
        ],
        schema=PERSONS.schema,
    )
    config = EligibilityConfig(quiet_days={"lead": 5, "support_case": 1})
    rules = person_rules(persons, np.ones(4, np.bool_), history, np.full(4, np.nan), config)
    removed = {rule.name: ["abcd"[i] for i in np.flatnonzero(rule.removes)] for rule in rules[-2:]}
    assert removed == {"recent_lead": ["b"], "recent_support_case": ["c"]}


@pytest.mark.parametrize(
    ("quiet", "told"), [({"payment": 3}, "'payment' is no event"), ({"lead": 0}, "above 0")]
)
def test_quiet_days_follow_known_events(quiet, told):
    with pytest.raises(ValidationError, match=told):
        EligibilityConfig(quiet_days=quiet)
