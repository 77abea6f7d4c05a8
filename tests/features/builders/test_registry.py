"""No builder is forgotten, none sees the future, none depends on who else is in its part."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import builders
from features import columns as c
from features.builders.knowledge import Knowledge
from features.builders.registry import BUILDERS, PERSON_GROUPS, builder, person_group_features
from features.contacts import Contacts
from features.tables import ASSIGNMENTS, EXPOSURES

CUT = 95
COMPOSED = {"person_group_features", "candidate_features"}  # made of others
PER_PERSON = [each for each in BUILDERS if each.describes in ("person", "pair")]
NO_CATALOG_NEEDED = ("orders", "funnel", "baskets", "habits")


def test_every_builder_is_in_the_registry():
    found = set()
    for module in pkgutil.iter_modules(builders.__path__, "features.builders."):
        names = vars(importlib.import_module(module.name))
        found |= {
            name
            for name, value in names.items()
            if name.endswith("_features") and getattr(value, "__module__", "") == module.name
        }
    assert found - COMPOSED == {each.function.__name__ for each in BUILDERS}


def test_columns_have_one_meaning():
    names = [name for each in BUILDERS for name in each.columns]
    assert len(set(names)) == len(names)
    assert all(feature.unit and feature.missing for each in BUILDERS for feature in each.features)


def contact_tables(day, rows):
    shown = [
        {
            c.EXPOSURE_ID: f"x{number}",
            c.EXPERIMENT_ID: "e",
            c.PERSON_ID: person,
            c.TIME: day(when),
            c.CHANNEL: channel,
            c.GHOST: ghost,
            c.COST: 1.0,
            c.CURRENCY: "USD",
        }
        for number, (person, when, channel, ghost) in enumerate(rows)
    ]
    assigned = [
        {
            c.EXPERIMENT_ID: f"e{number}",
            c.PERSON_ID: person,
            c.ASSIGNED_AT: day(when),
            c.ARM: "control" if ghost else "treated",
            c.PROBABILITY: 0.5,
        }
        for number, (person, when, _, ghost) in enumerate(rows)
    ]
    return (
        pa.Table.from_pylist(shown, schema=EXPOSURES.schema),
        pa.Table.from_pylist(assigned, schema=ASSIGNMENTS.schema),
    )


def build(each, view, shop, contacts, persons):
    """The builder's table for rows of persons a and b, four items each for pairs; items by id."""
    if each.describes == "item":
        return each.function(shop).append_column("id", [pa.array(shop.item_ids, pa.string())])
    if each.describes == "treatment":
        return each.function(contacts.as_of(np.array(persons, object), view.time))
    if each.describes == "pair":
        row = np.repeat(np.arange(len(view)), shop.n_items)
        return each.function(view, shop, row=row, item=np.tile(np.arange(shop.n_items), len(view)))
    return each.function(view) if each.name in NO_CATALOG_NEEDED else each.function(view, shop)


def assert_same(one, other):
    assert one.column_names == other.column_names
    for name in one.column_names:
        np.testing.assert_array_equal(one[name].to_numpy(), other[name].to_numpy(), err_msg=name)


contact = st.tuples(
    st.sampled_from("ab"),
    st.integers(0, 400).map(lambda quarters: quarters / 4),
    st.sampled_from(["mail", "display"]),
    st.booleans(),
)


@pytest.mark.parametrize("each", BUILDERS, ids=lambda each: each.name)
@settings(max_examples=40)
@given(data=st.data())
def test_nothing_at_or_after_a_rows_time_changes_a_feature(
    diary, day, attributes, twin, at, each, data
):
    past = [row for row in data.draw(twin.events(last=4 * CUT - 1)) if row["day"] < CUT]
    past.append({"person": "a", "day": 0, "name": "view", "item": "x"})
    future = data.draw(later_events(past, twin))
    seen = [(*row[:1], row[1] % CUT, *row[2:]) for row in data.draw(st.lists(contact, max_size=8))]
    unseen = [
        (*row[:1], row[1] + CUT, *row[2:]) for row in data.draw(st.lists(contact, max_size=8))
    ]
    tables = []
    for events, shown in ((past, seen), (past + future, seen + unseen)):
        histories = diary(events).histories
        shop = twin.known(histories, attributes, at(CUT))
        view = twin.rows_of(histories, ["a", "b"], at(CUT))
        contacts = Contacts.from_tables(*contact_tables(day, shown))
        tables.append(build(each, view, shop, contacts, ["a", "b"]))
    assert_same(*tables)
    never = [feature.name for feature in each.features if feature.missing == "never"]
    assert not any(np.isnan(tables[0][name].to_numpy()).any() for name in never)


