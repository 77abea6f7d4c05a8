"""A season spends its budget, records true probabilities, and is the same again."""

from __future__ import annotations

import numpy as np
import pytest

from features.simulate.store.world import World
from serving.proof.policies import NOBODY, ORACLE
from serving.proof.season import _ordered, _week_of_luck, run_season


@pytest.fixture(scope="module")
def seasons(stage, pilot):
    return {
        policy: run_season(stage, policy, pilot) for policy in (NOBODY, "random", "rfm", ORACLE)
    }


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


def test_the_same_again(seasons, stage, pilot):
    again = run_season(stage, "rfm", pilot)
    np.testing.assert_array_equal(again.profit, seasons["rfm"].profit)
    np.testing.assert_array_equal(again.decided.margin, seasons["rfm"].decided.margin)


def test_the_lot_has_nothing_to_do_with_what_people_are_like(stage):
    people = np.random.default_rng([stage.seed, 1, 0]).random(stage.knowledge.n_persons)
    for number in range(4):
        for stream in range(3):
            _, lot = _week_of_luck(stage, number, stream)
            assert not np.array_equal(lot, people)


def test_what_was_ordered_is_the_item_shown_or_another(stage):
    buyer, bought = stage.orders[0]
    alone = np.flatnonzero(np.bincount(buyer, minlength=stage.knowledge.n_persons) == 1)[:1]
    item = bought[buyer == alone]
    world = World(stage.knowledge)
    for shown, sold, others in ((item, True, False), (item + 1, False, True)):
        found = _ordered(stage, world, 0, alone, shown)
        assert [part.tolist() for part in found] == [[sold], [others]]
    world.lost[0, alone] = True
    found = _ordered(stage, world, 0, alone, item)
    assert [part.tolist() for part in found] == [[False], [False]]


def test_a_branch_leaves_the_past_alone(stage, pilot):
    before = len(pilot.world.weeks), pilot.world.contacts(2).copy()
    run_season(stage, "random", pilot)
    assert len(pilot.world.weeks) == before[0]
    np.testing.assert_array_equal(pilot.world.contacts(2), before[1])
