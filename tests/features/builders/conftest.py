"""Histories as plain dicts: written by hand, drawn at random, and read back by twins that know no arrays."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from features import columns as c
from features.builders.item_attributes import ItemAttributes
from features.builders.item_counts import ItemCounts
from features.builders.knowledge import Knowledge
from features.builders.similarity import CoOccurrence
from features.builders.spend import SpendCounts
from features.contracts import check
from features.histories.histories import Histories, microseconds
from features.tables import CATALOG, EVENTS, REVERSALS

START = "2017-01-01"  # a Sunday, day 0


class Diary:
    """Events as dicts: person, day, name, item, category, transaction, quantity, value, and for refunds `of`, the number
    of the purchase they take back, with the quantity taken."""

    def __init__(self, moment, rows):
        self.moment = moment
        empty = dict.fromkeys(("item", "category", "transaction", "quantity", "value", "of"), None)
        self.events = [{**empty, **row, "number": number} for number, row in enumerate(rows)]

    @property
    def histories(self):
        return Histories.from_events(self._events(), self._reversals())

    def _events(self):
        rows = [
            {
                c.EVENT_ID: f"e{event['number']:03d}",
                c.EVENT_NAME: event["name"],
                c.TIME: self.moment(event["day"]),
                c.PERSON_ID: event["person"],
                c.USER_ID: event["person"],
                c.ITEM_ID: event["item"],
                c.CATEGORY: event["category"],
                c.TRANSACTION_ID: event["transaction"],
                c.QUANTITY: event["quantity"],
                c.VALUE: event["value"],
                c.SOURCE: "test",
                c.LINE: event["number"] + 1,
            }
            for event in self.events
        ]
        return check(pa.Table.from_pylist(rows, schema=EVENTS.schema), EVENTS, source="test")

    def _reversals(self):
        rows = []
        for event in self.events:
            if event["of"] is not None:
                bought = self.events[event["of"]]
                units = 1.0 if bought["quantity"] is None else bought["quantity"]
                share = event["quantity"] / units
                money = None if bought["value"] is None else bought["value"] * share
                rows.append(
                    {
                        c.REFUND_EVENT_ID: f"e{event['number']:03d}",
                        c.EVENT_ID: f"e{event['of']:03d}",
                        c.QUANTITY: event["quantity"],
                        c.VALUE: money,
                    }
                )
        return pa.Table.from_pylist(rows, schema=REVERSALS.schema)

    def before(self, person, day):
        """The person's events strictly before the day, oldest first, each with age and what is left of it."""
        mine = [e for e in self.events if e["person"] == person and e["day"] < day]
        mine.sort(key=lambda e: (e["day"], e["number"]))
        return [{**e, "age": day - e["day"], **self._left(e, day)} for e in mine]

    def _left(self, event, day):
        units = 1.0 if event["quantity"] is None else event["quantity"]
        taken = [
            e["quantity"] for e in self.events if e["of"] == event["number"] and e["day"] < day
        ]
        left = units - sum(taken)
        money = 0.0 if event["value"] is None else event["value"]
        return {
            "units": units,
            "money": money,
            "gone": bool(taken) and left == 0,
            "net_money": money * left / units if units else money,
        }


@pytest.fixture(scope="session")
def diary(day):
    """Events as rows of dicts -> a `Diary`."""
    return lambda rows: Diary(day, rows)


@pytest.fixture(scope="session")
def at(day):
    """Microseconds of a day."""
    return lambda days: microseconds(day(days))


def event(person, day, name, **rest):
    return {"person": person, "day": day, "name": name, **rest}


TEN = [
    event("a", 2.25, "purchase", item="x", transaction="t1", quantity=2.0, value=20.0),
    event("a", 60.5, "view_list", category="q"),
    event("a", 75.5, "view", item="x", value=10.0),
    event("a", 80.25, "cart_add", item="x", quantity=2.0, value=20.0),
    event("a", 80.25, "view", item="z"),
    event("a", 82.75, "checkout"),
    event("a", 90, "purchase", item="y", transaction="t2", quantity=3.0, value=90.0),
    event("a", 90, "purchase", item="z", transaction="t2", value=6.0),
    event("a", 95, "refund", item="y", transaction="t2", quantity=1.0, of=6),
    event("a", 98.5, "purchase", item="x", transaction="t3", quantity=1.0, value=12.0),
]
LATER = [
    event("a", 100, "purchase", item="x", transaction="t4", value=1000.0),
    event("a", 100, "refund", item="x", transaction="t1", quantity=2.0, of=0),
    event("b", 99, "view", item="y"),
]


