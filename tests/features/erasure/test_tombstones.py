"""Erased persons do not come back with the same raw data; nothing but hashes is kept of them."""

from __future__ import annotations

import hashlib
import hmac

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.erasure.tombstones import (
    Tombstones,
    drop_erased,
    erasure_inputs,
    open_tombstones,
    read_tombstones,
    write_tombstones,
)
from features.errors import ConfigError, WorkspaceError
from features.store import Workspace

IDS = {"person_id": {"p1"}, "user_id": {"u1"}, "anonymous_id": {"a1"}}


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def erased(workspace):
    write_tombstones(workspace, open_tombstones(workspace, salt="a long salt").with_ids(IDS))
    return workspace


def test_rows_of_erased_persons_are_dropped_by_any_of_their_ids(erased):
    table = pa.table(
        {
            "person_id": ["p1", "p2", "p2", "p2", "u1", None],
            "user_id": [None, "u1", "u2", None, "p1", None],
            "anonymous_id": [None, None, None, "a1", "a2", None],
            "row": [0, 1, 2, 3, 4, 5],
        }
    )
    assert drop_erased(table, erased)["row"].to_pylist() == [2, 4, 5]


def test_identities_and_merges_of_the_erased_are_dropped_too(erased):
    identities = pa.table({"identity": ["user:u1", "user:a1", "anonymous:a1", "anonymous:u1"]})
    assert drop_erased(identities, erased)["identity"].to_pylist() == ["user:a1", "anonymous:u1"]
    merges = pa.table({"person_id": ["p3", "p4"], "merged_into": ["p1", "p2"]})
    assert drop_erased(merges, erased)["person_id"].to_pylist() == ["p4"]


def test_a_table_without_persons_stays_as_it_is(erased):
    table = pa.table({"item_id": ["p1"]})
    assert drop_erased(table, erased) is table


def test_numbers_and_empty_tables(erased):
    write_tombstones(erased, read_tombstones(erased).with_ids({"person_id": {"7"}}))
    assert drop_erased(pa.table({"person_id": [7, 8]}), erased)["person_id"].to_pylist() == [8]
    assert drop_erased(pa.table({"person_id": pa.array([], pa.string())}), erased).num_rows == 0


def test_before_any_erasure_nothing_changes(workspace):
    table = pa.table({"person_id": ["p1"]})
    assert drop_erased(table, workspace) is table
    assert erasure_inputs(workspace) == {}


def test_every_erasure_is_another_input(erased):
    first = erasure_inputs(erased)
    write_tombstones(erased, read_tombstones(erased).with_ids(IDS))
    assert erasure_inputs(erased) == first
    write_tombstones(erased, read_tombstones(erased).with_ids({"user_id": {"u9"}}))
    assert erasure_inputs(erased) != first


def test_only_hashes_are_kept(erased):
    kept = (erased.root / "erased.json").read_text()
    assert not any(f'"{value}"' in kept for values in IDS.values() for value in values)
    expected = hmac.new(b"a long salt", b"person_id|p1", hashlib.sha256).hexdigest()
    assert expected in kept


def test_another_salt_is_refused(erased):
    with pytest.raises(ConfigError, match="'salt': is another than that of earlier erasures"):
        open_tombstones(erased, salt="another salt")


@pytest.mark.parametrize("content", ["", "[]", '{"salt": "x"}', '{"salt": 1, "hashes": 3}'])
def test_damaged_tombstones_stop_the_run(erased, content):
    (erased.root / "erased.json").write_text(content)
    with pytest.raises(WorkspaceError, match="keeps erased persons from coming back"):
        drop_erased(pa.table({"person_id": ["p1"]}), erased)


@given(st.sets(st.text(min_size=1, max_size=4)), st.lists(st.text(max_size=4)))
def test_exactly_the_erased_are_covered(gone, seen):
    stones = Tombstones("a long salt", frozenset()).with_ids({"user_id": gone})
    assert [stones.covers("user_id", value) for value in seen] == [value in gone for value in seen]
    assert not any(stones.covers("person_id", value) for value in seen)
