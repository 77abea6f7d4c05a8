"""Lists of some persons from their events, as an engine maps it over persons: on this machine or on a cluster, the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, IntArray, TextArray
from features.catalog.listings import ListingsConfig
from features.contracts import check
from features.engines.base import Broadcast, Engine
from features.histories.event_columns import COLUMNS
from features.histories.histories import AsOf, Histories
from features.tables import RECOMMENDATIONS
from serving.candidates import ChosenItems, Counter, choose_items
from serving.eligibility import item_rule_names
from serving.lists.near import Near
from serving.lists.past import Pairs
from serving.lists.rows import list_rows
from serving.waterfall import waterfall_table
from training.recommenders import registry as recommenders
from training.recommenders.base import Recommender

REMOVED: Final = "removed"
"""Column beside a list: what `removed_from` counts."""

_SCHEMA: Final = pa.schema([*RECOMMENDATIONS.schema, pa.field(REMOVED, pa.list_(pa.int64()))])


@dataclass(frozen=True, eq=False)
class ListRequest:
    """What every worker needs beside the events; small, and no model: that is read from its files.

    Attributes:
        bundle: folder of the recommender, under the same path everywhere.
        version: of the recommender.
        as_of: the moment of decision.
        counter: shelf and wishes.
        listings: where listings are; None = place does not matter.
        where: how near they have to be.
        regions: person_id and region.
        reversals: what refunds took back; None = nothing.
        resting: person_id and item_id of what rests; None = items do not rest.
    """

    bundle: Path
    version: str
    as_of: datetime
    counter: Counter
    listings: pa.Table | None = None
    where: ListingsConfig | None = None
    regions: pa.Table | None = None
    reversals: pa.Table | None = None
    resting: pa.Table | None = None

    @property
    def limited(self) -> bool:
        """Whether items have to be near."""
        known = (self.listings, self.where, self.regions)
        return all(part is not None for part in known)

    def rules(self) -> tuple[str, ...]:
        """Names of the item rules in force."""
        return item_rule_names(
            self.counter.eligibility, limited=self.limited, resting=self.resting is not None
        )


def map_lists(
    engine: Engine, events: Any, persons: pa.Array, request: ListRequest, *, run_id: str
) -> tuple[pa.Table, pa.Table]:
    """Lists of chosen persons, computed wherever the engine has their events.

    Args:
        engine: where the work runs.
        events: a table of the engine with the columns of the events table.
        persons: ids of the persons, each with an event before `request.as_of`.
        request: the same for all.
        run_id: for the waterfall.

    Returns:
        A recommendations table, by person and rank, and the item waterfall.

    Invariants: a person's rows depend on no other person, nor on how the persons are cut into parts.
    """
    chosen = engine.table(pa.table({c.PERSON_ID: persons}))
    needed = events.select(c.EVENT_ID, *COLUMNS.values()).semi_join(chosen, c.PERSON_ID)
    function = partial(lists_of, request=engine.broadcast(request))
    found = engine.collect(engine.map_persons(needed, function, _SCHEMA))
    found = found.sort_by([(c.PERSON_ID, "ascending"), (c.RANK, "ascending")])
    lists = check(found.drop_columns(REMOVED), RECOMMENDATIONS, source="lists")
    return lists, item_waterfall(removed_from(found, request), request, run_id=run_id)


def removed_from(rows: pa.Table, request: ListRequest) -> IntArray:
    """Candidates of all lists together, those left, and those each rule removed; adds up over parts of the persons."""
    counted = pc.list_flatten(rows[REMOVED].drop_null()).to_numpy()
    total: IntArray = counted.reshape(-1, len(request.rules()) + 2).sum(axis=0)
    return total


def item_waterfall(removed: IntArray, request: ListRequest, *, run_id: str) -> pa.Table:
    """The item waterfall of everybody, from what `removed_from` counted."""
    names, totals = request.rules(), removed.tolist()
    return waterfall_table(
        names, totals[2:], level="item", run_id=run_id, count_in=totals[0], left=totals[1]
    )


def lists_of(events: pa.Table, *, request: Broadcast) -> pa.Table:
    """Rows of the recommendations table for the persons of some whole histories, with what each rule removed.

    Args:
        events: all events of each of the persons, in any order.
        request: a `ListRequest`.
    """
    asked: ListRequest = request.value
    histories = Histories.from_events(events, asked.reversals)
    model = recommenders.load(asked.bundle)
    return lists_for(model, histories.everyone(asked.as_of), histories.person_ids, asked)


def lists_for(
    model: Recommender[Any], history: AsOf, person_ids: TextArray, asked: ListRequest
) -> pa.Table:
    """The same of n rows of histories in memory, in their order.

    Args:
        model: that of the bundle.
        history: n rows.
        person_ids: whose, shape (n,).
        asked: what is asked.
    """
    persons = pa.array(person_ids, pa.string())
    chosen = choose_items(
        model,
        history,
        asked.counter,
        near=_near(persons, asked),
        run_id=asked.version,
        resting=_resting(persons, asked),
    )
    names = asked.rules()
    rows = list_rows(
        chosen,
        person_ids,
        filters=";".join(names),
        recommender=model.kind,
        version=asked.version,
    )
    return rows.append_column(_SCHEMA.field(REMOVED), _removed(chosen, names, rows))


def _near(persons: pa.Array, asked: ListRequest) -> Near:
    shelf = asked.counter.shelf
    if asked.listings is None or asked.where is None or asked.regions is None:
        return Near.everything(shelf, len(persons))
    place = pc.index_in(persons, value_set=asked.regions[c.PERSON_ID])
    return Near.of(shelf, asked.listings, asked.regions[c.REGION].take(place), asked.where)


def _resting(persons: pa.Array, asked: ListRequest) -> Pairs | None:
    if asked.resting is None:
        return None
    row = pc.index_in(asked.resting[c.PERSON_ID], value_set=persons)
    here = asked.resting.filter(pc.is_valid(row))
    item = asked.counter.shelf.codes(here[c.ITEM_ID].to_numpy().astype(object))
    return Pairs.of(row.drop_null().to_numpy(), item, width=len(asked.counter.shelf))


def _removed(chosen: ChosenItems, names: tuple[str, ...], rows: pa.Table) -> pa.Array:
    """Candidates, those left, and those each rule removed, beside the first row of each person; null beside the others."""
    rule = chosen.verdict.rule
    left = (rule == "").sum(axis=1)
    removed = [(rule == name).sum(axis=1) for name in names]
    counts = np.stack([left + sum(removed), left, *removed], axis=1)
    first: BoolArray = rows[c.RANK].to_numpy() == 1
    offsets = np.concatenate([[0], np.cumsum(first * counts.shape[1])]).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(counts.ravel(), pa.int64()), mask=pa.array(~first)
    )