@pytest.fixture(scope="session")
def ten(diary):
    """Ten events of person a before day 100, then what day 100 must not see, and another person."""
    return diary(TEN + LATER)


@pytest.fixture(scope="session")
def attributes(day):
    """x and y of category p at 10 and 30, w and z of category q at none and 7; u and category r are in no catalog."""
    rows = [
        {
            c.SNAPSHOT_ID: "s",
            c.GENERATED_AT: day(0),
            c.ITEM_ID: item,
            c.TITLE: item,
            c.CATEGORY: category,
            c.PRICE: price,
            c.CURRENCY: "USD",
            c.AVAILABILITY: availability,
        }
        for item, category, price, availability in (
            ("x", "p", 10.0, "in_stock"),
            ("w", "q", None, None),
            ("z", "q", 7.0, "preorder"),
            ("y", "p", 30.0, "out_of_stock"),
        )
    ]
    items = check(pa.Table.from_pylist(rows, schema=CATALOG.schema), CATALOG, source="test")
    return ItemAttributes.from_items(items, known_at=day(0))


CATEGORY_OF = {"x": "p", "y": "p", "w": "q", "z": "q"}


def category_of(one):
    """Category of an event: of its item, else its own, if the catalog knows it."""
    own = one["category"] if one["category"] in ("p", "q") else None
    return CATEGORY_OF.get(one["item"], own)


def orders(purchases):
    """Ages of the orders among purchases in order: neighbours of one transaction at one time are one order."""
    found, last = [], None
    for one in purchases:
        key = (one["day"], one["transaction"])
        if one["transaction"] is None or key != last:
            found.append(one["age"])
        last = key
    return found


def known(histories, attributes, moment):
    """Everything a shop can know at a moment."""
    everyone = histories.as_of(np.arange(histories.n_persons), moment)
    return Knowledge.of(
        counts=ItemCounts.of(everyone),
        attributes=attributes,
        similarity=CoOccurrence.of(everyone, window_days=365).cosine(min_persons=1),
        spend=SpendCounts.of(everyone),
    )


def rows_of(histories, persons, moment):
    return histories.as_of(histories.person_rows(pa.array(persons, pa.string())), moment)


def one_row(table, row=0):
    return {name: table[name][row].as_py() for name in table.column_names}


@st.composite
def _events(draw, first=0, last=400):
    """Some events at quarter days, then refunds of some of the purchases."""
    rows = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "person": st.sampled_from("aab"),
                    "day": st.integers(first, last).map(lambda quarters: quarters / 4),
                    "name": st.sampled_from(
                        ["view", "view_list", "cart_add", "cart_remove", "checkout"]
                        + ["purchase"] * 4
                        + ["support_case", "page_view"]
                    ),
                    "item": st.sampled_from(["x", "x", "y", "z", "u", None]),
                    "category": st.sampled_from(["p", "q", "r", None]),
                    "transaction": st.sampled_from(["t1", "t2", None]),
                    "quantity": st.sampled_from([None, 0.0, 1.0, 2.0, 4.0]),
                    "value": st.sampled_from([None, 0.0, 3.0, 8.0, 20.0]),
                }
            ),
            max_size=24,
        )
    )
    return rows + draw(_refunds(rows, last))


@st.composite
def _refunds(draw, rows, last):
    """All, or half of the units, of some purchases; each is taken back once."""
    found = []
    for number, row in enumerate(rows):
        if row["name"] == "purchase" and row["quantity"] != 0 and draw(st.integers(0, 2)) == 0:
            units = 1.0 if row["quantity"] is None else row["quantity"]
            found.append(
                {
                    **row,
                    "name": "refund",
                    "day": draw(st.integers(int(row["day"] * 4), max(last, int(row["day"] * 4))))
                    / 4,
                    "quantity": units * draw(st.sampled_from([0.5, 1.0])),
                    "value": None,
                    "of": number,
                }
            )
    return found


@pytest.fixture(scope="session")
def twin():
    """What the twins share."""
    return SimpleNamespace(
        category_of=category_of,
        orders=orders,
        known=known,
        rows_of=rows_of,
        one_row=one_row,
        events=_events,
    )
