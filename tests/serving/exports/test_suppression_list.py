"""Suppression lists: who is on them, in each format, and no empty list while somebody is to be left out."""

from __future__ import annotations

import pytest

from features.errors import GateError
from serving.exports.base import Unavailable, require_valid
from serving.exports.suppression_list import SuppressionListConfig, file_format, prepare

EXCLUDED = {"p1": "holdout", "p2": "recent_purchaser", "p3": "no_history", "p4": "suppressed"}


def config_of(format_, **more):
    return SuppressionListConfig(kind="suppression_list", format=format_, **more)


@pytest.fixture
def facts(make):
    contacts = {"p2": [make.contact(email="user.name+NYC@Example.com")]}
    return make.facts([make.decision("p9")], excluded=EXCLUDED, contacts=contacts)


def test_own_ids(facts, tmp_path):
    config = config_of("own_ids")
    (found,) = prepare("out", config, facts)
    path = tmp_path / "out.csv"
    file_format(config, facts).write(path, found.rows)
    require_valid(path, file_format(config, facts), found.rows)
    assert path.read_bytes() == (
        b"schema_version,person_id,reason\n1,p1,holdout\n1,p2,recent_purchaser\n1,p4,suppressed\n"
    )


def test_platform_formats(facts):
    (google,) = prepare("out", config_of("google_customer_match"), facts)
    assert google.rows == (("f109a2a632fbcea5fc82049f50beed3d8621bf9034399f437fb622222acccdac", *[""] * 5),)  # fmt: skip
    assert google.drops == {"nothing_to_match": 2}
    (meta,) = prepare("out", config_of("meta_audience"), facts)
    assert [row[0] for row in meta.rows] == ["p1", "p2", "p4"]


def test_reasons_choose(facts):
    (found,) = prepare("out", config_of("own_ids", reasons=("no_history",)), facts)
    assert found.rows == (("1", "p3", "no_history"),)


def test_no_empty_list_while_somebody_is_to_be_left_out(make, facts):
    config = config_of("google_customer_match", reasons=("holdout",))
    with pytest.raises(GateError, match="would be empty while 1 persons are to be left out"):
        prepare("out", config, facts)
    nobody = make.facts([make.decision("p9")], contacts={})
    (found,) = prepare("out", config, nobody)
    assert found.rows == ()


def test_google_without_contacts_says_why(make):
    facts = make.facts([make.decision("p9")], excluded=EXCLUDED)
    outcome = prepare("out", config_of("google_customer_match"), facts)
    assert isinstance(outcome, Unavailable)
    assert "no contacts file" in outcome.why
