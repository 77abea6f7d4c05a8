"""Meta audiences: a golden payload, own ids unhashed, everything else hashed, requests no longer than allowed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.exports.base import require_valid
from serving.exports.meta_audience import (
    SCHEMA,
    MetaAudienceConfig,
    MetaAudienceFormat,
    payloads,
    prepare,
)

CONFIG = MetaAudienceConfig(kind="meta_audience")
HEAD = b'{"schema":["EXTERN_ID","EMAIL","PHONE","FN","LN","CT","ST","ZIP","COUNTRY"],"data":['
GOLDEN = (
    HEAD
    + b'["u1","8dd4a9bf850242873c14976125edabc35096192b784626a5641a7d2de56e3c1e",'
    + b'"92cfdc5fbcd4a20fbe5d3857af6c1aba31762105bba7f21a17155e920653046c","","","","","",'
    + b'"79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"],'
    + b'["u2","","","","","","","",""]]}\n'
)


@pytest.fixture
def prepared(make):
    contacts = {
        "p1": [make.contact(email="cloudy.sanfrancisco+shopping@gmail.com", phone="+1 (800) 555-0100", country="US")]
    }  # fmt: skip
    users = {"u1": "p1", "u2": "p1", "=bad": "p1", "me@example.com": "p2"}
    decisions = [make.decision("p1"), make.decision("p2")]
    (found,) = prepare("meta", CONFIG, make.facts(decisions, contacts=contacts, users=users))
    return found


def test_golden_file(prepared, tmp_path):
    path = tmp_path / "meta.jsonl"
    payloads().write(path, prepared.rows)
    assert path.read_bytes() == GOLDEN
    require_valid(path, payloads(), prepared.rows)


def test_unfit_ids_are_left_out_and_counted(prepared):
    assert prepared.drops == {"id_is_a_contact": 1, "nothing_to_match": 1, "unsafe_id": 1}
    assert prepared.persons == 1


def test_a_project_without_contacts_exports_its_own_ids(make):
    (found,) = prepare("meta", CONFIG, make.facts([make.decision("17"), make.decision("4")]))
    assert [row[0] for row in found.rows] == ["17", "4"]
    assert all(not any(row[1:]) for row in found.rows)


def test_requests_have_no_more_rows_than_meta_takes(tmp_path):
    rows = [(f"u{number}", *("",) * 8) for number in range(5)]
    path = tmp_path / "meta.jsonl"
    MetaAudienceFormat(2).write(path, rows)
    assert [len(json.loads(line)["data"]) for line in path.read_text().splitlines()] == [2, 2, 1]
    assert MetaAudienceFormat(2).read(path) == rows
    assert next(iter(MetaAudienceFormat(1).faults(path))) == "request 1: more than 1 rows"
    assert payloads().rows_per_request == 10_000


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (b'"EXTERN_ID","EMAIL"', b'"EMAIL","EXTERN_ID"', "a schema is not EXTERN_ID, EMAIL"),
        (b'"data"', b'"rows"', "a payload has not exactly 'schema' and 'data'"),
        (b"8dd4a9bf", b"8DD4A9BF", "request 1: not_hashed"),
        (b'"u2","",', b'"u2",', "request 1: wrong_columns"),
        (b'"u2"', b'""', "request 1: nothing_to_match"),
        (b'"u2"', b'"me@example.com"', "request 1: id_is_a_contact"),
        (b'"u2"', b'"a\\u202eb"', "request 1: unsafe_id"),
        (b'"u2"', b'"\xc3\xbc"', "is no JSON in ASCII"),
        (b"]]}", b"]]", "is no JSON in ASCII"),
    ],
)
def test_planted_faults_are_found(tmp_path, before, after, fault):
    path = tmp_path / "meta.jsonl"
    assert before in GOLDEN
    path.write_bytes(GOLDEN.replace(before, after))
    (found, *_) = payloads().faults(path)
    assert found.startswith(fault)


def test_every_key_but_the_own_id_is_hashed(make):
    contacts = {"p1": [make.contact(first_name="Zoë", last_name="O'Neil", city="San José", state="CA", zip="95-112", country="US")]}  # fmt: skip
    (found,) = prepare("meta", CONFIG, make.facts([make.decision("p1")], contacts=contacts))
    ((own, *hashes),) = found.rows
    assert own == "p1"
    named = {key: text for key, text in zip(SCHEMA[1:], hashes, strict=True) if text}
    assert set(named) == {"FN", "LN", "CT", "ST", "ZIP", "COUNTRY"}
    assert all(len(text) == 64 for text in named.values())


@settings(max_examples=60)
@given(ids=st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=5, unique=True))
def test_hostile_ids_are_left_out_or_come_back_unchanged(make, tmp_path_factory, ids):
    facts = make.facts([make.decision("p1")], users=dict.fromkeys(ids, "p1"))
    (found,) = prepare("meta", CONFIG, facts)
    path = tmp_path_factory.mktemp("meta") / "meta.jsonl"
    payloads().write(path, found.rows)
    require_valid(path, payloads(), found.rows)
    kept = {row[0] for line in path.read_text().splitlines() for row in json.loads(line)["data"]}
    assert kept <= set(ids)
    assert len(kept) + sum(found.drops.values()) - found.drops.get("nothing_to_match", 0) == len(
        ids
    )
    assert path.read_bytes().isascii()
    assert not set(path.read_text()) & set("<>&")
