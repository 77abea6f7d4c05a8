"""Every rule on cases small enough to read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features import columns as c
from features.histories.histories import microseconds
from features.tables import CATALOG, EXPOSURES, PERSONS
from serving.config import EligibilityConfig, FrequencyConfig
from serving.eligibility import bought_since, count_contacts, item_facts, item_rules, person_rules

ROWS = (
    ("a", 10, "milk", "t1", 1.0),
    ("a", 2, "bread", "t2", 1.0),
    ("b", 11, "wine", "t3", 1.0),
    ("b", 11, "ghost", "t3", 1.0),
    ("b", 11, "stale", "t3", 1.0),
    ("b", 11, "free", "t3", 1.0),
)


def catalog(day):
    rows = [
        ("bread", 2.0, "in_stock", "food"),
        ("free", 0.0, "in_stock", "food"),
        ("milk", 1.0, "in_stock", "food"),
        ("stale", 1.0, None, "food"),
        ("wine", 9.0, "in_stock", "alcohol"),
    ]
    return pa.Table.from_pylist(
        [
            {
                **dict.fromkeys(CATALOG.schema.names),
                c.SNAPSHOT_ID: "s",
                c.GENERATED_AT: day(12),
                c.ITEM_ID: item,
                c.TITLE: item.title(),
                c.PRICE: price,
                c.AVAILABILITY: availability,
                c.CATEGORY: category,
            }
            for item, price, availability, category in rows
        ],
        schema=CATALOG.schema,
    )


def test_each_item_rule_removes_what_it_names(make_histories, day):
    histories = make_histories(*ROWS)
    view = histories.everyone(day(12))
    names = ["bread", "milk", "wine", "ghost", "stale", "free"]
    codes = histories.item_codes(pa.array(names)).astype(np.int32)
    candidates = np.stack([codes, codes])
    config = EligibilityConfig(blocked_categories=("alcohol",), just_bought_days=3)
    rules = item_rules(candidates, item_facts(catalog(day), histories), view, config)
    removed = {
        rule.name: [[names[i] for i in np.flatnonzero(row)] for row in rule.removes]
        for rule in rules
    }
    assert removed == {
        "not_in_catalog": [["ghost"], ["ghost"]],
        "blocked_category": [["wine"], ["wine"]],
        "not_in_stock": [["ghost", "stale"], ["ghost", "stale"]],
        "no_price": [["ghost", "free"], ["ghost", "free"]],
        "just_bought": [["milk"], ["wine", "ghost", "stale", "free"]],
    }


def test_bought_since_is_per_person_and_inclusive(make_histories, day):
    view = make_histories(*ROWS).everyone(day(12))
    codes = view.histories.item_codes(pa.array(["milk", "bread"])).astype(np.int32)
    candidates = np.array([[*codes, -1], [*codes, -1]], np.int32)
    assert bought_since(candidates, view, days=2).tolist() == [[True, False, False], [False] * 3]
    assert bought_since(candidates, view, days=10).tolist() == [[True, True, False], [False] * 3]
    assert bought_since(candidates, view, days=1.9).tolist() == [[False] * 3, [False] * 3]


def test_an_event_or_a_place_without_item_is_no_purchase_of_a_neighbour(make_histories, day):
    """Pairs are coded as person x items + item: an item of -1 must not reach into the row before."""
    view = make_histories(
        ("a", 1, "zest", None, 1.0),
        ("b", 1, "milk", None, 1.0),
        ("c", 1, None, None, 1.0, "page_view"),
    ).everyone(day(2))
    (last,) = view.histories.item_codes(pa.array(["zest"]))
    candidates = np.array([[last, -1]] * 3, np.int32)
    assert bought_since(candidates, view, days=9).tolist() == [
        [True, False],
        [False] * 2,
        [False] * 2,
    ]


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
        np.array([3, 2, 0, 0]),
        EligibilityConfig(recent_purchase_hours=24),
        FrequencyConfig(max_contacts=3),
    )
    removed = {rule.name: ["abcd"[i] for i in np.flatnonzero(rule.removes)] for rule in rules}
    assert removed == {
        "erased": ["c"],
        "no_consent": ["d"],
        "no_history": ["c", "d"],
        "recent_purchaser": ["b"],
        "frequency_cap": ["a"],
    }


def test_contacts_are_counted_without_ghosts_in_the_window_only(day):
    rows = [
        ("a", 5, False),
        ("a", 9, False),
        ("a", 9.5, True),
        ("a", 10, False),
        ("b", 3, False),
        ("x", 9, False),
    ]
    exposures = pa.Table.from_pylist(
        [
            {
                c.EXPOSURE_ID: str(number),
                c.EXPERIMENT_ID: "e",
                c.PERSON_ID: person,
                c.TIME: day(moment),
                c.CHANNEL: "display",
                c.GHOST: ghost,
                c.COST: 0.0,
                c.CURRENCY: "USD",
            }
            for number, (person, moment, ghost) in enumerate(rows)
        ],
        schema=EXPOSURES.schema,
    )
    ids = pa.chunked_array([["b", "a"]])
    found = count_contacts(exposures, ids, before=microseconds(day(10)), window_days=6)
    assert found.tolist() == [0, 2]
    edge, inside = (
        count_contacts(exposures, ids, before=microseconds(day(10)), window_days=days).tolist()
        for days in (5, 4.9)
    )
    assert (edge, inside) == ([0, 2], [0, 1])
