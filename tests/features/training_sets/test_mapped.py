"""Mapped over persons by an engine, the sets are what they are in one process."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.histories.histories import Histories, microseconds
from features.interactions import InteractionConfig
from features.segments.config import SegmentsConfig
from features.segments.members import find_members
from features.segments.rules import SegmentFacts
from features.segments.value import ValueConfig, person_values, value_cuts
from features.tables import SEGMENTS
from features.training_sets.id_maps import IdMap
from features.training_sets.interactions import interaction_rows, interaction_schema
from features.training_sets.mapped import (
    COUNTS_SCHEMA,
    add_counts,
    interaction_part,
    members_part,
    ranking_part,
    shop_part,
)
from features.training_sets.ranking import RankingConfig, ranking_rows, ranking_schema
from features.training_sets.shop import SimilarityConfig, know_from_counts, know_shop

SIMILARITY = SimilarityConfig(person_share=1, min_persons=2)
CONFIG = RankingConfig(cutoffs=2, max_persons=None, similarity=SIMILARITY)


@pytest.fixture(scope="module", params=["local", "spark"])
def engine(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def mapped(engine, shop_events):
    """A function mapped over three parts, its rows in order."""
    events, _ = shop_events

    def run(function, schema, order=()):
        found = engine.collect(engine.map_persons(events, function, schema, partitions=3))
        return found.sort_by([(name, "ascending") for name in order]) if order else found

    return run


@pytest.fixture(scope="module")
def known(mapped, shop_events, day, attributes):
    moments = CONFIG.moments(day(60))
    function = partial(shop_part, reversals=shop_events[1], moments=moments, similarity=SIMILARITY)
    return know_from_counts(add_counts(mapped(function, COUNTS_SCHEMA)), attributes, SIMILARITY)


def test_what_is_known_of_the_shop_is_the_sum_of_the_parts(known, shop, day, attributes):
    whole = know_shop([shop], CONFIG.moments(day(60)), attributes, SIMILARITY)
    assert list(known) == list(whole)
    for moment, knowledge in whole.items():
        np.testing.assert_array_equal(known[moment].counts.events, knowledge.counts.events)
        np.testing.assert_allclose(known[moment].counts.revenue, knowledge.counts.revenue)
        np.testing.assert_allclose(
            known[moment].similarity.toarray(), knowledge.similarity.toarray()
        )
        assert known[moment].spend.orders == knowledge.spend.orders


def test_person_features_need_no_items(mapped, shop_events, day):
    moments = [microseconds(day(50))]
    function = partial(shop_part, reversals=shop_events[1], moments=moments, items=False)
    (counts,) = add_counts(mapped(function, COUNTS_SCHEMA)).values()
    assert counts.items is None
    assert counts.pairs is None
    assert counts.spend.orders > 0


def test_the_ranking_set(mapped, known, shop, shop_events, day):
    matured = microseconds(day(60))
    function = partial(
        ranking_part, reversals=shop_events[1], shop=known, config=CONFIG, matured_at=matured
    )
    order = (c.AS_OF, c.PERSON_ID, c.ITEM_ID)
    found = mapped(function, ranking_schema(CONFIG), order)
    expected = ranking_rows(shop, known, CONFIG, matured_at=matured).sort_by(
        [(name, "ascending") for name in order]
    )
    assert found.column_names == expected.column_names
    for name in found.column_names:
        one, other = (t[name].to_numpy(zero_copy_only=False) for t in (found, expected))
        np.testing.assert_array_equal(one, other)


def test_the_interaction_set(mapped, shop, day):
    persons, items = (
        IdMap.empty().extended(pa.array(ids, pa.string()))
        for ids in (shop.person_ids, shop.item_ids)
    )
    given = {"as_of": day(40), "persons": persons, "items": items}
    order = (c.PERSON_NUMBER, c.ITEM_NUMBER)
    found = mapped(
        partial(interaction_part, config=InteractionConfig(), **given), interaction_schema(), order
    )
    assert found.equals(interaction_rows(shop, InteractionConfig(), **given))


def test_segments(mapped, known, shop, shop_events, day, attributes):
    moment, knowledge = next(iter(known.items()))
    facts = SegmentFacts(
        as_of=day(46),
        currency="USD",
        items=pa.table({c.ITEM_ID: attributes.item_ids.tolist()}),
        knowledge=knowledge,
        cuts=value_cuts([person_values(shop, as_of=day(46))], ValueConfig()),
    )
    assert moment == microseconds(day(46))
    function = partial(members_part, reversals=shop_events[1], config=SegmentsConfig(), facts=facts)
    nullable = pa.schema([field.with_nullable(True) for field in SEGMENTS.schema])
    found = mapped(function, nullable, (c.PERSON_ID, c.PRIORITY))
    expected = find_members(Histories.from_events(*shop_events), SegmentsConfig(), facts)
    assert found.to_pylist() == expected.to_pylist()
    assert len(set(found[c.SEGMENT].to_pylist())) >= 4
