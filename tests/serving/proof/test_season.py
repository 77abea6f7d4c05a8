"""A season spends its budget, records true probabilities, and is the same again."""

from __future__ import annotations

import numpy as np
import pytest

from serving.proof.policies import NOBODY, ORACLE
from serving.proof.season import run_season


@pytest.fixture(scope="module")
def seasons(stage):
    return {policy: run_season(stage, policy) for policy in (NOBODY, "random", "rfm", ORACLE)}


def test_nobody_is_contacted_after_the_pilot(seasons, proof):
    season = seasons[NOBODY]
    assert season.contacts.sum() == season.profit.sum() == 0
    assert season.decided.moment.max() < proof.design.pilot_weeks


def test_the_pilot_is_the_same_for_all(seasons, proof):
    pilots = [
        s.decided.where(s.decided.moment < proof.design.pilot_weeks) for s in seasons.values()
    ]
    for name, column in vars(pilots[0]).items():
        for other in pilots[1:]:
            np.testing.assert_array_equal(column, getattr(other, name))


def test_contacts_keep_to_the_budget(seasons, stage, proof):
    for policy in ("random", "rfm", ORACLE):
        decided = seasons[policy].decided
        for moment in range(proof.design.pilot_weeks, proof.world.weeks):
            week = decided.where(decided.moment == moment)
            most = proof.design.budget_share * stage.knowledge.n_persons
            assert week.probability.sum() <= most + 1


def test_lots_follow_the_recorded_probabilities(seasons):
    for season in seasons.values():
        decided = season.decided
        for probability in np.unique(decided.probability):
            rows = decided.probability == probability
            error = np.sqrt(probability * (1 - probability) / rows.sum())
            assert abs(decided.treated[rows].mean() - probability) < 4 * error


def test_the_oracle_is_ahead_and_harms_nobody(seasons):
    assert seasons[ORACLE].harmful.sum() == 0
    assert seasons[ORACLE].profit.sum() > max(
        season.profit.sum() for policy, season in seasons.items() if policy != ORACLE
    )


def test_the_same_again(seasons, stage):
    again = run_season(stage, "rfm")
    np.testing.assert_array_equal(again.profit, seasons["rfm"].profit)
    np.testing.assert_array_equal(again.decided.margin, seasons["rfm"].decided.margin)
