"""The holdout is fixed by salt and person, has the share it says, and records its probability."""

from __future__ import annotations

import numpy as np
from scipy import stats

from serving.config import HoldoutConfig
from serving.holdout import assign_arms

IDS = np.array([f"p{number}" for number in range(5000)], dtype=object)
CONFIG = HoldoutConfig(share=0.1, salt="s")


def test_share_and_probability():
    arms = assign_arms(IDS, CONFIG)
    assert stats.binomtest(int(arms.held_out.sum()), len(IDS), 0.1).pvalue > 0.001
    assert set(arms.probability[arms.held_out]) == {0.1}
    assert set(arms.probability[~arms.held_out]) == {0.9}


def test_a_person_keeps_the_arm_whoever_else_is_there():
    arms, fewer = assign_arms(IDS, CONFIG), assign_arms(IDS[100:50:-1], CONFIG)
    np.testing.assert_array_equal(arms.arm[100:50:-1], fewer.arm)


def test_another_salt_holds_out_others():
    other = assign_arms(IDS, HoldoutConfig(share=0.1, salt="t"))
    both = int((assign_arms(IDS, CONFIG).held_out & other.held_out).sum())
    assert stats.binomtest(both, len(IDS), 0.1 * 0.1).pvalue > 0.001


def test_a_larger_share_keeps_everybody_held_out():
    larger = assign_arms(IDS, HoldoutConfig(share=0.3, salt="s"))
    assert (assign_arms(IDS, CONFIG).held_out <= larger.held_out).all()
