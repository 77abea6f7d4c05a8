"""Lists for the persons of any flat table of events, with a trained recommender; persons new to it are folded in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, TextArray
from features.errors import ConfigError, InputError
from features.histories.histories import Histories
from features.sources.flat_table import (
    FlatTable,
    as_numbers,
    reject_missing,
    require_columns,
    text_values,
)
from features.tables import EVENT_NAMES, EVENTS
from training.recommenders.base import RankedItems, Recommender

HISTORY: Final = "history"
POPULAR: Final = "popular"

_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, eq=False)
class Recommendations:
    """Lists of the persons of one file.

    Attributes:
        table: person, rank (1 = best), item, score (comparable within the person only) and level: `history` where the item
            comes from the person's own history, `popular` where the list was filled up.
        persons: persons of the file.
        refused: rows of the file that could not be used.
        unknown_items: different items of the file that the model does not know.
    """

    table: pa.Table
    persons: int
    refused: int
    unknown_items: int


def recommend_rows(
    model: Recommender[Any],
    flat: FlatTable,
    *,
    k: int,
    items: FlatTable | None = None,
    exclude_seen: bool = False,
) -> Recommendations:
    """Recommend for every person of a table, as of the moment after its last row; without a catalog, and without reasons.

    Args:
        model: a fitted recommender.
        flat: rows with the columns person_id, item_id, time (seconds since 1970) and, where the model weighs several kinds of
            events, event_name; without that column every row is what the model weighs most.
        k: length of a list, >= 1.
        items: rows with a column item_id: only these are recommended; None = all the model knows.
        exclude_seen: keep the items of a person's own weighted events from that person.

    Raises:
        InputError: no usable row.
        SchemaError: a column is missing.
        ConfigError: k < 1.
    """
    if k < 1:
        raise ConfigError("k", str(k), rule="it must be 1 or more", next_step="Give a longer list.")
    flat = usable_rows(flat)
    histories, end = rows_as_histories(flat, usual=usual_event(model))
    history = histories.everyone(end)
    ranked = model.recommend(
        history,
        k=k,
        allowed=None if items is None else allowed_items(items, model.item_ids),
        barred=model.seen(history) if exclude_seen else None,
    )
    known = set(model.item_ids.tolist())
    return Recommendations(
        table=_table(ranked, histories),
        persons=histories.n_persons,
        refused=flat.rejects.num_rows,
        unknown_items=sum(item not in known for item in histories.item_ids),
    )


def usual_event(model: Recommender[Any]) -> str:
    """The event that rows without a name are taken for: the one the model weighs most."""
    weights = model.config.weights
    heaviest: str = max(weights, key=lambda name: weights[name])
    return heaviest


def usable_rows(flat: FlatTable) -> FlatTable:
    """The rows with a person, an item, a time and a known event name."""
    require_columns(flat.table, [c.PERSON_ID, c.ITEM_ID, c.TIME], source=flat.source)
    for name in (c.PERSON_ID, c.ITEM_ID):
        flat = reject_missing(flat, name)
    flat = as_numbers(_some(flat), c.TIME)
    if c.EVENT_NAME in flat.table.column_names:
        names = np.array(text_values(flat.table[c.EVENT_NAME]), dtype=object)
        flat = flat.refuse(~np.isin(names.astype(str), EVENT_NAMES), reason="unknown_event_name")
    return _some(flat)


def _some(flat: FlatTable) -> FlatTable:
    """The table itself, unless nothing is left of it."""
    if flat.table.num_rows == 0:
        raise InputError(
            flat.source,
            "has no row with person, item, time and a known event name",
            rule="lists are made from histories",
            next_step="Check the columns person_id, item_id, time and event_name.",
        )
    return flat


def rows_as_histories(flat: FlatTable, *, usual: str) -> tuple[Histories, datetime]:
    """Histories of the rows, and the moment after the last one."""
    table, rows = flat.table, flat.table.num_rows
    time = np.floor(np.asarray(table[c.TIME]) * _MICROSECONDS).astype(np.int64)
    names = [usual] * rows
    if c.EVENT_NAME in table.column_names:
        names = [str(name) for name in text_values(table[c.EVENT_NAME])]
    columns = {
        c.PERSON_ID: pa.array(text_values(table[c.PERSON_ID]), pa.string()),
        c.ITEM_ID: pa.array(text_values(table[c.ITEM_ID]), pa.string()),
        c.EVENT_ID: pa.array([f"{line:012d}" for line in flat.line.tolist()], pa.string()),
        c.EVENT_NAME: pa.array(names, pa.string()),
        c.TIME: pa.array(time).cast(EVENTS.schema.field(c.TIME).type),
    }
    empty = {
        field.name: pa.nulls(rows, field.type)
        for field in EVENTS.schema
        if field.name not in columns
    }
    events = {name: pa.chunked_array([values]) for name, values in (columns | empty).items()}
    end = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(time.max()) + 1)
    return Histories.from_events(pa.table(events)), end


def allowed_items(flat: FlatTable, item_ids: TextArray) -> BoolArray:
    """Which of a model's items the rows list, shape (n_items,).

    Raises:
        SchemaError: there is no column item_id.
        InputError: no item of the model is listed.
    """
    require_columns(flat.table, [c.ITEM_ID], source=flat.source)
    listed = pa.array([t for t in text_values(flat.table[c.ITEM_ID]) if t], pa.string())
    allowed: BoolArray = pc.is_in(pa.array(item_ids, pa.string()), value_set=listed).to_numpy(
        zero_copy_only=False
    )
    if not allowed.any():
        raise InputError(
            flat.source,
            "holds no item that the model knows",
            rule="something must be left to recommend",
            next_step="Check the ids, or train again.",
        )
    return allowed


def _table(ranked: RankedItems, histories: Histories) -> pa.Table:
    row, place = np.nonzero(ranked.items >= 0)
    score = ranked.scores[row, place]
    return pa.table(
        {
            c.PERSON_ID: pa.array(histories.person_ids[row], pa.string()),
            c.RANK: pa.array(place + 1, pa.int64()),
            c.ITEM_ID: pa.array(ranked.ids()[row, place], pa.string()),
            c.SCORE: pa.array(score, pa.float32()),
            c.LEVEL: pa.array(np.where(score > 0, HISTORY, POPULAR).astype(object), pa.string()),
        }
    )
