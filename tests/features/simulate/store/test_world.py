"""The world draws what the policy's exact value expects, tells it as events, and gives everybody the same luck."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from features.errors import InputError
from features.histories.histories import MICROSECONDS_PER_DAY
from features.outcomes import observed_outcomes
from features.simulate.store import truth
from features.simulate.store.config import PeopleConfig, ShelfConfig, StoreConfig
from features.simulate.store.happenings import added, histories_before, kept, weeks_of_orders
from features.simulate.store.knowledge import know
from features.simulate.store.memory import simulate_actions
from features.simulate.store.people import block_of_people
from features.simulate.store.policy import Plan, best_contacts, effects, policy_value
from features.simulate.store.world import Decisions, World
from features.simulate.store.world_config import TruthConfig, WorldConfig
from features.tables import EVENT_NAMES

STORE = StoreConfig(
    kind="store",
    seed=5,
    persons=4_000,
    first=datetime(2026, 1, 5, tzinfo=UTC),
    days=63,
    shelf=ShelfConfig(items=120, categories=6),
    people=PeopleConfig(visits_per_day=0.3, cart=0.05),
)
CONFIG = WorldConfig(
    first_day=28, weeks=4, truth=TruthConfig(gain=0.2, harmed_loss=0.6, early_loss=0.6)
)


@pytest.fixture(scope="module")
def known():
    return know(STORE, CONFIG)


@pytest.fixture(scope="module")
def people():
    return block_of_people(
        STORE.people, block=0, persons=4_000, categories=6, days=STORE.days, seed=STORE.seed
    )


def everybody(known, moment, treated=True):
    best = best_contacts(known, moment)
    return Decisions.of(best.person, best.items, best.arm, treated)


@pytest.fixture(scope="module")
def contacted(known):
    """Everybody but each third person, every week."""
    world = World(known)
    for moment in range(4):
        world.deliver(moment, everybody(known, moment, np.arange(4_000) % 3 > 0))
    return world


def within(found, expected, variance):
    return abs(found - expected) <= 4 * np.sqrt(variance)


def test_what_is_drawn_is_what_is_expected(known):
    world = World(known)
    week = world.deliver(0, everybody(known, 0))
    plan = best_contacts(known, 0)
    value = policy_value(known, plan, tolerance=np.ones(4_000))
    found = effects(known, plan, np.ones(4_000))
    assert within(week.cost.sum(), value.cost, 4_000 * week.cost.var())
    chance = found.reach * found.gain
    assert within(len(week.orders.person), chance.sum(), (chance * (1 - chance)).sum())
    lost = found.reach * found.loss
    assert within(week.lost.sum(), lost.sum(), (lost * (1 - lost)).sum())
    margin = (known.shelf.price - known.shelf.cost)[week.orders.item].sum()
    margin -= (week.lost * known.organic.margin[0]).sum()
    size = (known.shelf.price - known.shelf.cost)[found.item]
    variance = (chance * size**2).sum() + (lost * known.organic.margin[0] ** 2).sum()
    assert within(margin, value.margin, variance)


def test_the_held_out_cost_nothing_and_keep_their_ghosts(contacted):
    week = contacted.weeks[0]
    held = ~week.decisions.treated
    assert week.impressions[held].sum() > 0
    assert week.cost[held].sum() == 0
    assert week.clicks[held].sum() == 0
    assert not week.reached[held].any()
    assert not np.isin(week.orders.person, np.flatnonzero(held)).any()


def test_ghosts_are_what_would_have_been_shown(known, contacted):
    all_treated = World(known).deliver(0, everybody(known, 0))
    np.testing.assert_array_equal(all_treated.impressions, contacted.weeks[0].impressions)


def test_the_same_person_has_the_same_luck_in_any_company(known):
    few = World(known).deliver(0, Decisions.of([7, 3_000], known.minds.tastes[0, [7, 3_000], :1]))
    many = World(known).deliver(0, Decisions.of(np.arange(4_000), known.minds.tastes[0, :, :1]))
    np.testing.assert_array_equal(few.impressions, many.impressions[[7, 3_000]])
    np.testing.assert_array_equal(few.lost, many.lost[[7, 3_000]])


def test_contacts_tire_for_28_days(contacted):
    assert contacted.contacts(0).max() == 0
    reached = [week.reached.astype(int) for week in contacted.weeks]
    np.testing.assert_array_equal(contacted.contacts(3), sum(reached[:3]))
    np.testing.assert_allclose(contacted.tolerance(1), np.where(reached[0], 0.9, 1.0))


def test_outcomes_are_those_without_contact_less_lost_plus_won(known, contacted):
    found = contacted.outcomes(2)
    untouched = ~np.isin(
        np.arange(4_000), np.concatenate([week.orders.person for week in contacted.weeks])
    )
    untouched &= ~contacted.lost[2]
    for value, own in zip(found, known.organic, strict=True):
        np.testing.assert_allclose(value[untouched], own[2, untouched])
    assert (found.orders[contacted.lost[2]] <= 2).all()
    assert found.orders.sum() - known.organic.orders[2].sum() != 0


def test_events_tell_the_same_as_outcomes(contacted, people):
    actions = simulate_actions(STORE, contacted.knowledge.shelf)
    week = weeks_of_orders(actions, contacted.knowledge.days)
    histories = histories_before(contacted, people, actions, week, day=STORE.days)
    for moment, day in enumerate(contacted.knowledge.days):
        begin = int(STORE.first.timestamp() * 1e6) + day * MICROSECONDS_PER_DAY
        seen = observed_outcomes(histories, np.arange(4_000), np.full(4_000, begin), horizon_days=7)
        told = contacted.outcomes(moment)
        np.testing.assert_allclose(seen.revenue, told.revenue, atol=1e-6)
        np.testing.assert_array_equal(seen.visits, told.orders)


def test_the_past_does_not_change(known, people):
    actions = simulate_actions(STORE, known.shelf)
    week = weeks_of_orders(actions, known.days)
    quiet, loud = World(known), World(known)
    loud.deliver(0, everybody(known, 0))
    day = int(known.days[0])
    before = [histories_before(world, people, actions, week, day=day) for world in (quiet, loud)]
    np.testing.assert_array_equal(before[0].time, before[1].time)
    after = [histories_before(world, people, actions, week, day=day + 7) for world in (quiet, loud)]
    assert len(after[0].time) != len(after[1].time)


def test_a_lost_order_is_gone_with_its_refund(contacted):
    actions = simulate_actions(STORE, contacted.knowledge.shelf)
    week = weeks_of_orders(actions, contacted.knowledge.days)
    gone = ~kept(actions, week, contacted)
    assert gone.sum() > 50
    names = {EVENT_NAMES[name] for name in np.unique(actions.name[gone])}
    assert names == {"purchase", "refund"}
    assert contacted.lost[week[gone], actions.person[gone]].all()


def test_an_order_won_is_a_visit_with_an_order(contacted, people):
    brought = added(contacted.weeks, people)
    orders = brought.name == EVENT_NAMES.index("purchase")
    assert orders.sum() == sum(len(week.orders.person) for week in contacted.weeks)
    pages = brought.name == EVENT_NAMES.index("page_view")
    assert pages.sum() == orders.sum() + sum(len(week.visits.person) for week in contacted.weeks)
    assert not (brought.logged_in & ~people.known[brought.person]).any()


def test_orders_won_come_mostly_on_the_first_day(contacted):
    wait = np.concatenate(
        [week.orders.time // MICROSECONDS_PER_DAY - contacted.knowledge.days[week.moment]
         for week in contacted.weeks]
    )  # fmt: skip
    share = truth.won_within(1, CONFIG.truth)
    assert within((wait == 0).mean(), share, share * (1 - share) / len(wait))


def test_decisions_are_taken_in_order_and_once_per_person(known):
    world = World(known)
    with pytest.raises(InputError, match=r"0 of 4 decisions are taken.*Take decision 0\."):
        world.deliver(1, Decisions.of([0], [0]))
    with pytest.raises(InputError, match="1 persons are decided about twice"):
        world.deliver(0, Decisions.of([0, 0], [0, 0]))


def test_a_plan_of_several_weeks_is_worth_the_mean_of_its_draws(known):
    """Fatigue over chance and auction included: what seeds draw scatters around the exact value."""
    plans = [best_contacts(known, moment) for moment in range(4)]
    plan = Plan(*(np.concatenate(columns) for columns in zip(*plans, strict=True)))
    exact = policy_value(known, plan)
    world = World(known)
    for moment in range(4):
        world.deliver(moment, everybody(known, moment))
    won = sum(len(week.orders.person) for week in world.weeks)
    lost = sum((world.lost[m] * known.organic.orders[m]).sum() for m in range(4))
    gained = effects(known, plan, np.ones(len(plan.person)))
    variance = (gained.reach * gained.gain).sum() + (
        gained.reach * gained.loss * known.organic.orders[plan.moment, plan.person] ** 2
    ).sum()
    assert within(won - lost, exact.orders, variance)
