"""Batch output of Personalize: golden lines, order of users, errors for unknown items."""

from __future__ import annotations

import pytest

from features import columns as c
from serving.exports.base import require_valid
from serving.exports.personalize import PersonalizeConfig, file_format, prepare

USERS = PersonalizeConfig(kind="personalize", results=2)
ITEMS = PersonalizeConfig(kind="personalize", direction="items_for_users")
ASKED = PersonalizeConfig(kind="personalize", items=("i2", "zz", "i9"))
GOLDEN = {
    "users": b'{"input":{"itemId":"i1"},"output":{"recommendedUsers":["p3","p1"]}}\n'
    b'{"input":{"itemId":"i2"},"output":{"recommendedUsers":["p1"]}}\n',
    "items": b'{"input":{"userId":"p1"},"output":{"recommendedItems":["i1","i2"],"scores":[4.0,8.0]},"error":null}\n'
    b'{"input":{"userId":"p2"},"output":{"recommendedItems":["i1"],"scores":[0.0]},"error":null}\n'
    b'{"input":{"userId":"p3"},"output":{"recommendedItems":["i1"],"scores":[0.1]},"error":null}\n',
    "asked": b'{"input":{"itemId":"i2"},"output":{"recommendedUsers":["p1"]}}\n'
    b'{"input":{"itemId":"i9"},"output":{"recommendedUsers":[]}}\n'
    b'{"input":{"itemId":"zz"},"output":null,"error":"item not in catalog"}\n',
}


@pytest.fixture
def facts(make):
    decisions = [
        make.decision("p1", 1, "i1", score=4.0), make.decision("p1", 2, "i2", score=8.0),  # i1 is half as good as i2
        make.decision("p2", 1, "i1", score=None), make.decision("p3", 1, "i1", score=0.1),
    ]  # fmt: skip
    return make.facts(decisions, catalog=[make.item("i1"), make.item("i2"), make.item("i9")])


@pytest.mark.parametrize(
    ("config", "name"), [(USERS, "users"), (ITEMS, "items"), (ASKED, "asked")], ids=lambda x: str(x)[:12]
)  # fmt: skip
def test_golden_files(facts, tmp_path, config, name):
    (found,) = prepare(name, config, facts)
    path = tmp_path / f"{name}.jsonl"
    file_format(config, facts).write(path, found.rows)
    assert path.read_bytes() == GOLDEN[name]
    require_valid(path, file_format(config, facts), found.rows)


def test_unsafe_ids_are_left_out(make):
    facts = make.facts([make.decision("p1"), make.decision("=p2"), make.decision("x" * 257)])
    (found,) = prepare("users", USERS, facts)
    assert found.rows == (("i1", "", "p1"),)
    assert found.drops == {"id_too_long": 1, "unsafe_id": 1}


def test_a_hostile_id_that_json_holds_unchanged_is_no_tag(make, tmp_path):
    facts = make.facts([make.decision("<script>&p")])
    (found,) = prepare("users", USERS, facts)
    path = tmp_path / "users.jsonl"
    file_format(USERS, facts).write(path, found.rows)
    assert b"<" not in path.read_bytes()
    assert file_format(USERS, facts).read(path) == [("i1", "", "<script>&p")]


@pytest.mark.parametrize(
    ("name", "before", "after", "fault"),
    [
        ("users", b'"p3","p1"', b'"p1","p1"', "line 1: an id is listed twice"),
        ("users", b'"itemId":"i2"', b'"itemId":"i1"', "an id is asked for twice"),
        ("users", b"recommendedUsers", b"users", "is no batch output (KeyError"),
        ("users", b'"p3"', b'"=p3"', "line 1: unsafe_id"),
        ("items", b"[4.0,8.0]", b"[4.0]", "is no batch output (ValueError"),
        ("users", b"}}\n", b"}\n", "is no batch output (JSONDecodeError"),
    ],
)
def test_planted_faults_are_found(facts, tmp_path, name, before, after, fault):
    config = {"users": USERS, "items": ITEMS}[name]
    path = tmp_path / "x.jsonl"
    assert before in GOLDEN[name]
    path.write_bytes(GOLDEN[name].replace(before, after))
    (found, *_) = file_format(config, facts).faults(path)
    assert found.startswith(fault)


def test_scores_are_those_of_the_model(make):
    facts = make.facts([make.decision("p1", score=None)])
    (found,) = prepare("items", ITEMS, facts)
    assert found.rows == (("p1", "", "i1", "0.0"),)
    assert facts.eligible.lists[c.SCORE].to_pylist() == [None]
