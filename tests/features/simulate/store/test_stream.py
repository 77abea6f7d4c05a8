"""Files of a store with advertising tell what happened in it, and what is over does not change."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from features import columns as c
from features.contracts import check
from features.simulate.store.campaign_log import (
    assignments_table,
    exposures_table,
    recorded,
    truth_table,
)
from features.simulate.store.config import DirtConfig, PeopleConfig, ShelfConfig, StoreConfig
from features.simulate.store.policy import best_contacts
from features.simulate.store.stream import EventStream
from features.simulate.store.world import Decisions
from features.simulate.store.world_config import TruthConfig, WorldConfig
from features.tables import ASSIGNMENTS, EXPOSURES, TRUTH

STORE = StoreConfig(
    kind="store",
    seed=5,
    persons=600,
    first=datetime(2026, 1, 5, tzinfo=UTC),
    days=35,
    shelf=ShelfConfig(items=120, categories=6),
    people=PeopleConfig(visits_per_day=0.3, cart=0.05),
    dirt=DirtConfig(duplicates=0.02, late=0.05, malformed=0.01, bots=1),
)
CONFIG = WorldConfig(first_day=14, weeks=2, truth=TruthConfig(gain=0.3, harmed_loss=0.9))


@pytest.fixture(scope="module")
def told():
    """The stream, its days before any decision, and those after contacting all but each third person."""
    stream = EventStream(STORE, CONFIG)
    quiet = [stream.day(day) for day in range(35)]
    for moment in range(2):
        best = best_contacts(stream.world.knowledge, moment)
        treated = best.person % 3 > 0
        stream.world.deliver(
            moment,
            Decisions.of(
                best.person, best.items, best.arm, treated, np.where(treated, 2 / 3, 1 / 3)
            ),
        )
    return stream, quiet, [stream.day(day) for day in range(35)]


@pytest.fixture(scope="module")
def rows(told):
    ids = np.array([f"p{number}" for number in range(600)], dtype=object)
    ids[7] = ""
    weeks = told[0].world.weeks
    return recorded(weeks, [np.full(600, "ads", dtype=object)] * 2, ids)


def test_days_before_a_decision_stay(told):
    _, quiet, loud = told
    assert all(before.equals(after) for before, after in zip(quiet[:14], loud[:14], strict=True))
    assert not quiet[14].equals(loud[14])


def test_an_id_is_one_event(told):
    table = pa.concat_tables(told[2])
    assert len(table.to_pandas().drop_duplicates()) == len(pc.unique(table["id"]))


def test_orders_in_the_files_are_the_organic_less_lost_plus_won(told):
    stream, quiet, loud = told
    world = stream.world
    before, after = (_orders(days) for days in (quiet, loud))
    end = STORE.days * 86_400_000_000
    won = {
        f"o-{person}-{1_000_000 + week.moment}"
        for week in world.weeks
        for person, time in zip(week.orders.person, week.orders.time, strict=True)
        if time + 4 * 45_000_000 < end
    }
    assert after - before == won
    gone = before - after
    assert gone
    assert all(world.lost[:, int(order.split("-")[1])].any() for order in gone)


def _orders(days):
    table = pa.concat_tables(days)
    return set(table.filter(pc.equal(table["event"], "purchase"))["order"].to_pylist())


def test_late_events_come_with_a_later_file_and_nothing_else_does(told):
    begin = int(STORE.first.timestamp()) * 1_000_000
    late = total = 0
    for day, table in enumerate(told[1]):
        own = (table["time"].to_numpy() - begin) // 86_400_000_000
        assert set(np.unique(day - own)) <= {0, 3}
        late += int((own < day).sum())
        total += len(own)
    assert late / total == pytest.approx(0.05, abs=0.01)


def test_assignments_and_exposures_fit_their_contracts(told, rows):
    world = told[0].world
    assigned = check(assignments_table(world, rows), ASSIGNMENTS, source="test").to_pandas()
    assert len(assigned) == 2 * 599
    treated = assigned[c.ARM] == "treated"
    person = assigned[c.PERSON_ID].str[1:].astype(int)
    assert (treated == (person % 3 > 0)).all()
    np.testing.assert_allclose(assigned[c.PROBABILITY], np.where(treated, 2 / 3, 1 / 3))
    shown = check(exposures_table(world, rows), EXPOSURES, source="test").to_pandas()
    number = shown[c.PERSON_ID].str[1:].astype(int)
    assert (shown[c.GHOST] == (number % 3 == 0)).all()
    assert (shown.loc[shown[c.GHOST], c.COST] == 0).all()
    spent = sum(week.cost.sum() - week.cost[7] for week in world.weeks)
    assert shown[c.COST].sum() == pytest.approx(spent)


def test_truth_is_what_each_contact_was_expected_to_change(told, rows):
    world = told[0].world
    table = check(truth_table(world, rows), TRUTH, source="test")
    second = world.weeks[1].expected.margin[rows.row[rows.moment == 1]]
    found = table[c.EFFECT_MARGIN].to_numpy()[rows.moment == 1]
    np.testing.assert_array_equal(found, second)
