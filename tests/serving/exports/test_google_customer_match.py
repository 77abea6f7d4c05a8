"""Google Customer Match: a golden file, what is left out, and files that Google would refuse."""

from __future__ import annotations

import csv
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.exports.base import Unavailable, require_valid
from serving.exports.google_customer_match import (
    GoogleCustomerMatchConfig,
    customer_list,
    prepare,
)

CONFIG = GoogleCustomerMatchConfig(kind="google_customer_match", sizes=None)
GOLDEN = b"""\
Email,Phone,First Name,Last Name,Country,Zip
223ebda6f6889b1494551ba902d9d381daf2f642bae055888e96343d53e9f9c4,fb4f73a6ec5fdb7077d564cdd22c3554b43ce49168550c3b12c547b78c517b30,\
96d9632f363564cc3032521409cf22a852f2032eec099ed5967c0d000cec607a,799ef92a11af918e3fb741df42934f3b568ed2d93ac1df74f1b8d41a27932a6f,US,94103
f109a2a632fbcea5fc82049f50beed3d8621bf9034399f437fb622222acccdac,,,,,
"""


def digest(text):
    return sha256(text.encode()).hexdigest()


@pytest.fixture
def prepared(make):
    """Two persons with contacts, one whose contacts are unusable, one without any."""
    contacts = {
        "p1": [make.contact(email="cloudy.sanfrancisco+shopping@gmail.com", phone="(800)555-0100",
                            first_name=" John ", last_name="Doe", country="us", zip="94103")],
        "p2": [make.contact(email="user.name+NYC@Example.com", first_name="Ann", zip="=1")],
        "p3": [make.contact(email="ab" * 32, phone="none")],
    }  # fmt: skip
    decisions = [make.decision(name) for name in ("p1", "p2", "p3", "p4")]
    facts = make.facts(decisions, contacts=contacts)
    (found,) = prepare("match", CONFIG, facts)
    return found


def test_golden_file(prepared, tmp_path):
    path = tmp_path / "match.csv"
    customer_list().write(path, prepared.rows)
    assert path.read_bytes() == GOLDEN
    assert digest("john").encode() in GOLDEN
    assert digest("doe").encode() in GOLDEN
    require_valid(path, customer_list(), prepared.rows)


def test_country_and_zip_are_never_hashed_and_names_need_a_whole_address(prepared):
    whole, mail_only = prepared.rows
    assert whole[4:] == ("US", "94103")
    assert mail_only[1:] == ("",) * 5


def test_what_is_left_out_is_counted(prepared):
    assert prepared.drops == {
        "already_hashed": 1, "invalid_phone": 1, "invalid_zip": 1, "nothing_to_match": 2,
    }  # fmt: skip
    assert prepared.persons == 2


def test_without_contacts_it_says_why(make):
    outcome = prepare("match", CONFIG, make.facts([make.decision("p1")]))
    assert isinstance(outcome, Unavailable)
    assert "no contacts file" in outcome.why


def test_audiences_too_small_are_rolled_up(make):
    contacts = {name: [make.contact(email=f"{name}@x.com")] for name in ("p1", "p2", "p3")}
    decisions = [
        make.decision("p1", stage="cart"), make.decision("p2"), make.decision("p3"),
    ]  # fmt: skip
    config = GoogleCustomerMatchConfig.model_validate_json(
        '{"kind": "google_customer_match", "split": "stage", "sizes": {"minimum": 2, "roll_up": {"cart": "browse"}}}'
    )
    first, second = prepare("match", config, make.facts(decisions, contacts=contacts))
    assert (first.part, first.persons, second.part, second.persons) == ("browse", 2, "cart", 1)
    (warning,) = first.warnings
    assert warning.endswith("Roll cart up into browse.")
    assert GoogleCustomerMatchConfig(kind="google_customer_match").sizes.minimums == {
        "google_ads.audience_display": 100,
        "google_ads.audience_search": 1000,
    }


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (b"Email,Phone", b"E-mail,Phone", "its header is E-mail"),
        (b"f109a2a6", b"F109A2A6", "row 3: not_hashed"),
        (b"f109a2a632fbcea5", b"ann@example.com,", "row 3: 7 cells under 6 names"),
        (b"US,94103", b"USA,94103", "row 2: invalid_address"),
        (b"US,94103", b"US,=1+1", "row 2: 'Zip' starts like a formula"),
        (b"US,94103", b'US,"94\n103"', "row 2: 'Zip' holds a control"),
        (GOLDEN[-70:-6], b"", "row 3: nothing_to_match"),
        (b"Email", b"\xff\xfeEmail", "cannot be read"),
    ],
)
def test_planted_faults_are_found(tmp_path, before, after, fault):
    path = tmp_path / "match.csv"
    assert before in GOLDEN
    path.write_bytes(GOLDEN.replace(before, after))
    (found, *_) = customer_list().faults(path)
    assert found.startswith(fault)


@settings(max_examples=30)
@given(rows=st.lists(st.tuples(st.emails(), st.text(), st.text(), st.text()), max_size=5))
def test_no_contact_is_readable_whatever_it_is(make, tmp_path_factory, rows):
    contacts = {
        f"p{number}": [make.contact(email=mail, first_name=first, last_name="x", country="de", zip=code, phone=phone)]
        for number, (mail, first, code, phone) in enumerate(rows)
    }  # fmt: skip
    facts = make.facts([make.decision(name) for name in contacts], contacts=contacts)
    (found,) = prepare("match", CONFIG, facts) or [None]
    path = tmp_path_factory.mktemp("match") / "match.csv"
    customer_list().write(path, found.rows)
    assert not list(customer_list().faults(path))
    text = path.read_text()
    assert "@" not in text
    with path.open(newline="") as file:
        assert [tuple(row) for row in csv.reader(file)][1:] == list(found.rows)
