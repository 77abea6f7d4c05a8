"""All ids of a listed person are found, and nobody else's."""

from __future__ import annotations

import pyarrow as pa
import pytest

from features.erasure.persons import all_ids, belongs, names_persons

NOBODY = {"person_id": frozenset(), "user_id": frozenset(), "anonymous_id": frozenset()}
ADA = {
    "person_id": {"person-ada", "person-ada-younger"},
    "user_id": {"ada@mail.example"},
    "anonymous_id": {"cookie-ada-1", "cookie-ada-2"},
}


def listed(**ids):
    return {**NOBODY, **{kind: frozenset(values) for kind, values in ids.items()}}


@pytest.mark.parametrize(
    "request_",
    [
        listed(person_id=["person-ada"]),
        listed(user_id=["ada@mail.example"]),
        listed(anonymous_id=["cookie-ada-2"]),
        listed(person_id=["person-ada-younger"]),
    ],
)
def test_one_id_leads_to_all(built, request_):
    ids, seen = all_ids(built.runs(), request_)
    assert {kind: set(values) for kind, values in ids.items()} == ADA
    assert seen == request_


def test_an_id_that_many_share_leads_to_nobody(built):
    request_ = listed(anonymous_id=["shared-terminal"])
    ids, _ = all_ids(built.runs(), request_)
    assert ids == request_


def test_an_id_of_another_kind_is_another_id(built):
    request_ = listed(user_id=["person-ada", "cookie-ada-1"])
    ids, seen = all_ids(built.runs(), request_)
    assert ids == request_
    assert seen == NOBODY


def test_rows_belong_by_any_column_that_names_a_person():
    table = pa.table(
        {
            "person_id": ["a", "b", "b", None],
            "merged_into": ["b", "a", "b", None],
            "identity": ["user:x", "user:x", "anonymous:a", "user:a"],
        }
    )
    assert belongs(table, listed(person_id=["a"])).tolist() == [True, True, False, False]
    assert belongs(table, listed(user_id=["a"])).tolist() == [False, False, False, True]
    assert belongs(table, listed(anonymous_id=["a"])).tolist() == [False, False, True, False]
    assert names_persons(["x", "identity"])
    assert not names_persons(["item_id"])
