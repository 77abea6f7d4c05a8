"""The candidates' table is the builders' tables, each row where it belongs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features.builders.candidates import CANDIDATE_COLUMNS, candidate_features
from features.builders.item import item_features
from features.builders.pair import pair_features
from features.builders.registry import builder, person_group_features
from features.builders.treatment import treatment_features
from features.contacts import Contacts
from features.tables import EXPOSURES

ROW = np.array([0, 0, 2, 2, 2])
ITEM = np.array([3, 0, 1, -1, 2])


@pytest.fixture(scope="module")
def view(ten, twin, at):
    return twin.rows_of(ten.histories, ["b", "nobody", "a"], at(100))


@pytest.fixture(scope="module")
def shop(ten, attributes, twin, at):
    return twin.known(ten.histories, attributes, at(100))


def values(table, names):
    return np.array([table[name].to_numpy() for name in names])


def test_every_row_holds_its_person_item_and_pair(view, shop):
    found = candidate_features(view, shop, row=ROW, item=ITEM)
    assert tuple(found.column_names) == CANDIDATE_COLUMNS
    assert set(found.schema.types) == {pa.float32()}
    parts = (
        (person_group_features(view, shop), lambda matrix: matrix[:, ROW]),
        (pair_features(view, shop, row=ROW, item=ITEM), lambda matrix: matrix),
    )
    for table, expand in parts:
        names = table.column_names
        expected = expand(values(table, names)).astype(np.float32)
        np.testing.assert_array_equal(values(found, names), expected)
    of_item = item_features(shop)
    expected = values(of_item, of_item.column_names)[:, ITEM].astype(np.float32)
    expected[:, ITEM < 0] = np.nan
    np.testing.assert_array_equal(values(found, of_item.column_names), expected)


def test_groups_can_be_chosen_and_past_treatment_added(view, shop):
    contacts = Contacts.from_tables(EXPOSURES.schema.empty_table())
    persons = np.array(["b", "nobody", "a"], object)
    found = candidate_features(
        view,
        shop,
        row=ROW,
        item=ITEM,
        groups=["orders"],
        contacts=contacts.as_of(persons, view.time),
    )
    names = [*builder("orders").columns, *builder("item").columns, *builder("pair").columns]
    assert found.column_names == names + list(builder("treatment").columns)
    expected = values(treatment_features(contacts.as_of(persons, view.time)), ["contacts_1d"])
    np.testing.assert_array_equal(values(found, ["contacts_1d"]), expected[:, ROW])


def test_other_rows_of_contacts_are_refused(view, shop):
    contacts = Contacts.from_tables(EXPOSURES.schema.empty_table())
    with pytest.raises(ValueError, match="rows of contacts differ"):
        candidate_features(
            view, shop, row=ROW, item=ITEM, contacts=contacts.as_of(np.array(["b"], object), 0)
        )
