"""The rule on values anybody can check."""

from __future__ import annotations

import json

import pytest

from training.promotion.gate import Check, Outcome, decided, unchanged

NAN = float("nan")


def check(low, *, margin=0.01, difference=0.0, metric="ndcg.all"):
    return Check(metric, 0.3 + difference, 0.3, difference, low, margin)


@pytest.mark.parametrize(
    ("low", "passed"), [(0.002, True), (-0.01, True), (-0.010001, False), (NAN, False)]
)
def test_not_worse_is_shown_or_not(low, passed):
    assert check(low).passed is passed


def test_every_check_must_pass():
    good, bad = check(-0.005, difference=0.004), check(-0.02, metric="coverage")
    kept = decided("m", 3, 2, [good, bad])
    assert kept.outcome is Outcome.REFUSED
    assert not kept.in_force
    assert kept.reason == "coverage +0, at worst -0.02, below -0.01; version 2 stays in force"
    taken = decided("m", 3, 2, [good])
    assert taken.in_force
    assert taken.line() == (
        "m version 3 promoted: ndcg.all +0.004, at worst -0.005, not below -0.01; in place of version 2"
    )
    assert json.loads(json.dumps(taken.as_dict()))["checks"][0]["passed"] is True


def test_what_cannot_be_compared_is_not_shown():
    kept = decided("m", 2, 1, [check(NAN, metric="ndcg.novel")])
    assert kept.reason == "ndcg.novel cannot be compared; version 1 stays in force"


def test_equal_settings_differ_by_nothing():
    assert decided("m", 2, 1, unchanged(["ndcg.all", "coverage"])).in_force


def test_no_check_is_no_decision():
    with pytest.raises(ValueError, match="at least one check"):
        decided("m", 2, 1, [])
