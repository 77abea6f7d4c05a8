"""Made-up logs of a web shop as Parquet files: 5 % of the rows are duplicates, 1 % are bad; the same in every run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from features import columns as c
from features.histories.histories import MICROSECONDS_PER_DAY
from features.sources.raw_events import RAW_EVENTS

ROWS_PER_FILE: Final = 1_000_000
DUPLICATES: Final = 0.05
BAD: Final = 0.01

_EVENT_SHARES: Final = {
    "page_view": 0.24, "view_list": 0.15, "select": 0.05, "view": 0.42, "cart_add": 0.08, "cart_remove": 0.01,
    "checkout": 0.02, "purchase": 0.028, "refund": 0.002,
}  # fmt: skip
_WITH_ITEM: Final = ("select", "view", "cart_add", "cart_remove", "purchase", "refund")
_WITH_MONEY: Final = ("cart_add", "purchase", "refund")
_EVENTS_PER_PERSON: Final = 20
_ITEMS: Final = 100_000
_DEVICES: Final = 3
_SECOND: Final = 1_000_000
_FIRST_MICROSECOND: Final = 20_454 * MICROSECONDS_PER_DAY  # 2026-01-01
_HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
_KIOSK_SHARE: Final = 0.0002

Array = npt.NDArray[Any]


def write_logs(folder: Path, *, rows: int) -> list[Path]:
    """One file per million rows, rows in the order of their arrival."""
    folder.mkdir(parents=True, exist_ok=True)
    files = max(1, round(rows / ROWS_PER_FILE))
    sizes = np.diff(np.linspace(0, rows, files + 1).astype(np.int64)).tolist()
    paths = []
    for number, size in enumerate(sizes):
        rng = np.random.default_rng([11, number])
        path = folder / f"day-{number:03d}.parquet"
        pq.write_table(
            _day(rng, number, size, persons=rows // _EVENTS_PER_PERSON), path, compression="zstd"
        )
        paths.append(path)
    return paths


def _day(rng: np.random.Generator, day: int, rows: int, *, persons: int) -> pa.Table:
    repeats = round(rows * DUPLICATES)
    fresh = _spoilt(rng, _events(rng, day, rows - repeats, max(persons, 1)))
    chosen = rng.integers(rows - repeats, size=repeats)
    again = {name: values[chosen] for name, values in fresh.items()}
    again["source"] = np.full(repeats, f"server-{day:03d}.jsonl", object)
    delay = rng.integers(30 * _SECOND, size=repeats)
    delay[::20] += 3 * MICROSECONDS_PER_DAY  # beyond the window
    again["time"] = again["time"] + delay
    reloaded = (again["name"] == "purchase") & (
        rng.random(repeats) < 0.5
    )  # a new id, the same order
    again["id"] = np.where(reloaded[:, None], rng.integers(256, size=(repeats, 12)), again["id"])
    both = {name: np.concatenate([fresh[name], again[name]]) for name in fresh}
    arrival = np.argsort(both["time"] + rng.integers(_SECOND, size=rows), kind="stable")
    return _table({name: values[arrival] for name, values in both.items()})


def _events(rng: np.random.Generator, day: int, rows: int, persons: int) -> dict[str, Array]:
    name = rng.choice(np.array([*_EVENT_SHARES], object), size=rows, p=[*_EVENT_SHARES.values()])
    person = (persons * rng.random(rows) ** 1.5).astype(np.int64)
    time = np.sort(rng.integers(MICROSECONDS_PER_DAY, size=rows)) + _FIRST_MICROSECOND
    item = (_ITEMS * rng.random(rows) ** 2).astype(np.int64)
    transaction = np.arange(rows) + day * ROWS_PER_FILE
    bought = np.flatnonzero(name == "purchase")
    second = np.arange(1, len(bought), 3)  # every third purchase is the second line of an order
    for values in (person, time, transaction):
        values[bought[second]] = values[bought[second - 1]]
    refunds = np.flatnonzero(name == "refund")
    earlier = np.searchsorted(bought, refunds) - 1
    refunds, earlier = refunds[earlier >= 0], bought[earlier[earlier >= 0]]
    for values in (person, item, transaction):
        values[refunds] = values[earlier]
    device = (person * _DEVICES + rng.integers(_DEVICES, size=rows)) * 2_654_435_761
    return {
        "id": rng.integers(256, size=(rows, 12)),
        "name": name,
        "time": time + day * MICROSECONDS_PER_DAY,
        "device": np.where(rng.random(rows) < _KIOSK_SHARE, -1, device),
        "user": np.where((person % 2 == 0) & (rng.random(rows) < 0.3), person, -1),
        "item": np.where(np.isin(name, _WITH_ITEM), item, -1),
        "quantity": np.where(np.isin(name, _WITH_MONEY), rng.integers(1, 4, size=rows), np.nan),
        "value": np.where(np.isin(name, _WITH_MONEY), np.round(rng.gamma(2.0, 20.0, rows), 2), np.nan),
        "transaction": np.where(np.isin(name, ["purchase", "refund"]), transaction, -1),
        "source": np.full(rows, f"web-{day:03d}.jsonl", object),
        "line": np.arange(rows) + 1,
    }  # fmt: skip


def _spoilt(rng: np.random.Generator, events: dict[str, Array]) -> dict[str, Array]:
    rows = len(events["line"])
    flaws = np.array_split(rng.permutation(rows)[: round(rows * BAD / (1 - DUPLICATES))], 6)
    unknown, undated, to_come, nobody, nothing, negative = flaws
    events["name"][unknown] = "purchased"
    events["time"][undated] = 0
    events["time"][to_come] += 3_650 * MICROSECONDS_PER_DAY
    events["device"][nobody] = events["user"][nobody] = -2
    events["name"][nothing], events["item"][nothing] = "view", -1
    events["value"][negative] = -1.0
    return events


def _table(events: dict[str, Array]) -> pa.Table:
    rows = len(events["line"])
    device, number = events["device"], _numbered
    kiosk = pa.array(np.where(device == -1, "kiosk", None), pa.string())
    ids = pa.array(np.where(device >= 0, device, 0)).cast(pa.string())
    columns = {
        c.EVENT_ID: _hex(events["id"]),
        c.EVENT_NAME: pa.array(events["name"], pa.string()),
        c.TIME: pa.array(events["time"], pa.int64(), mask=events["time"] < _FIRST_MICROSECOND),
        c.ANONYMOUS_ID: pa.compute.coalesce(
            kiosk, pa.compute.if_else(pa.array(device >= 0), ids, None)
        ),
        c.USER_ID: number("u", events["user"]),
        c.ITEM_ID: number("sku-", events["item"]),
        c.QUANTITY: pa.array(events["quantity"], from_pandas=True),
        c.VALUE: pa.array(events["value"], from_pandas=True),
        c.CURRENCY: pa.array(np.where(np.isnan(events["value"]), None, "EUR"), pa.string()),
        c.TRANSACTION_ID: number("T", events["transaction"]),
        c.CATEGORY: number("category ", np.where(events["item"] >= 0, events["item"] % 40, -1)),
        c.PAGE: number("/shop/page/", events["line"] % 5_000),
        c.SOURCE: pa.array(events["source"], pa.string()),
        c.LINE: pa.array(events["line"], pa.int64()),
        c.CONSENT_PERSONALISATION: pa.array(events["line"] % 3 > 0),
        c.CONSENT_MEASUREMENT: pa.array(events["line"] % 5 > 0),
    }
    columns[c.PERSON_ID] = pa.nulls(rows, pa.string())
    return pa.table([columns[name] for name in RAW_EVENTS.names], names=RAW_EVENTS.names).cast(
        RAW_EVENTS
    )


def _numbered(prefix: str, numbers: Array) -> pa.Array:
    texts = pa.compute.binary_join_element_wise(
        pa.scalar(prefix), pa.array(numbers).cast(pa.string()), ""
    )
    return pa.compute.if_else(pa.array(numbers >= 0), texts, None)


def _hex(values: Array) -> pa.Array:
    """Rows of bytes as hexadecimal texts of one length."""
    rows, width = len(values), 2 * values.shape[1]
    digits = np.stack([_HEX[values >> 4], _HEX[values & 15]], axis=2)
    offsets = np.arange(rows + 1, dtype=np.int32) * width
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(digits))]
    return pa.Array.from_buffers(pa.string(), rows, buffers)
