"""Bid inputs: a golden file, modifiers by hand, clipping with a warning."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from serving.exports.base import Unavailable, require_valid
from serving.exports.bid_inputs import BidInputsConfig, file_format, prepare

CONFIG = BidInputsConfig(kind="bid_inputs", stages={"cart": 1.2, "browse": 0.8})
GOLDEN = b"""\
schema_version,person_id,stage,message,value_score,bid_modifier,currency
1,p1,browse,Hello,1.000000,0.5000,USD
1,p2,cart,Hello,2.000000,1.2000,USD
1,p3,checkout,Hello,3.000000,1.5000,USD
"""


@pytest.fixture
def facts(make):
    """Mean value 2: p1 is at 0.8 x 1/2 = 0.4, below the bound; p2 at 1.2 x 2/2; p3 at 1 x 3/2."""
    decisions = [
        make.decision("p1", expected_value=1.0),
        make.decision("p2", expected_value=2.0, stage="cart"),
        make.decision("p3", expected_value=3.0, stage="checkout"),
    ]
    return make.facts(decisions)


def test_golden_file_and_clipping(facts, tmp_path):
    (found,) = prepare("bids", CONFIG, facts)
    path = tmp_path / "bids.csv"
    file_format(CONFIG, facts).write(path, found.rows)
    assert path.read_bytes() == GOLDEN
    require_valid(path, file_format(CONFIG, facts), found.rows)
    assert found.warnings == ("1 of 3 bid modifiers were out of bounds and set to 0.5 or 2",)


def test_a_value_below_zero_is_clipped_and_none_is_left_out(make):
    decisions = [make.decision("p1", expected_value=-1.0), make.decision("p2", expected_value=None)]
    (found,) = prepare("bids", CONFIG, make.facts(decisions))
    assert found.rows[0][4:6] == ("-1.000000", "0.8000")  # no mean above zero to compare with
    assert found.drops == {"no_expected_value": 1}
    nobody = make.facts([make.decision("p2", expected_value=None)])
    assert isinstance(prepare("bids", CONFIG, nobody), Unavailable)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (b"1.5000", b"2.5000", "row 4: modifier_out_of_bounds"),
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


def test_bounds_and_factors_make_sense():
    with pytest.raises(ValidationError, match="'lowest' is above 'highest'"):
        BidInputsConfig(kind="bid_inputs", lowest=3.0)
    with pytest.raises(ValidationError, match="the factor of a stage is above 0"):
        BidInputsConfig(kind="bid_inputs", stages={"cart": 0.0})
