"""Lists for the persons of any flat history file, with a trained recommender; persons new to it are folded in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, TextArray
from features.errors import ConfigError, InputError
from features.histories.histories import Histories
from features.run import RunWriter
from features.sources.flat_table import (
    FlatTable,
    as_numbers,
    read_flat_table,
    reject_missing,
    require_columns,
    text_values,
)
from features.tables import EVENT_NAMES, EVENTS
from training.recommenders.base import RankedItems, Recommender
from training.recommenders.registry import load

HISTORY: Final = "history"
POPULAR: Final = "popular"

_MICROSECONDS: Final = 1_000_000
_FORMAT: Final = ".parquet"


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

    def lines(self) -> list[str]:
        """What a person should know about these lists."""
        filled = np.sum(np.asarray(self.table[c.LEVEL]) == POPULAR)
        return [
            f"{self.persons:,} persons, {self.table.num_rows:,} rows, {filled:,} of them popular fillers",
            f"{self.refused:,} rows of the history refused, {self.unknown_items:,} items unknown to the model",
        ]


def recommend_file(
    bundle: Path,
    path: Path,
    *,
    k: int,
    items: Path | None = None,
    exclude_seen: bool = False,
    separator: str = ",",
) -> Recommendations:
    """Recommend for every person of a history file, as of the moment after its last row.

    Args:
        bundle: folder of a recommender.
        path: CSV or Parquet with the columns person_id, item_id, time (seconds since 1970) and, where the model weighs
            several kinds of events, event_name; without that column every row is what the model weighs most.
        k: length of a list, >= 1.
        items: CSV or Parquet with a column item_id: only these are recommended; None = all the model knows.
        exclude_seen: keep the items of a person's own weighted events from that person.
        separator: between the fields of a CSV.

    Raises:
        InputError: no model, a damaged one, a file that cannot be read, or one without a usable row.
        SchemaError: a column is missing.
        ConfigError: k < 1.
    """
    return recommend_rows(
        load(bundle),
        read_flat_table(path, separator=separator),
        k=k,
        items=None if items is None else read_flat_table(items, separator=separator),
        exclude_seen=exclude_seen,
    )


def recommend_rows(
    model: Recommender[Any],
    flat: FlatTable,
    *,
    k: int,
    items: FlatTable | None = None,
    exclude_seen: bool = False,
) -> Recommendations:
    """Recommend for every person of a table. Arguments and errors as in `recommend_file`, the files read already."""
    if k < 1:
        raise ConfigError("k", str(k), rule="it must be 1 or more", next_step="Give a longer list.")
    flat = _checked(flat)
    usual = max(model.config.weights, key=lambda name: model.config.weights[name])
    histories, end = _histories(flat, usual=usual)
    history = histories.everyone(end)
    ranked = model.recommend(
        history,
        k=k,
        allowed=None if items is None else _allowed(items, model.item_ids),
        barred=model.seen(history) if exclude_seen else None,
    )
    known = set(model.item_ids.tolist())
    return Recommendations(
        table=_table(ranked, histories),
        persons=histories.n_persons,
        refused=flat.rejects.num_rows,
        unknown_items=sum(item not in known for item in histories.item_ids),
    )


def write_recommendations(found: Recommendations, out: Path) -> None:
    """Write the lists to a .parquet file; a reader sees the old file or the new one.

    Raises:
        ConfigError: another ending.
        WorkspaceError: the folder cannot be written.
    """
    if out.suffix != _FORMAT:
        raise ConfigError(
            str(out),
            f"ends with '{out.suffix}'",
            rule=f"lists are written as {_FORMAT}",
            next_step=f"Name the output with the ending {_FORMAT}.",
        )
    fresh = f".{out.stem}"
    RunWriter(out.parent, out.stem).parquet(fresh, found.table)
    (out.parent / f"{fresh}{_FORMAT}").replace(out)


def _checked(flat: FlatTable) -> FlatTable:
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


def _histories(flat: FlatTable, *, usual: str) -> tuple[Histories, datetime]:
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


def _allowed(flat: FlatTable, item_ids: TextArray) -> BoolArray:
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
