"""The holdout is fixed by salt and person, has the share it says, and records its probability."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from features.assignment import HOLDOUT, POLICY_HOLDOUT, TARGETABLE
from serving import holdout
from serving.config import HoldoutConfig

IDS = np.array([f"p{number}" for number in range(5000)], dtype=object)
CONFIG = HoldoutConfig(share=0.1, salt="s", policy_share=0.25)


def assign_arms(ids, config, moment="monday"):
    return holdout.assign_arms(ids, config, moment=moment)


def test_share_and_probability():
    arms = assign_arms(IDS, CONFIG)
    assert stats.binomtest(int(arms.held_out.sum()), len(IDS), 0.1).pvalue > 0.001
    assert set(arms.probability[arms.held_out]) == {0.1}
    chance = {HOLDOUT: 0.1, POLICY_HOLDOUT: 0.9 * 0.25, TARGETABLE: 0.9 * 0.75}
    assert sum(chance.values()) == pytest.approx(1)
    for arm, expected in chance.items():
        drawn = arms.arm == arm
        assert set(arms.probability[drawn]) == {expected}
        assert stats.binomtest(int(drawn.sum()), len(IDS), expected).pvalue > 0.001
    assert arms.chance_free == chance[TARGETABLE]
    assert (arms.free == (arms.arm == TARGETABLE)).all()


def test_the_policy_holdout_is_drawn_anew_for_each_moment_and_the_universal_one_is_not():
    monday, tuesday = assign_arms(IDS, CONFIG), assign_arms(IDS, CONFIG, "tuesday")
    np.testing.assert_array_equal(monday.held_out, tuesday.held_out)
    both = (monday.arm == POLICY_HOLDOUT) & (tuesday.arm == POLICY_HOLDOUT)
    others = int((~monday.held_out).sum())
    assert stats.binomtest(int(both.sum()), others, 0.25 * 0.25).pvalue > 0.001


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