@st.composite
def later_events(draw, past, twin):
    """Events at or after the cut, other items and persons too, and refunds of what was bought before it."""
    rows = [
        {
            **row,
            "day": CUT + draw(st.sampled_from([0, 0, row["day"]])),  # the moment itself, or later
            **({"item": "new"} if draw(st.booleans()) else {}),
        }
        for row in draw(twin.events())
        if "of" not in row
    ]
    taken = {row["of"] for row in past if "of" in row}
    for number, row in enumerate(past):
        whole = row["name"] == "purchase" and row.get("quantity") != 0 and number not in taken
        if whole and draw(st.booleans()):
            rows.append(
                {
                    "person": row["person"],
                    "day": CUT + draw(st.integers(0, 2)),
                    "name": "refund",
                    "item": row["item"],
                    "transaction": row["transaction"],
                    "quantity": 1.0 if row["quantity"] is None else row["quantity"],
                    "of": number,
                }
            )
    return rows


@pytest.mark.parametrize("each", PER_PERSON, ids=lambda each: each.name)
@settings(max_examples=30)
@given(data=st.data())
def test_a_part_of_the_persons_gives_the_same_rows(diary, attributes, twin, at, each, data):
    rows = data.draw(twin.events())
    rows += [{"person": person, "day": 0, "name": "view", "item": "x"} for person in "ab"]
    whole = diary(rows).histories
    shop = twin.known(whole, attributes, at(CUT))
    together = build(each, twin.rows_of(whole, ["b", "a"], at(CUT)), shop, None, "ba")
    mine = [number for number, row in enumerate(rows) if row["person"] == "a"]
    kept = [
        {**rows[number], **({"of": mine.index(rows[number]["of"])} if "of" in rows[number] else {})}
        for number in mine
    ]
    part = diary(kept).histories
    alone = build(each, twin.rows_of(part, ["a"], at(CUT)), shop, None, "a")
    assert_same(together.slice(together.num_rows // 2), alone)


def test_groups_stand_side_by_side(ten, attributes, twin, at):
    view = twin.rows_of(ten.histories, ["a"], at(100))
    shop = Knowledge.of(attributes=attributes)
    found = person_group_features(view, shop, groups=("worth", "orders"))
    assert tuple(found.column_names) == builder("worth").columns + builder("orders").columns
    assert_same(found.select(builder("orders").columns), builder("orders").function(view))
    everything = person_group_features(view, shop)
    assert everything.num_columns == sum(len(builder(name).columns) for name in PERSON_GROUPS)


@pytest.mark.parametrize("groups", [["orders", "item"], ["orders", "orders"], ["none"]])
def test_unknown_groups_are_refused(ten, at, groups):
    with pytest.raises(
        ValueError, match=r"groups are \[.*\], must be different ones of \['orders'"
    ):
        person_group_features(ten.histories.as_of([0], at(9)), Knowledge.of(), groups=groups)


def test_names_find_builders():
    assert builder("pair") is next(each for each in BUILDERS if each.describes == "pair")
    with pytest.raises(KeyError):
        builder("nothing")


def test_a_builder_that_sees_too_much_would_be_caught(diary, attributes, twin, at):
    rows = [{"person": "a", "day": day, "name": "view", "item": "x"} for day in (1, CUT)]
    view = twin.rows_of(diary(rows).histories, ["a"], at(CUT))
    leaky = replace(view, stop=view.stop + 1)
    shop = Knowledge.of(attributes=attributes)
    with pytest.raises(AssertionError):
        assert_same(person_group_features(view, shop), person_group_features(leaky, shop))
