"""Estimates hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from serving.proof.decided import Decided
from serving.proof.estimates import DOUBLY_ROBUST, HOLDOUT, coverage, judge

SETS, ROWS, SHARE = 60, 600, 0.8


def draw(rng):
    x = rng.standard_normal(ROWS)
    treated = rng.random(ROWS) < SHARE
    effect = 0.5 + 0.3 * x
    margin = 2 + x + effect * treated + rng.standard_normal(ROWS)
    return Decided(
        person=np.arange(ROWS) // 2,
        moment=np.arange(ROWS) % 2,
        features=x[:, None].astype(np.float32),
        treated=treated,
        probability=np.full(ROWS, SHARE),
        chosen=np.ones(ROWS, np.bool_),
        sold=np.zeros(ROWS),
        others=np.zeros(ROWS),
        worth=np.ones(ROWS),
        margin=margin,
        cost=0.1 * treated,
        effect=effect,
        price=np.full(ROWS, 0.1),
    )


def test_coverage():
    rng = np.random.default_rng(3)
    found = [each for _ in range(SETS) for each in judge(draw(rng), seed=0)]
    for method in (HOLDOUT, DOUBLY_ROBUST):
        for weekly in (False, True):
            covers, of = coverage(iter(found), method, weekly=weekly)
            assert of == SETS * (1 + weekly)
            assert abs(covers / of - 0.95) < 3 * np.sqrt(0.95 * 0.05 / of)
    widths = [each.high - each.low for each in found if each.week < 0]
    assert np.mean(widths[1::2]) < np.mean(widths[::2])  # knowing x helps


def test_the_exact_value_is_effect_less_price():
    decided = draw(np.random.default_rng(4))
    exact = judge(decided, seed=0)[0].exact
    assert exact == pytest.approx(np.mean(decided.effect) - 0.1)


def test_who_chose_nobody_is_not_judged():
    decided = draw(np.random.default_rng(5))
    nobody = Decided(**{**vars(decided), "chosen": np.zeros(ROWS, np.bool_)})
    assert judge(nobody, seed=0) == []
