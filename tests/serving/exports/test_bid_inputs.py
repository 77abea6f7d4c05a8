"""Bid inputs: a golden file, the modifiers that were decided, planted faults."""

from __future__ import annotations

import pytest

from serving.exports.base import Unavailable, require_valid
from serving.exports.bid_inputs import BidInputsConfig, file_format, prepare

CONFIG = BidInputsConfig(kind="bid_inputs")
GOLDEN = b"""\
schema_version,person_id,stage,message,value_score,bid_modifier,currency
1,p1,browse,Hello,1.000000,0.5000,USD
1,p2,cart,Hello,2.000000,1.2000,USD
1,p3,checkout,Hello,3.000000,1.5000,USD
"""


@pytest.fixture
def facts(make):
    decisions = [
        make.decision("p1", expected_value=1.0, bid_modifier=0.5),
        make.decision("p2", expected_value=2.0, bid_modifier=1.2, stage="cart"),
        make.decision("p3", expected_value=3.0, bid_modifier=1.5, stage="checkout"),
    ]
    return make.facts(decisions)


def test_golden_file(facts, tmp_path):
    (found,) = prepare("bids", CONFIG, facts)
    path = tmp_path / "bids.csv"
    file_format(CONFIG, facts).write(path, found.rows)
    assert path.read_bytes() == GOLDEN
    require_valid(path, file_format(CONFIG, facts), found.rows)


def test_a_value_below_zero_stays_and_none_is_left_out(make):
    decisions = [
        make.decision("p1", expected_value=-1.0, bid_modifier=0.5),
        make.decision("p2", expected_value=None),
    ]
    (found,) = prepare("bids", CONFIG, make.facts(decisions))
    assert found.rows[0][4:6] == ("-1.000000", "0.5000")
    assert found.drops == {"no_expected_value": 1}
    nobody = make.facts([make.decision("p2", expected_value=None)])
    assert isinstance(prepare("bids", CONFIG, nobody), Unavailable)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (b"1.5000", b"0.0000", "row 4: modifier_out_of_bounds"),
        (b"1.5000", b"much", "row 4: modifier_out_of_bounds"),
        (b"3.000000", b"inf", "row 4: value_invalid"),
        (b"\n1,p3", b"\n1,p2", "row 4: 'person_id' occur twice"),
        (b"\n1,p3", b"\n9,p3", "row 4: schema_version"),
    ],
)
def test_planted_faults_are_found(facts, tmp_path, before, after, fault):
    path = tmp_path / "bids.csv"
    assert before in GOLDEN
    path.write_bytes(GOLDEN.replace(before, after))
    (found, *_) = file_format(CONFIG, facts).faults(path)
    assert found.startswith(fault)
