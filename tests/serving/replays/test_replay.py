"""A small store run by all steps for three weeks: who is contacted, what is recorded, and that a replay goes on where it stopped."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from features import columns as c
from features.assignment import uniform
from features.errors import ConfigError
from features.steps.replay import ids_of, numbers_of
from features.steps.simulate import SIMULATE
from features.tables import ASSIGNMENTS, EXPOSURES, IDENTITIES, OUTCOMES
from serving.plans import plan_simulate

CONFIGS = Path(__file__).parents[3] / "configs" / "simulated_store"

REPLAY = """
kind: replay
workspace: replays
experiment_id: small
exploration: 0.5
warm_up_weeks: 2
retrain_weeks: 4
world: {first_day: 28, weeks: 3}
overrides:
  - store.persons=400
  - store.days=56
  - "store.shelf={items: 150, categories: 6}"
  - "store.people={visits_per_day: 0.3, consent: 1.0, cart: 0.05}"
  - "store.dirt={bots: 1}"
  - uplift.split.test_weeks=1
  - recommender.trials=1
  - recommender.test_weeks=1
  - recommender.validation_weeks=1
  - "recommender.candidates=[{kind: recent_popular, popular_window_days: 28}]"
  - campaign.exploration.share=0
  - campaign.holdout.policy_share=0
"""


def plan(folder):
    return plan_simulate(folder / "replay.yaml", [])


def replay_of(planned):
    return planned.jobs[0].carry_out.func.__self__


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("replay")
    for path in CONFIGS.glob("*.yaml"):
        shutil.copy(path, folder / path.name)
    (folder / "replay.yaml").write_text(REPLAY)
    return folder


@pytest.fixture(scope="module")
def finished(folder):
    planned = plan(folder)
    return replay_of(planned), [job.carry_out() for job in planned.jobs]


def test_every_week_delivers_and_the_last_run_measures(finished):
    replay, runs = finished
    weeks = runs[-1].json("replay.json")["weeks"]
    assert [week["week"] for week in weeks] == [0, 1, 2]
    for week, delivered in zip(weeks, replay.stream.world.weeks, strict=True):
        assert week["contacts"] == delivered.decisions.treated.sum() > 0
        assert week["cost"] == pytest.approx(delivered.cost.sum())
    measured = runs[-1].json("replay.json")["holdout"]
    assert measured["low"] < measured["lift"] < measured["high"]
    judged = sum(choice.targetable.sum() for choice in replay._choices)
    true = sum(week["true_margin"] for week in weeks)
    assert measured["true_lift"] == pytest.approx(true / judged)


def test_nobody_of_the_holdout_is_contacted(finished):
    replay, _ = finished
    ids = ids_of(replay.workspace.current("ingest"), 400)
    config = replay._campaign.holdout
    for week in replay.stream.world.weeks:
        names = ids[week.decisions.person].tolist()
        assert (uniform(names, salt=config.salt) >= config.share).all()


def test_the_steps_read_what_the_store_delivered(finished):
    replay, _ = finished
    run = replay.workspace.current(SIMULATE)
    assigned, shown = run.read(ASSIGNMENTS), run.read(EXPOSURES)
    assert assigned.num_rows == run.read(OUTCOMES).num_rows
    weeks = replay.stream.world.weeks
    assert assigned.num_rows == sum(len(week.cost) for week in weeks)
    by_coin = assigned.filter(pc.equal(assigned[c.EXPERIMENT_ID], "small"))
    assert set(by_coin[c.PROBABILITY].to_pylist()) == {0.5}
    assert set(assigned[c.EXPERIMENT_ID].to_pylist()) <= {"small", "small_policy"}
    assert pc.sum(shown[c.COST]).as_py() == pytest.approx(sum(week.cost.sum() for week in weeks))


def test_coins_try_every_message(finished):
    replay, _ = finished
    for choice in replay._choices:
        assert set(choice.decisions.arm[choice.explored].tolist()) == {0, 1, 2}
        policy = choice.decisions.arm[~choice.explored]
        for stage in (False, True):
            assert len(np.unique(policy[choice.in_cart[~choice.explored] == stage])) <= 1


def test_ids_stand_for_persons_and_programs_for_nobody(finished):
    ingested = finished[0].workspace.current("ingest")
    ids = ids_of(ingested, 400)
    seen = ids != ""
    assert seen.sum() > 300
    numbers = numbers_of(ingested, ingested.read(IDENTITIES)[c.PERSON_ID])
    assert -1 in numbers.tolist()
    np.testing.assert_array_equal(np.unique(numbers[numbers >= 0]), np.flatnonzero(seen))


def test_started_again_it_finds_what_is_finished_and_decides_the_same(folder, finished):
    planned = plan(folder)
    again = [job.carry_out() for job in planned.jobs]
    assert all(run.reused for run in again)
    assert [run.run_id for run in again] == [run.run_id for run in finished[1]]
    first, second = (replay.stream.world.weeks for replay in (finished[0], replay_of(planned)))
    for before, after in zip(first, second, strict=True):
        np.testing.assert_array_equal(before.decisions.items, after.decisions.items)
        np.testing.assert_array_equal(before.orders.time, after.orders.time)


def test_weeks_that_do_not_fit_into_the_store_are_refused(folder):
    with pytest.raises(ConfigError, match="5 weeks from day 28 on end after the store's 56 days"):
        plan_simulate(folder / "replay.yaml", ["world.weeks=5"])
