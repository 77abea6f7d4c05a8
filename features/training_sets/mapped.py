"""The same builds as plain functions of an events table, as an engine maps them over persons.

`functools.partial` of one of these, with its other arguments broadcast, is what `Engine.map_persons` takes; the schema is
the one of the set. What is known of the whole shop comes first, as one row of packed counts per part, to be added up by
`add_counts`: those rows depend on how the persons are parted, their sum does not.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from features.arrays import TextArray
from features.builders.item_counts import ItemCounts
from features.builders.knowledge import Knowledge
from features.builders.similarity import CoOccurrence
from features.builders.spend import SpendCounts
from features.histories.histories import Histories
from features.interactions import InteractionConfig
from features.segments.config import SegmentsConfig
from features.segments.members import find_members
from features.segments.rules import SegmentFacts
from features.training_sets.id_maps import IdMap
from features.training_sets.interactions import interaction_rows
from features.training_sets.ranking import RankingConfig, ranking_rows
from features.training_sets.shop import ShopCounts, SimilarityConfig, count_shop

_MOMENT: Final = "moment"
_COUNTS: Final = "counts"

COUNTS_SCHEMA: Final = pa.schema([(_MOMENT, pa.int64()), (_COUNTS, pa.binary())])
"""Of `shop_part`: a moment, and the counts of one part as of it."""

_ITEM_ARRAYS: Final = ("events", "reach", "revenue", "gaps", "gap_days", "first_seen", "last_sold")


def shop_part(
    events: pa.Table,
    *,
    reversals: pa.Table | None,
    moments: Sequence[int],
    similarity: SimilarityConfig | None = None,
    items: bool = True,
) -> pa.Table:
    """What some persons did as of each moment, packed; see `count_shop`."""
    part = Histories.from_events(events, reversals)
    counted = count_shop(part, moments, similarity, items=items) if part.n_persons else []
    known = list(moments)[: len(counted)]
    return pa.table([known, [_pack(counts) for counts in counted]], schema=COUNTS_SCHEMA)


def add_counts(packed: pa.Table) -> dict[int, ShopCounts]:
    """The counts of all parts together, by moment.

    Args:
        packed: rows of `shop_part` of all parts, in any order.

    Invariants: independent of the order of rows, but for the rounding of sums of money.
    """
    totals: dict[int, ShopCounts] = {}
    for row in packed.to_pylist():
        counts = _unpack(row[_COUNTS])
        before = totals.get(row[_MOMENT])
        totals[row[_MOMENT]] = counts if before is None else before + counts
    return dict(sorted(totals.items()))


def ranking_part(
    events: pa.Table,
    *,
    reversals: pa.Table | None,
    shop: Mapping[int, Knowledge],
    config: RankingConfig,
    matured_at: int,
    share: float = 1.0,
) -> pa.Table:
    """Rows of the ranking set, see `ranking_rows`; columns of `ranking_schema`."""
    part = Histories.from_events(events, reversals)
    return ranking_rows(part, shop, config, matured_at=matured_at, share=share)


def interaction_part(
    events: pa.Table,
    *,
    config: InteractionConfig,
    as_of: datetime,
    persons: IdMap,
    items: IdMap,
) -> pa.Table:
    """Rows of the interaction set, see `interaction_rows`; columns of `interaction_schema`."""
    part = Histories.from_events(events)
    return interaction_rows(part, config, as_of=as_of, persons=persons, items=items)


def members_part(
    events: pa.Table,
    *,
    reversals: pa.Table | None,
    config: SegmentsConfig,
    facts: SegmentFacts,
) -> pa.Table:
    """Rows of the segments table, see `find_members`."""
    return find_members(Histories.from_events(events, reversals), config, facts)


def _pack(counts: ShopCounts) -> bytes:
    """Plain arrays in one file: readable by any version of the classes, never a pickle."""
    spend = counts.spend
    arrays: dict[str, Any] = {
        "spend": np.array([spend.orders, spend.money, spend.days]),
        "as_of": np.array(spend.as_of),
    }
    if counts.items is not None:
        arrays["item_ids"] = counts.items.item_ids.astype(str)
        arrays |= {name: getattr(counts.items, name) for name in _ITEM_ARRAYS}
    if counts.pairs is not None:
        persons = counts.pairs.persons.tocsr()
        arrays["pair_ids"] = counts.pairs.item_ids.astype(str)
        arrays |= {"pair_data": persons.data, "pair_indices": persons.indices}
        arrays["pair_indptr"] = persons.indptr
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _unpack(data: bytes) -> ShopCounts:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        as_of = int(arrays["as_of"])
        items = pairs = None
        if "item_ids" in arrays:
            columns = {name: arrays[name] for name in _ITEM_ARRAYS}
            items = ItemCounts(as_of, _ids(arrays["item_ids"]), **columns)
        if "pair_ids" in arrays:
            ids = _ids(arrays["pair_ids"])
            cells = (arrays["pair_data"], arrays["pair_indices"], arrays["pair_indptr"])
            matrix = sp.csr_matrix(cells, shape=(len(ids), len(ids)))
            pairs = CoOccurrence(as_of, ids, matrix)
        return ShopCounts(SpendCounts(as_of, *arrays["spend"].tolist()), items, pairs)


def _ids(names: Any) -> TextArray:
    found: TextArray = names.astype(object)
    return found
