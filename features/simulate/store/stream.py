"""The events of a made-up store with advertising as they are sent, day by day, dirt included."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from features.arrays import IntArray
from features.histories.histories import MICROSECONDS_PER_DAY
from features.simulate.store.actions import Actions
from features.simulate.store.config import StoreConfig
from features.simulate.store.dirt import bots, spoil
from features.simulate.store.files import EVENT_FILE, event_rows, rows_by_day
from features.simulate.store.happenings import FIRST_WON, added, kept, weeks_of_orders
from features.simulate.store.knowledge import Block, decision_days, know_blocks, live_blocks
from features.simulate.store.people import People
from features.simulate.store.shelf import stock_shelf
from features.simulate.store.world import World
from features.simulate.store.world_config import WorldConfig


class _Sent(NamedTuple):
    """Events of one block, or of the programs, as they would be sent without any advertising."""

    people: People | None
    actions: Actions
    week: IntArray
    rows: pa.Table
    by_day: list[IntArray]


class EventStream:
    """A store that lives through its days while contacts reach its people.

    Attributes:
        store: the config.
        shelf: what it sells.
        world: what is decided and delivered, and the truth.
    """

    def __init__(self, store: StoreConfig, config: WorldConfig) -> None:
        self.store = store
        self.shelf = stock_shelf(store.shelf, days=store.days, seed=store.seed)
        parts = list(live_blocks(store, config, self.shelf))
        self.world = World(know_blocks(iter(parts), store, config, self.shelf))
        days = decision_days(store, config)
        self._sent = [self._block(part, number, days) for number, part in enumerate(parts)]
        self._sent.append(self._programs())

    def day(self, day: int) -> pa.Table:
        """The file of one day, columns of `EVENT_FILE`; final once the decisions before that day are taken."""
        tables = [
            table
            for sent in self._sent
            for table in (self._by_themselves(sent, day), self._brought(sent, day))
        ]
        return pa.concat_tables(tables)

    def _by_themselves(self, sent: _Sent, day: int) -> pa.Table:
        rows = sent.by_day[day]
        if sent.people is not None:
            rows = rows[kept(sent.actions.only(rows), sent.week[rows], self.world)]
        return sent.rows.take(pa.array(rows))

    def _brought(self, sent: _Sent, day: int) -> pa.Table:
        if sent.people is None:
            return EVENT_FILE.empty_table()
        actions = added(self.world.weeks, sent.people)
        today = actions.only(np.flatnonzero(actions.time // MICROSECONDS_PER_DAY == day))
        clean = spoil(today, _clean(self.store).dirt, days=self.store.days, block=0, seed=0)
        rows = event_rows(today, clean, sent.people, self.shelf, self.store)
        # a day's events of one person have numbers of their own, beyond those of what people do by themselves
        ids = [f"{row}.{FIRST_WON * (day + 1)}" for row in rows["id"].to_pylist()]
        return rows.set_column(0, "id", pa.array(ids, pa.string()))

    def _block(self, part: Block, number: int, days: IntArray) -> _Sent:
        store, actions = self.store, part.actions
        dirt = spoil(actions, store.dirt, days=store.days, block=number, seed=store.seed)
        rows = event_rows(actions, dirt, part.people, self.shelf, store)
        by_day = rows_by_day(dirt, actions.time, days=store.days)
        return _Sent(part.people, actions, weeks_of_orders(actions, days), rows, by_day)

    def _programs(self) -> _Sent:
        store = self.store
        actions = bots(
            store.dirt,
            items=store.shelf.items,
            persons=store.persons,
            days=store.days,
            seed=store.seed,
        )
        dirt = spoil(actions, _clean(store).dirt, days=store.days, block=0, seed=store.seed)
        rows = event_rows(actions, dirt, None, self.shelf, store)
        by_day = rows_by_day(dirt, actions.time, days=store.days)
        return _Sent(None, actions, np.full(len(actions.time), -1), rows, by_day)


def _clean(store: StoreConfig) -> StoreConfig:
    none = {"duplicates": 0.0, "late": 0.0, "malformed": 0.0, "id_drift": 0.0}
    return store.model_copy(update={"dirt": store.dirt.model_copy(update=none)})
