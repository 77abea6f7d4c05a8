"""All checks of one moment: events, feed and persons in, the quality report out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from features import columns as c
from features.engines.base import Engine
from features.ingest.item_ids import ItemIdConfig
from features.quality.check import QualityCheck, QualityReport
from features.quality.config import QualityConfig
from features.quality.coverage import check_coverage
from features.quality.funnel import check_funnel
from features.quality.id_match import check_id_match
from features.quality.misfires import check_misfires
from features.quality.observed import observe
from features.quality.traffic import check_traffic


def measure_quality(
    events: pa.Table,
    catalog_items: pa.Table | None,
    config: QualityConfig,
    *,
    as_of: datetime,
    item_ids: ItemIdConfig | None = None,
    persons: pa.Table | None = None,
    of_feed: Sequence[QualityCheck] = (),
    engine: Engine | None = None,
) -> QualityReport:
    """Run every check; a check whose input is missing says so and does not pass.

    Args:
        events: checked events, any order.
        catalog_items: feed items or catalog, with `item_id` and, where the feed has it, `item_group_id`; None = no feed.
        config: owners and thresholds.
        as_of: only events before it are looked at.
        item_ids: how ids of events become those of the feed, and how many must be found; None = as they are, the usual
            rate.
        persons: the persons table, for consent that events do not carry; None = there is none.
        of_feed: checks of the feed itself, from `features.quality.feed`.
        engine: what runs the aggregates; None = a local one.

    Returns:
        The report; its `require` raises when a gate says no.

    Invariants: unchanged by the order of events.
    """
    observed = observe(events, as_of=as_of, recent_days=config.recent_days, engine=engine)
    item_ids = item_ids or ItemIdConfig()
    items = None if catalog_items is None else _with_groups(catalog_items)
    return QualityReport(
        as_of=as_of,
        events=observed.events.num_rows,
        events_later=observed.later,
        checks=(
            *check_id_match(observed, items, config.id_match, item_ids=item_ids),
            *of_feed,
            *check_misfires(observed, items, config.misfires, item_ids=item_ids),
            *check_funnel(observed, config.funnel),
            *check_traffic(observed, config.traffic),
            *check_coverage(observed, persons, config.coverage),
        ),
    )


def _with_groups(items: pa.Table) -> pa.Table:
    """Items with a group column, null where the catalog knows no groups."""
    if c.ITEM_GROUP_ID in items.column_names:
        return items
    return items.append_column(c.ITEM_GROUP_ID, pa.nulls(items.num_rows, pa.string()))
