"""Lists for the persons of any history file, or persons for items: the model, the rules and the reasons of the nightly job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.config import load_config
from features.contracts import check
from features.errors import ConfigError, InputError, SchemaError
from features.histories.histories import Histories
from features.run import RunWriter
from features.sources.flat_table import (
    FlatTable,
    number_values,
    read_flat_table,
    reject_missing,
    require_columns,
    text_values,
)
from features.tables import RECOMMENDATIONS
from features.training_sets.parts import person_parts
from serving.candidates import ChosenItems, Counter, choose_items
from serving.config import EligibilityConfig
from serving.eligibility import item_rule_names
from serving.lists.audience import Audience
from serving.lists.config import ListsConfig
from serving.lists.merchandising import require_attributes
from serving.lists.near import Near
from serving.lists.rows import list_rows
from serving.lists.shelf import Shelf, build_shelf
from training.bundle import read_bundle
from training.recommend_file import allowed_items, rows_as_histories, usable_rows, usual_event
from training.recommenders.base import Recommender
from training.recommenders.registry import load

_FORMAT: Final = ".parquet"
_EVENTS_PER_PART: Final = 2_000_000
_LEAST_CANDIDATES: Final = 50
_FILLED: Final = ("category_price", "category", "parent_category", "best_seller")


@dataclass(frozen=True)
class Wanted:
    """What is asked of the lists.

    Attributes:
        k: length of a list, >= 1.
        items: CSV or Parquet with a column item_id: only these are recommended; None = all.
        exclude_seen: keep the items of a person's own events from that person.
        catalog: CSV or Parquet with item_id and any attributes of items: title, category, product_type, price (a number),
            availability, item_group_id, and what `lists` uses; only its items are recommended, those in stock where it says.
        lists: YAML file of kind `lists`: fallback, merchandising, diversity, places for buyers.
        for_items: persons are sought for these items, instead of items for persons.
        top: persons per item, >= 1.
        separator: between the fields of CSV files.
    """

    k: int
    items: Path | None = None
    exclude_seen: bool = False
    catalog: Path | None = None
    lists: Path | None = None
    for_items: tuple[str, ...] = ()
    top: int = 100
    separator: str = ","


@dataclass(frozen=True, eq=False)
class Found:
    """What came of a history file.

    Attributes:
        table: a recommendations table; an item-audiences table where items were asked for.
        persons: persons of the file.
        refused: rows of the file that could not be used, and of the catalog.
        unknown_items: different items of the file that the model does not know.
        not_in_catalog: items asked for that are not there.
    """

    table: pa.Table
    persons: int
    refused: int
    unknown_items: int
    not_in_catalog: tuple[str, ...] = field(default=())

    def lines(self) -> list[str]:
        """What a person should know about these lists."""
        rows = f"{self.table.num_rows:,} rows"
        if c.LIST_PLACE not in self.table.column_names:
            filled = pc.sum(pc.is_in(self.table[c.LEVEL], value_set=pa.array(_FILLED))).as_py()
            rows = f"{rows}, {filled or 0:,} of them filled"
        return [
            f"{self.persons:,} persons, {rows}",
            f"{self.refused:,} rows refused, {self.unknown_items:,} items unknown to the model",
        ]


def recommend_file(bundle: Path, path: Path, wanted: Wanted) -> Found:
    """Lists for every person of a history file, as of the moment after its last row; or persons for items.

    Args:
        bundle: folder of a recommender.
        path: CSV or Parquet with the columns person_id, item_id, time (seconds since 1970) and, where the model weighs
            several kinds of events, event_name; without that column every row is what the model weighs most.
        wanted: what is asked of the lists.

    Raises:
        InputError: no model, a damaged one, a file that cannot be read, or one without a usable row.
        SchemaError: a column is missing.
        ConfigError: a length below 1, or lists that use an attribute the catalog does not have.
    """
    for name, value in (("k", wanted.k), ("top", wanted.top)):
        if value < 1:
            raise ConfigError(
                name, str(value), rule="it must be 1 or more", next_step="Give a longer list."
            )
    model = load(bundle)
    lists = ListsConfig() if wanted.lists is None else load_config(ListsConfig, wanted.lists)
    flat = usable_rows(read_flat_table(path, separator=wanted.separator))
    histories, end = rows_as_histories(flat, usual=usual_event(model))
    shelf, refused = _shelf(model, lists, wanted)
    counter = Counter(
        shelf,
        lists,
        EligibilityConfig(
            just_bought_days=0, require_price=False, exclude_seen=wanted.exclude_seen
        ),
        candidates=max(wanted.k, _LEAST_CANDIDATES),
        items_per_person=wanted.k,
    )
    parts = _parts(model, histories, end, counter)
    version = read_bundle(bundle).key
    told = {"recommender": model.kind, "version": version}
    known = set(model.item_ids.tolist())
    missing: tuple[str, ...] = ()
    if wanted.for_items:
        audience = Audience(wanted.for_items, shelf, top=wanted.top)
        for part, chosen in parts:
            audience.add(part.person_ids, chosen)
        table, missing = audience.table(**told), audience.missing
    else:
        filters = ";".join(item_rule_names(counter.eligibility, limited=False, resting=False))
        rows = [list_rows(chosen, p.person_ids, filters=filters, **told) for p, chosen in parts]
        table = check(pa.concat_tables(rows), RECOMMENDATIONS, source=str(path))
    return Found(
        table=table,
        persons=histories.n_persons,
        refused=flat.rejects.num_rows + refused,
        unknown_items=sum(item not in known for item in histories.item_ids),
        not_in_catalog=missing,
    )


def write_found(found: Found, out: Path) -> None:
    """Write the rows to a .parquet file; a reader sees the old file or the new one.

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


