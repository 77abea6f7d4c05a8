"""Events of a made-up web shop as one Parquet file of the events table, and moments to ask about; the same in every run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.feature_task_peers import FIRST, NAMES
from features import columns as c
from features.histories.histories import MICROSECONDS_PER_DAY
from features.run import parquet_options
from features.tables import EVENTS

DAYS: Final = 90
ROWS_PER_GROUP: Final = 1_000_000
_SHARES: Final = (0.80, 0.12, 0.05, 0.03)
_CATEGORIES: Final = 40
_FIRST_ASKED: Final = 40  # day from which moments are asked about
_AFFINE: Final = 0.4  # share of events on the items of a person's own corner of the shop
_CORNERS: Final = 200

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Size:
    """How much happens in the shop."""

    events: int
    persons: int
    items: int

    @classmethod
    def of(cls, events: int) -> Size:
        """Twenty events per person, a hundred per item, at most 100,000 items."""
        return cls(events, max(events // 20, 2), max(min(events // 100, 100_000), _CORNERS))


def write_events(path: Path, size: Size) -> None:
    """Write the events in the order of their times, a million at a time.

    Activity of persons is log-normal, popularity of items a power law; nobody does two things in one microsecond.
    """
    rng = np.random.default_rng(0)
    active = np.cumsum(rng.lognormal(0, 1.2, size.persons))
    popular = np.cumsum(1 / np.arange(1, size.items + 1) ** 0.9)
    shelf = rng.permutation(size.items)
    with pq.ParquetWriter(path, EVENTS.schema, **parquet_options(EVENTS.schema)) as writer:
        for begin in range(0, size.events, ROWS_PER_GROUP):
            rows = min(ROWS_PER_GROUP, size.events - begin)
            person = np.searchsorted(active, rng.random(rows) * active[-1])
            item = shelf[np.searchsorted(popular, rng.random(rows) * popular[-1])]
            width = size.items // _CORNERS
            own = (person * 2_654_435_761 % _CORNERS) * width + rng.zipf(1.3, rows) % width
            item = np.where(rng.random(rows) < _AFFINE, own, item)
            name = rng.choice(len(NAMES), rows, p=_SHARES)
            span = DAYS * MICROSECONDS_PER_DAY
            low, high = (span * edge // size.events for edge in (begin, begin + rows))
            time = FIRST + np.sort(rng.integers(low, high, rows))
            value = np.round(rng.gamma(2, 20, rows), 2)
            writer.write_table(_table(begin + np.arange(rows), person, item, name, time, value))


def write_moments(path: Path, size: Size, *, rows: int) -> None:
    """Write (person, time) rows to ask about, in no order."""
    rng = np.random.default_rng(5)
    days = rng.integers(_FIRST_ASKED * MICROSECONDS_PER_DAY, DAYS * MICROSECONDS_PER_DAY, rows)
    person = rng.integers(size.persons, size=rows)
    table = {c.PERSON_ID: _person(person), c.TIME: _moment(FIRST + days)}
    pq.write_table(pa.table(table), path)


def _table(
    number: Codes,
    person: Codes,
    item: Codes,
    name: Codes,
    time: Codes,
    value: npt.NDArray[np.float64],
) -> pa.Table:
    rows = len(number)
    bought, no_text = name == NAMES.index("purchase"), pa.nulls(rows, pa.string())
    ids = _person(person)
    columns = {
        c.EVENT_ID: _text(number * 7_919 % 10_000_000_019),
        c.EVENT_NAME: pa.array(NAMES).take(pa.array(name)),
        c.TIME: _moment(time),
        c.USER_ID: ids,
        c.PERSON_ID: ids,
        c.ITEM_ID: _joined("sku-", item),
        c.QUANTITY: pa.array(np.where(bought, 1.0 + item % 3, np.nan), from_pandas=True),
        c.VALUE: pa.array(np.where(bought, value, np.nan), from_pandas=True),
        c.CURRENCY: pc.if_else(pa.array(bought), "EUR", None),
        c.TRANSACTION_ID: pc.if_else(pa.array(bought), _joined("T", number), None),
        c.CATEGORY: _joined("category ", item % _CATEGORIES),
        c.SOURCE: pa.repeat("shop", rows),
        c.LINE: pa.array(number + 1),
    }
    return pa.table(
        [columns.get(n, no_text) for n in EVENTS.schema.names], EVENTS.schema.names
    ).cast(EVENTS.schema)


def _person(person: Codes) -> pa.Array:
    """One id per person, without any order to exploit: a product with an odd number, modulo a power of two."""
    return _text(((person + 1) * 6_364_136_223_846_793) & (2**53 - 1))


def _text(numbers: Codes) -> pa.Array:
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 16, "0")


def _joined(prefix: str, numbers: Codes) -> pa.Array:
    return pc.binary_join_element_wise(
        prefix, pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 6, "0"), ""
    )


def _moment(time: Codes) -> pa.Array:
    return pa.array(time, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
