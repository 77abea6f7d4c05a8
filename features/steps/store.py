"""The step `store`: a made-up store's files as a client would deliver them, and the truth beside them.

files/events/<day>.parquet, files/feed.tsv     what the client delivers
truth/persons.parquet, truth/items.parquet     what people and items are like
truth/planted.json                             how much of which dirt is in the files
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.run import Run, RunWriter, parquet_options, to_json, write_text, writing_to
from features.simulate.store.actions import Actions
from features.simulate.store.block import lives_of, people_of
from features.simulate.store.config import StoreConfig
from features.simulate.store.dirt import Dirt, bots, spoil
from features.simulate.store.files import (
    EVENT_FILE,
    event_rows,
    feed_lines,
    in_feed,
    item_ids,
    rows_by_day,
)
from features.simulate.store.people import People, blocks
from features.simulate.store.shelf import Shelf, stock_shelf
from features.store import Workspace
from features.threads import in_two_threads

STORE: Final = "store"

_LAYER: Final = "features"


def simulate_store(workspace: Workspace, config: StoreConfig) -> Run:
    """Write the files of a made-up store; the same config gives the same bytes."""

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        shelf = stock_shelf(config.shelf, days=config.days, seed=config.seed)
        files, truth = writer.path / "files", writer.path / "truth"
        with writing_to(writer.path):
            (files / "events").mkdir(parents=True)
            truth.mkdir()
            planted = _write_events(files / "events", truth, shelf, config)
            faulty = faulty_items(shelf, config)
            planted["feed_errors"] = int((faulty & in_feed(shelf, config)).sum())
            write_text(files / "feed.tsv", feed_lines(shelf, config, faulty=faulty))
            _write(truth / "items.parquet", _items(shelf))
            write_text(truth / "planted.json", to_json(planted))
        figures |= {"persons": config.persons, **planted}

    return workspace.carry_out(STORE, compute, config=config, inputs={}, layer=_LAYER)


def _write_events(folder: Path, truth: Path, shelf: Shelf, config: StoreConfig) -> dict[str, int]:
    """Block by block, each day's rows to the file of the day; returns what was planted."""
    planted: Counter[str] = Counter(events=0, bot_events=0)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(_parquet(folder / f"{day_name(config, day)}.parquet", EVENT_FILE))
            for day in range(config.days)
        ]
        nature = stack.enter_context(_parquet(truth / "persons.parquet", _nature_schema()))
        for actions, dirt, people in _everybody(shelf, config):
            rows = event_rows(actions, dirt, people, shelf, config)
            for writer, chosen in zip(
                writers, rows_by_day(dirt, actions.time, days=config.days), strict=True
            ):
                writer.write_table(rows.take(pa.array(chosen)))
            planted.update(dirt.counts())
            planted["events" if people else "bot_events"] += len(actions.time)
            if people:
                nature.write_table(_nature(people))
    return dict(planted)


def _everybody(shelf: Shelf, config: StoreConfig) -> Iterator[tuple[Actions, Dirt, People | None]]:
    """What each block of persons did, two blocks at a time; then the programs."""
    numbers = blocks(config.persons)
    for pair in range(0, len(numbers), 2):
        works = [
            lambda block=block: _block(shelf, config, block) for block in numbers[pair : pair + 2]
        ]
        yield from in_two_threads(works)
    actions = bots(
        config.dirt,
        items=config.shelf.items,
        persons=config.persons,
        days=config.days,
        seed=config.seed,
    )
    clean = config.dirt.model_copy(
        update={"duplicates": 0.0, "late": 0.0, "malformed": 0.0, "id_drift": 0.0}
    )
    yield actions, spoil(actions, clean, days=config.days, block=0, seed=config.seed), None


def _block(shelf: Shelf, config: StoreConfig, block: int) -> tuple[Actions, Dirt, People]:
    people = people_of(config, block)
    actions = lives_of(config, shelf, people)
    dirt = spoil(actions, config.dirt, days=config.days, block=block, seed=config.seed)
    return actions, dirt, people


def faulty_items(shelf: Shelf, config: StoreConfig) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which items' rows lack a price in every feed, shape (n_items,)."""
    rng = np.random.default_rng([config.seed, 4])
    return rng.random(len(shelf.price)) < config.dirt.feed_errors


def day_name(config: StoreConfig, day: int) -> str:
    """The date of a day counted from the store's first, as its event file is named."""
    return f"{config.first + timedelta(days=day):%Y-%m-%d}"


def _parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, **parquet_options(schema))


def _write(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path, **parquet_options(table.schema))


def _nature_schema() -> pa.Schema:
    return pa.schema(
        [
            ("number", pa.int64()),
            ("visits_per_day", pa.float64()),
            ("appetite", pa.float64()),
            ("devices", pa.int64()),
            ("known", pa.bool_()),
            ("consent", pa.bool_()),
            ("consent_changes", pa.int64()),
            ("tastes", pa.list_(pa.int64())),
        ]
    )


def _nature(people: People) -> pa.Table:
    columns = (
        people.first + np.arange(len(people.known)),
        people.visits_per_day,
        people.appetite,
        people.devices,
        people.known,
        people.consent,
        people.changes,
        pa.array(people.tastes.tolist(), pa.list_(pa.int64())),
    )
    return pa.table(list(columns), schema=_nature_schema())


def _items(shelf: Shelf) -> pa.Table:
    columns = {
        name: pa.array(getattr(shelf, name))
        for name in ("category", "brand", "price", "cost", "launch", "out_from", "out_until")
    }
    return pa.table({"item_id": item_ids(len(shelf.price)), **columns, "interval": shelf.interval})
