"""The checks pass honest sets and catch builders, sources, knowledge and logs that look ahead."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.builders.candidates import candidate_features
from features.contacts import Contacts
from features.histories.histories import MICROSECONDS_PER_DAY, microseconds
from features.interactions import InteractionConfig
from features.leakage.check import (
    FORGED_FUTURE,
    UpliftFacts,
    check_interactions,
    check_ranking,
    check_uplift,
)
from features.leakage.config import LeakageConfig
from features.tables import TIMESTAMP
from features.training_sets import interactions, uplift
from features.training_sets.id_maps import IdMap
from features.training_sets.parts import person_parts
from features.training_sets.ranking import RankingConfig, ranking_rows
from features.training_sets.shop import SimilarityConfig, know_shop
from features.training_sets.sources import OwnItems, Proposals

LEAKAGE = LeakageConfig(persons=30, moments=2, screened_persons=30)
CONFIG = RankingConfig(
    cutoffs=2, max_persons=None, similarity=SimilarityConfig(person_share=1, min_persons=2)
)


def check_set(shop, day, attributes, *, config=CONFIG, leakage=LEAKAGE, know=know_shop, **further):
    parts = partial(person_parts, shop, partitions=3)
    matured = microseconds(day(60))
    known = know(parts(), config.moments(day(60)), attributes, config.similarity)
    rows = [ranking_rows(part, known, config, matured_at=matured, **further) for part in parts()]
    return check_ranking(
        pa.concat_tables(rows), parts, attributes, config, leakage, matured_at=matured, **further
    )


def test_an_honest_ranking_set_passes(shop, day, attributes):
    found = check_set(shop, day, attributes)
    assert found.passed, found.differences
    assert found.rows == found.screened_rows > 300
    assert (found.moments, found.overlaps) == (2, ())
    assert found.columns > 150


def leaking(history, knowledge, *, row, item, groups, late):
    """Honest features and one that sees events up to `late` microseconds after the moment."""
    honest = candidate_features(history, knowledge, row=row, item=item, groups=groups)
    view = history.histories.as_of(history.person, history.time + late)
    ahead = (view.stop - view.start)[row].astype(np.float32)
    return honest.append_column("events_ahead", pa.array(ahead))


@pytest.mark.parametrize("late", [1, MICROSECONDS_PER_DAY])
def test_a_builder_that_looks_ahead_is_caught_even_by_a_microsecond(shop, day, attributes, late):
    found = check_set(shop, day, attributes, describe=partial(leaking, late=late))
    assert {d.column for d in found.differences} == {"events_ahead"}
    assert FORGED_FUTURE in {d.future for d in found.differences}
    assert not found.passed


class Clairvoyant:
    """Proposes whatever the person takes up next."""

    name = "ahead"

    def propose(self, history, knowledge):
        later = history.histories.as_of(history.person, history.time + 7 * MICROSECONDS_PER_DAY)
        found = OwnItems(limit=3).propose(later, knowledge)
        return Proposals(found.row, found.item, found.rank)


def test_candidates_that_look_ahead_are_caught(shop, day, attributes):
    found = check_set(shop, day, attributes, sources=[Clairvoyant()])
    assert c.ITEM_ID in {d.column for d in found.differences}


def test_knowledge_of_the_shop_that_is_too_young_is_caught(shop, day, attributes):
    def too_young(parts, moments, *further):
        later = [moment + 5 * MICROSECONDS_PER_DAY for moment in moments]
        known = know_shop(parts, later, *further)
        return {
            moment: _dated(known[late], moment) for moment, late in zip(moments, later, strict=True)
        }

    found = check_set(shop, day, attributes, know=too_young, sources=[OwnItems()])
    assert any(d.column.startswith("item_purchase") for d in found.differences)


def _dated(knowledge, moment):
    object.__setattr__(knowledge, "known_at", moment)
    return knowledge


def test_a_feature_that_is_the_label_is_suspicious(shop, day, attributes):
    def telling(history, knowledge, **further):
        honest = candidate_features(history, knowledge, **further)
        return honest.append_column("lucky", pa.array(np.zeros(honest.num_rows, np.float32)))

    config = CONFIG.model_copy(update={"cutoffs": 1})
    parts = partial(person_parts, shop, partitions=1)
    known = know_shop(parts(), config.moments(day(60)), attributes, config.similarity)
    rows = ranking_rows(shop, known, config, matured_at=microseconds(day(60)), describe=telling)
    place = rows.schema.get_field_index("lucky")
    rows = rows.set_column(place, "lucky", rows[c.LABEL].cast(pa.float32()))
    found = check_ranking(
        rows, parts, attributes, config, LEAKAGE, matured_at=microseconds(day(60)), describe=telling
    )
    assert [s.column for s in found.suspicious] == ["lucky"]
    assert found.suspicious[0].auc == 1.0


def test_windows_that_overlap_are_told(shop, day, attributes):
    config = CONFIG.model_copy(update={"every_days": 3})
    (words,) = check_set(shop, day, attributes, config=config).overlaps
    assert words.startswith("label windows of neighbouring cut-offs share 4 days")


@pytest.fixture(scope="module")
def campaign(shop, day):
    rows = [
        {
            c.EXPERIMENT_ID: "e",
            c.PERSON_ID: person,
            c.ASSIGNED_AT: day(at),
            c.ARM: "treated" if (n + at) % 2 else "control",
            c.PROBABILITY: 0.5,
        }
        for at in (30, 37, 44, 55)
        for n, person in enumerate([*shop.person_ids, "stranger"])
    ]
    assignments = pa.Table.from_pylist(rows)
    assignments = assignments.set_column(
        2, c.ASSIGNED_AT, assignments[c.ASSIGNED_AT].cast(TIMESTAMP)
    )
    exposures = pa.table(
        {
            c.EXPOSURE_ID: [str(n) for n in range(assignments.num_rows)],
            c.EXPERIMENT_ID: assignments[c.EXPERIMENT_ID],
            c.PERSON_ID: assignments[c.PERSON_ID],
            c.TIME: assignments[c.ASSIGNED_AT],
            c.CHANNEL: ["display"] * assignments.num_rows,
            c.GHOST: [row[c.ARM] == "control" for row in rows],
            c.COST: [0.5] * assignments.num_rows,
            c.CURRENCY: ["USD"] * assignments.num_rows,
        }
    )
    return UpliftFacts(assignments, exposures, None, day(60))


def uplift_table(shop, attributes, facts, config, *, contacts=None, ahead=0):
    parts = list(person_parts(shop, partitions=3))
    known = know_shop(parts, config.moments(facts.assignments), attributes, items=False)
    log = contacts or Contacts.from_tables(facts.exposures, facts.assignments)
    asked = facts.assignments
    tables = [
        uplift.uplift_rows(part, mine, log, known, config, recorded_until=facts.recorded_until)
        for part, mine in uplift.with_assignments(parts, asked)
    ]
    return pa.concat_tables(tables)


def test_an_honest_uplift_set_passes(shop, day, attributes, campaign):
    config = uplift.UpliftSetConfig(windows_days=(7,))
    stored = uplift_table(shop, attributes, campaign, config)
    parts = partial(person_parts, shop, partitions=3)
    found = check_uplift(stored, parts, attributes, campaign, config, LEAKAGE)
    assert found.passed, found.differences
    assert found.rows == 2 * 30  # of 31 persons at 2 moments
    assert found.overlaps == ()
    assert "contacts_7d" in stored.column_names


def test_an_outcome_among_the_features_is_caught(shop, attributes, campaign):
    config = uplift.UpliftSetConfig(windows_days=(7,))
    stored = uplift_table(shop, attributes, campaign, config)
    place = stored.schema.get_field_index("spend_28d")
    ahead = np.nan_to_num(stored["revenue_7d"].to_numpy()) + stored["spend_28d"].to_numpy()
    stored = stored.set_column(place, "spend_28d", pa.array(ahead))
    parts = partial(person_parts, shop, partitions=3)
    found = check_uplift(stored, parts, attributes, campaign, config, LEAKAGE)
    assert {d.column for d in found.differences} == {"spend_28d"}


def test_a_contact_of_the_assignment_itself_is_caught(shop, attributes, campaign):
    config = uplift.UpliftSetConfig(windows_days=(7,))
    early = campaign.exposures.set_column(
        campaign.exposures.schema.get_field_index(c.TIME),
        c.TIME,
        pa.array(campaign.exposures[c.TIME].cast(pa.int64()).to_numpy() - 1).cast(TIMESTAMP),
    )
    log = Contacts.from_tables(early, campaign.assignments)
    stored = uplift_table(shop, attributes, campaign, config, contacts=log)
    parts = partial(person_parts, shop, partitions=3)
    found = check_uplift(stored, parts, attributes, campaign, config, LEAKAGE)
    assert "contacts_7d" in {d.column for d in found.differences}


def test_outcomes_that_answer_for_two_assignments_are_told(shop, attributes, campaign):
    config = uplift.UpliftSetConfig(windows_days=(10,))
    stored = uplift_table(shop, attributes, campaign, config)
    parts = partial(person_parts, shop, partitions=3)
    (words,) = check_uplift(stored, parts, attributes, campaign, config, LEAKAGE).overlaps
    assert words.startswith("in 62 of 124 rows the 10-day outcome window reaches past")


@pytest.mark.parametrize("late_days", [0, 5])
def test_interactions_of_later_days_are_caught(shop, day, late_days):
    config = InteractionConfig()
    persons, items = (
        IdMap.empty().extended(pa.array(ids, pa.string()))
        for ids in (shop.person_ids, shop.item_ids)
    )
    numbers = {"persons": persons, "items": items}
    stored = interactions.interaction_rows(shop, config, as_of=day(40 + late_days), **numbers)
    parts = partial(person_parts, shop, partitions=3)
    found = check_interactions(stored, parts, config, LEAKAGE, as_of=day(40), **numbers)
    assert found.passed == (late_days == 0)
