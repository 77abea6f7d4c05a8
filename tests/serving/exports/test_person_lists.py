"""Lists of persons that come as files: ids resolved to persons of today, read whole or not at all."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.errors import InputError
from features.tables import IDENTITIES, PERSON_MERGES, PERSONS
from serving.exports.contacts import ContactsConfig, read_contacts
from serving.exports.person_lists import KnownIds
from serving.exports.suppressions import suppressed_persons


@pytest.fixture
def known(make):
    identities = [
        {c.IDENTITY: "user:u1", c.PERSON_ID: "p1"},
        {c.IDENTITY: "user:u0", c.PERSON_ID: "p1"},
        {c.IDENTITY: "user:shared", c.PERSON_ID: "p2", c.QUARANTINED: True},
        {c.IDENTITY: "anonymous:a1", c.PERSON_ID: "p2"},
    ]
    return KnownIds.of(
        make.filled(PERSONS, [{c.PERSON_ID: "p1"}, {c.PERSON_ID: "p2"}]),
        make.filled(IDENTITIES, identities),
        make.filled(PERSON_MERGES, [{c.PERSON_ID: "old", c.MERGED_INTO: "p2"}]),
    )


@pytest.mark.parametrize(
    ("row", "person"),
    [
        ({"person_id": "p1"}, "p1"),
        ({"person_id": "old"}, "p2"),
        ({"user_id": "u1"}, "p1"),
        ({"person_id": "gone", "user_id": "u1"}, "p1"),
        ({"user_id": "shared"}, None),
        ({"user_id": "a1"}, None),
        ({}, None),
    ],
)
def test_who_a_row_is_about(known, row, person):
    assert known.resolve(row) == person


def test_own_ids_are_logins_or_else_the_persons_own(known):
    assert known.own_ids("p1") == ("u0", "u1")
    assert known.own_ids("p2") == ()
    plain = KnownIds(frozenset({"p1"}), {}, None)
    assert plain.own_ids("p1") == ("p1",)
    assert plain.resolve({"user_id": "p1"}) == "p1"


def test_suppressions_hold_in_their_time(known, make, tmp_path):
    day = timedelta(days=1)
    rows = [
        ("p1", "", ""),
        ("p2", "2017-12-25", ""),
    ]
    path = tmp_path / "crm.tsv"
    path.write_text("person_id\tstarts\tends\n" + "".join("\t".join(row) + "\n" for row in rows))
    on_list = lambda moment: suppressed_persons([path], known, as_of=moment)  # noqa: E731
    assert on_list(make.as_of) == {"p1", "p2"}
    assert on_list(make.as_of - day) == {"p1"}
    path.write_text("user_id,ends\nu1,2017-12-25\nnobody,\n")
    assert on_list(make.as_of - day) == {"p1"}
    assert on_list(make.as_of) == set()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name\nann\n", "has the columns name"),
        ("person_id,ends\np1,soon\n", "has 'ends: soon'"),
        ("person_id,ends\np1\n", r"cannot be read in line 2 \(wrong_column_count\)"),
        ("", "is empty"),
    ],
)
def test_a_broken_suppression_list_stops_everything(known, make, tmp_path, content, message):
    path = tmp_path / "crm.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        suppressed_persons([path], known, as_of=make.as_of)
    with pytest.raises(InputError):
        suppressed_persons([tmp_path / "none.csv"], known, as_of=make.as_of)


def test_contacts_from_csv_and_parquet(known, tmp_path):
    (tmp_path / "c.csv").write_text("user_id,email,shoe_size\nu1, a@x.com ,42\nzz,b@x.com,40\n")
    found = read_contacts(ContactsConfig(file="c.csv"), known, folder=tmp_path)
    assert found.unknown == 1
    assert [row["email"] for row in found.of("p1")] == ["a@x.com"]
    assert found.of("p2") == []
    pq.write_table(pa.table({"person_id": ["p2", "p2"], "phone": [1, None]}), tmp_path / "c.parquet")  # fmt: skip
    found = read_contacts(ContactsConfig(file="c.parquet"), known, folder=tmp_path)
    assert [row["phone"] for row in found.of("p2")] == ["1", ""]
    pq.write_table(pa.table({"person_id": [["p2"]]}), tmp_path / "c.parquet")
    with pytest.raises(InputError, match="has columns that are no text"):
        read_contacts(ContactsConfig(file="c.parquet"), known, folder=tmp_path)
