"""Who is in which segment: every rule applied to whole histories of some persons, the overlaps put in order."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa

from features import columns as c
from features.errors import ConfigError
from features.histories.histories import Histories
from features.segments.config import FeedAttribute, SegmentsConfig
from features.segments.rules import Members, People, SegmentFacts, members_of
from features.segments.value import rfm_table
from features.tables import PERSON_TIERS, SEGMENTS, TIMESTAMP


def find_members(histories: Histories, config: SegmentsConfig, facts: SegmentFacts) -> pa.Table:
    """Members of every segment among some persons.

    Args:
        histories: whole histories of these persons.
        config: definitions and their order.
        facts: what is the same for all persons.

    Returns:
        A table of the segments contract, by person, then by priority. Persons in no segment have no row.

    Raises:
        ConfigError: a definition uses a feed attribute that no item has.

    Invariants: unchanged by events and refunds at or after `facts.as_of`; the rows of a person depend on no other person
    but through `facts`; exactly one row of a person is primary.
    """
    check_attributes(config, facts.items.column_names, source="segments")
    people = People(histories, config, facts)
    tables = [
        _table(name, priority, members_of(config.definitions[name], people), people)
        for priority, name in enumerate(config.priority, start=1)
    ]
    together = pa.concat_tables(tables).sort_by(
        [(c.PERSON_ID, "ascending"), (c.PRIORITY, "ascending")]
    )
    ids = together[c.PERSON_ID].to_numpy().astype(object)
    first = np.ones(len(ids), np.bool_)
    first[1:] = ids[1:] != ids[:-1]
    place = together.schema.get_field_index(c.PRIMARY)
    return together.set_column(place, SEGMENTS.schema.field(c.PRIMARY), pa.array(first))


def find_tiers(histories: Histories, config: SegmentsConfig, facts: SegmentFacts) -> pa.Table:
    """Worth, intent and lifecycle stage of each person; a table of the person-tiers contract, in person order."""
    people = People(histories, config, facts)
    values, n = people.values, len(people)
    columns: dict[str, Any] = {
        c.AS_OF: pa.array([facts.as_of] * n, TIMESTAMP),
        c.PERSON_ID: pa.array(histories.person_ids, pa.string()),
        c.RECENCY_DAYS: pa.array(values.recency_days, mask=np.isnan(values.recency_days)),
        c.ORDERS: values.orders,
        c.REVENUE: values.revenue,
        c.CURRENCY: pa.array([facts.currency] * n, pa.string()),
        c.VALUE_TIER: pa.array(people.value_tiers.tolist(), pa.string()),
        c.SCORE: pa.array(people.scores, mask=np.isnan(people.scores)),
        c.INTENT_TIER: pa.array(people.intent_tiers.tolist(), pa.string()),
        c.LIFECYCLE_STAGE: people.lifecycle,
    }
    rfm = rfm_table(values, facts.cuts)
    columns |= {name: rfm[name] for name in rfm.column_names}
    return pa.table(
        [columns[name] for name in PERSON_TIERS.schema.names], schema=PERSON_TIERS.schema
    )


def check_attributes(config: SegmentsConfig, attributes: Collection[str], *, source: str) -> None:
    """Stop when a definition uses a feed attribute that items do not have.

    Args:
        config: the definitions.
        attributes: the attributes that items have.
        source: where the definitions stand, for the message.

    Raises:
        ConfigError: naming the segment and the attribute.
    """
    for name, definition in config.definitions.items():
        if isinstance(definition, FeedAttribute) and definition.attribute not in attributes:
            raise ConfigError(
                source,
                f"segment '{name}' uses the feed attribute '{definition.attribute}', which no item has",
                rule=f"items have: {', '.join(sorted(attributes))}",
                next_step="Correct 'attribute', or declare it as a custom attribute of the feed.",
            )


def _table(name: str, priority: int, members: Members, people: People) -> pa.Table:
    n = len(members.person)
    columns: dict[str, Any] = {field.name: pa.nulls(n, field.type) for field in SEGMENTS.schema}
    columns |= members.further or {}
    columns |= {
        c.AS_OF: pa.array([people.facts.as_of] * n, TIMESTAMP),
        c.PERSON_ID: pa.array(people.histories.person_ids[members.person], pa.string()),
        c.SEGMENT: pa.array([name] * n, pa.string()),
        c.PRIORITY: np.full(n, priority, np.int64),
        c.PRIMARY: np.zeros(n, np.bool_),
        c.CURRENCY: pa.array([people.facts.currency] * n, pa.string()),
    }
    if members.window is not None:
        columns[c.WINDOW] = pa.array(members.window, pa.string())
    if members.since is not None:
        columns[c.SINCE] = pa.array(members.since, pa.int64()).cast(TIMESTAMP)
        columns[c.EXPIRES] = pa.array(members.expires, pa.int64()).cast(TIMESTAMP)
    return pa.table([columns[name] for name in SEGMENTS.schema.names], schema=SEGMENTS.schema)
