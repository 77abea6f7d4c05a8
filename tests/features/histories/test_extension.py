"""Histories grown day by day are those built from all events at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import columns as c
from features.errors import InputError
from features.histories.extension import extend
from features.histories.histories import Histories
from features.tables import REVERSALS

event = st.tuples(
    st.sampled_from("abcd"),
    st.integers(0, 9),
    st.sampled_from(["w", "x", "y", None]),
    st.sampled_from(["t1", None]),
    st.none(),
    st.sampled_from(["view", "purchase", "refund"]),
)


def require_equal(one, other):
    for ids in ("person_ids", "item_ids", "category_ids"):
        assert getattr(one, ids).tolist() == getattr(other, ids).tolist()
    arrays, others = one.arrays(), other.arrays()
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)
        assert array.dtype == others[name].dtype, name


def taken_back(rows):
    """Each refund takes from the latest purchase at or before its time, whoever made it."""
    found = []
    for number, row in enumerate(rows):
        bought = [(o[1], n) for n, o in enumerate(rows) if o[5] == "purchase" and o[1] <= row[1]]
        if row[5] == "refund" and bought:
            entry = (f"e{number:03d}", f"e{max(bought)[1]:03d}", 0.5, None)
            found.append(dict(zip(REVERSALS.schema.names, entry, strict=True)))
    return pa.Table.from_pylist(found, REVERSALS.schema)


def with_facts(table):
    """Categories, and values that tell any two purchases apart."""
    facts = {
        c.CATEGORY: [None if v is None else f"of {v}" for v in table[c.ITEM_ID].to_pylist()],
        c.QUANTITY: [1.0 if n % 3 else None for n in range(len(table))],
        c.VALUE: [float(n) if n else None for n in range(len(table))],
    }
    for name, values in facts.items():
        place = table.schema.get_field_index(name)
        field = table.schema.field(name)
        table = table.set_column(place, field, pa.array(values, field.type))
    return table


def grown(first, second, reversals):
    """From the first table by the second, with the entries that belong to each."""
    ids, new_ids = first[c.EVENT_ID], second[c.EVENT_ID]
    is_new = pc.is_in(reversals[c.REFUND_EVENT_ID], value_set=new_ids)
    fresh = reversals.filter(is_new)
    bought = first.filter(pc.is_in(ids, value_set=fresh[c.EVENT_ID]))
    known = Histories.from_events(first, reversals.filter(pc.invert(is_new)))
    return extend(known, second, reversals=fresh, bought=bought)


@given(rows=st.lists(event, min_size=2, max_size=25), cut=st.integers(0, 9))
def test_new_days_make_the_histories_of_all_days(make_events, rows, cut):
    table, reversals = with_facts(make_events(*rows)), taken_back(rows)
    old = np.array([row[1] < cut for row in rows])
    first, second = table.filter(pa.array(old)), table.filter(pa.array(~old))
    require_equal(grown(first, second, reversals), Histories.from_events(table, reversals))


@given(rows=st.lists(event, min_size=2, max_size=25, unique_by=lambda row: row[:2]), data=st.data())
def test_late_events_find_their_place(make_events, rows, data):
    table, reversals = with_facts(make_events(*rows)), taken_back(rows)
    old = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
    first, second = table.filter(pa.array(old)), table.filter(pa.array(~old))
    ids = dict(zip(table[c.EVENT_ID].to_pylist(), old.tolist(), strict=True))
    refunds, bought = (reversals[n].to_pylist() for n in (c.REFUND_EVENT_ID, c.EVENT_ID))
    timely = [ids[b] or not ids[r] for r, b in zip(refunds, bought, strict=True)]
    reversals = reversals.filter(
        pa.array(timely, pa.bool_())
    )  # no refund comes before its purchase
    require_equal(grown(first, second, reversals), Histories.from_events(table, reversals))


def test_an_order_that_cannot_be_told_is_refused(make_events):
    table = make_events(
        ("a", 1, "x", None, 1.0), ("a", 1, "y", None, 1.0), ("b", 1, "y", None, 1.0)
    )
    with pytest.raises(InputError, match="new events: 1 share person and time with a known event"):
        extend(Histories.from_events(table.slice(0, 1)), table.slice(1))


def test_a_purchase_that_is_not_known_is_refused(make_events):
    rows = (("a", 1, "x", "t1", 1.0), ("a", 2, "x", "t1", None, "refund"), ("a", 1, "y", "t1", 1.0))
    table = make_events(*rows)
    entry = dict(zip(REVERSALS.schema.names, ("e001", "e002", 1.0, 1.0), strict=True))
    known, new, gone = (table.slice(at, 1) for at in range(3))
    with pytest.raises(InputError, match="'e002' is not among the known events"):
        extend(
            Histories.from_events(known),
            new,
            reversals=pa.Table.from_pylist([entry], REVERSALS.schema),
            bought=gone,
        )