def require_known(found: Found) -> None:
    """Stop when an item asked for is not in the catalog.

    Raises:
        InputError: naming the items.
    """
    if found.not_in_catalog:
        named = ", ".join(f"'{item}'" for item in found.not_in_catalog)
        raise InputError(
            f"item {named}",
            "is not in the catalog",
            rule="persons are sought for items that could be shown",
            next_step="Check the ids; the output has a row for each of them.",
        )


def _parts(
    model: Recommender[Any], histories: Histories, end: datetime, counter: Counter
) -> Iterator[tuple[Histories, ChosenItems]]:
    """Lists of some persons at a time, so that memory does not grow with the file."""
    partitions = 1 + len(histories.time) // _EVENTS_PER_PART
    for part in person_parts(histories, partitions=partitions):
        near = Near.everything(counter.shelf, part.n_persons)
        yield part, choose_items(model, part.everyone(end), counter, near=near, run_id="file")


def _shelf(model: Recommender[Any], lists: ListsConfig, wanted: Wanted) -> tuple[Shelf, int]:
    """The items that could be shown, and how many rows of the catalog were refused."""
    items = pa.table({c.ITEM_ID: pa.array(model.item_ids, pa.string())})
    refused = 0
    if wanted.catalog is not None:
        flat = _catalog(wanted.catalog, separator=wanted.separator)
        items, refused = flat.table, flat.rejects.num_rows
    require_attributes(lists, items.column_names, source=str(wanted.lists))
    if wanted.items is not None:
        listed = read_flat_table(wanted.items, separator=wanted.separator)
        allowed = model.item_ids[allowed_items(listed, model.item_ids)]
        items = items.filter(pc.is_in(items[c.ITEM_ID], value_set=pa.array(allowed, pa.string())))
    shelf = build_shelf(
        items.select(lists.attributes(items.column_names)),
        popular=model.popular_ids,
        category_levels=lists.fallback.category_levels,
    )
    return shelf, refused


def _catalog(path: Path, *, separator: str) -> FlatTable:
    """The rows with an id and, where there is a price, a number in it; the first of each id."""
    flat = read_flat_table(path, separator=separator)
    require_columns(flat.table, [c.ITEM_ID], source=flat.source)
    flat = _priced(reject_missing(flat, c.ITEM_ID))
    ids = pa.array(text_values(flat.table[c.ITEM_ID]), pa.string())
    first = np.unique(ids.to_numpy(zero_copy_only=False).astype(str), return_index=True)[1]
    repeated = np.ones(len(ids), np.bool_)
    repeated[first] = False
    return _with(flat, c.ITEM_ID, ids).refuse(repeated, reason="repeated_item_id")


def _priced(flat: FlatTable) -> FlatTable:
    """Prices as numbers, null where there is none; a price that is no number refuses its row."""
    if c.PRICE not in flat.table.column_names or flat.table[c.PRICE].null_count == len(flat.line):
        return flat
    numbers = number_values(flat.table[c.PRICE])
    if numbers is None:
        raise SchemaError(
            flat.source,
            f"column '{c.PRICE}' is {flat.table[c.PRICE].type}",
            rule="prices are numbers, without currency",
            next_step="Convert the column.",
        )
    unread = np.isnan(numbers) & flat.table[c.PRICE].is_valid().to_numpy()
    priced = _with(flat, c.PRICE, pa.array(numbers, mask=np.isnan(numbers)))
    return priced.refuse(unread, reason="not_a_number_price")


def _with(flat: FlatTable, name: str, values: pa.Array) -> FlatTable:
    place = flat.table.schema.get_field_index(name)
    table = flat.table.set_column(place, name, values)
    return FlatTable(table, flat.line, flat.rejects, flat.source, flat.content)
