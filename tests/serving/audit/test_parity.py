"""Written twice, the same result: lots, hashes of contacts, and caps, by the audit and by what it audits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import columns as c
from features.assignment import uniform
from serving.audit.contacts import read_contact_hashes
from serving.audit.identities import Identities
from serving.audit.people import _draws
from serving.audit.person_files import person_of, read_rows
from serving.exports import hashing

NOBODY_ELSE = Identities(None, {})


@settings(max_examples=20)
@given(st.lists(st.text(max_size=10), max_size=20), st.text(max_size=10))
def test_lots_are_those_of_the_assignment(persons, salt):
    persons = [text.encode("utf-8", "ignore").decode() for text in persons]
    salt = salt.encode("utf-8", "ignore").decode()
    np.testing.assert_array_equal(_draws(persons, salt), uniform(persons, salt=salt))


@pytest.mark.parametrize(
    ("written", "hashed"),
    [
        ("cloudy.sanfrancisco+shopping@gmail.com", [hashing.e_mail, hashing.google_e_mail]),
        (" User.Name+NYC@Example.com ", [hashing.e_mail, hashing.google_e_mail]),
        ("a b@x.example", [hashing.e_mail]),
        ("J.Doe@GoogleMail.com", [hashing.google_e_mail]),
    ],
)
def test_hashes_of_addresses_can_be_traced(tmp_path, written, hashed):
    hashes = contacts(tmp_path, f"p1,{written},").persons
    for normalise in hashed:
        assert hashes[hashing.sha256(normalise(written))] == {"p1"}


@pytest.mark.parametrize(
    "written", ["(800)555-0100", "+1 (800) 555-0100", "001 800 555 0100", "+44 (0)20 7946 0018", "0800 555 0100"]
)  # fmt: skip
def test_hashes_of_phones_can_be_traced(tmp_path, written):
    hashes = contacts(tmp_path, f"p1,,{written}").persons
    digits = hashing.phone_digits(written, calling_code="1")
    assert hashes[hashing.sha256(digits)] == {"p1"}
    assert hashes[hashing.sha256(f"+{digits}")] == {"p1"}


def test_a_contact_of_two_persons_is_of_both(tmp_path):
    found = contacts(tmp_path, "p1,ann@x.example,", "p2,Ann@x.example,")
    assert set(found.persons.values()) == {frozenset({"p1", "p2"})}
    assert found.clear == {"ann@x.example"}
    assert contacts(tmp_path, "p1,no address,12").persons == {}


def test_ids_of_files_are_persons_of_today(tmp_path):
    known = Identities({"ann": "p1"}, {"p0": "p1"})
    path = tmp_path / "list.csv"
    path.write_text("user_id,person_id\nann,\n,p0\n,p9\nbob,\n")
    assert [person_of(row, known) for row in read_rows(path)] == ["p1", "p1", "p9", "bob"]
    assert read_rows(path)[0] == {c.USER_ID: "ann", c.PERSON_ID: ""}


def contacts(folder, *rows):
    path = folder / "contacts.csv"
    path.write_text("\n".join(["person_id,email,phone", *rows]) + "\n")
    config = {"file": "contacts.csv", "calling_code": "1"}
    return read_contact_hashes(config, NOBODY_ELSE, folder=folder)
