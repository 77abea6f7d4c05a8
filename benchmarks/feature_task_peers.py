"""The feature task in the words of DuckDB and of polars; imports none of its packages.

A: decayed weight of each (person, item) before one moment. B: per person before that moment, counts of four events in three
windows, days since each, different items, the last three items viewed. C: the same counts before the moment of each asked
row. Every function returns the seconds of its parts and sums to compare.
"""

# ruff: noqa: S608 - the texts of the queries are constants of this file

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from typing import Any

from benchmarks.peak_memory import peak_mib

NAMES = ("view", "select", "cart_add", "purchase")
WEIGHTS = (1.0, 2.0, 4.0, 8.0)
DAYS = (1, 7, 30)
HALF_LIFE_DAYS = 14.0
DAY = 86_400_000_000
FIRST = 20_605 * DAY
"""2026-06-01, microseconds."""
MOMENT = FIRST + 80 * DAY

Figures = dict[str, Any]


class Clock:
    """Seconds of one part after another, and of the processor for all of them."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._processor: dict[str, float] = {}
        self._since = time.perf_counter(), time.process_time()

    def lap(self, name: str) -> None:
        """The part that ends here."""
        now = time.perf_counter(), time.process_time()
        self._seconds[name], self._processor[name] = (
            after - before for before, after in zip(self._since, now, strict=True)
        )
        self._since = now

    def figures(self, sums: Iterable[Any]) -> Figures:
        """All figures of a side; the peak is that of the whole process."""
        return {
            "seconds": self._seconds,
            "processor": self._processor,
            "peak_mib": peak_mib(),
            "sums": [float(value) for value in sums],
        }


def with_duckdb(events: str, moments: str, *, numbered: bool) -> Figures:
    """Range join for C; `numbered` gives persons and items numbers first, so that texts are compared once."""
    import duckdb  # noqa: PLC0415 - each side pays for its own imports

    clock = Clock()
    base = duckdb.connect()
    base.execute("SET threads = 2; SET preserve_insertion_order = false")
    run = base.execute
    names = ", ".join(f"'{name}'" for name in NAMES)
    run(f"CREATE TYPE event_name AS ENUM ({names})")
    columns = (
        "person_id AS person, item_id AS item, event_name::event_name AS event, epoch_us(time) AS t"
    )
    if numbered:
        run(
            f"CREATE TABLE e0 AS SELECT {columns} FROM '{events}'; "
            "CREATE TABLE persons AS SELECT person AS name, row_number() OVER () AS code FROM (SELECT DISTINCT person FROM e0); "
            "CREATE TABLE items AS SELECT item AS name, row_number() OVER () AS code FROM (SELECT DISTINCT item FROM e0); "
            "CREATE TABLE e AS SELECT p.code AS person, i.code AS item, event, t FROM e0 "
            "JOIN persons p ON p.name = person JOIN items i ON i.name = item; DROP TABLE e0"
        )
        run(
            "CREATE TABLE q AS SELECT row_number() OVER () AS row, coalesce(p.code, -1) AS person, epoch_us(time) AS t "
            f"FROM '{moments}' LEFT JOIN persons p ON p.name = person_id"
        )
    else:
        run(f"CREATE TABLE e AS SELECT {columns} FROM '{events}'")
        run(
            f"CREATE TABLE q AS SELECT row_number() OVER () AS row, person_id AS person, epoch_us(time) AS t FROM '{moments}'"
        )
    clock.lap("load")
    weight = (
        "CASE event "
        + " ".join(f"WHEN '{n}' THEN {w}" for n, w in zip(NAMES, WEIGHTS, strict=True))
        + " END"
    )
    run(
        f"CREATE TABLE a AS SELECT person, item, sum({weight} * exp(-ln(2) / {HALF_LIFE_DAYS * DAY} * ({MOMENT} - t))) AS w "
        f"FROM e WHERE t < {MOMENT} GROUP BY ALL"
    )
    clock.lap("A")
    counts = ", ".join(
        f"count(*) FILTER (event = '{n}' AND t >= {MOMENT - d * DAY}) AS {n}_{d}"
        for n in NAMES
        for d in DAYS
    )
    latest = ", ".join(f"max(t) FILTER (event = '{n}') AS last_{n}" for n in NAMES)
    run(
        f"CREATE TABLE b AS SELECT person, {counts}, {latest}, count(DISTINCT item) AS items, "
        f"arg_max(item, t, 3) FILTER (event = 'view') AS viewed FROM e WHERE t < {MOMENT} GROUP BY person"
    )
    clock.lap("B")
    inside = ", ".join(
        f"count(*) FILTER (event = '{n}' AND e.t >= q.t - {d * DAY}) AS {n}_{d}"
        for n in NAMES
        for d in DAYS
    )
    run(
        f"CREATE TABLE c AS SELECT row, {inside} FROM q LEFT JOIN e ON e.person = q.person AND e.t < q.t "
        f"AND e.t >= q.t - {max(DAYS) * DAY} GROUP BY row"
    )
    clock.lap("C")
    all_counts = ", ".join(f"sum({n}_{d})" for n in NAMES for d in DAYS)
    ages = ", ".join(f"sum({MOMENT} - last_{n}) / {DAY}" for n in NAMES)
    sums = [
        *run("SELECT count(*), sum(w) FROM a").fetchall()[0],
        *run(f"SELECT {all_counts}, {ages}, sum(items), sum(len(viewed)) FROM b").fetchall()[0],
        *run(f"SELECT count(*), {all_counts} FROM c").fetchall()[0],
    ]
    return clock.figures(sums)


def with_polars(events: str, moments: str, *, numbered: bool) -> Figures:
    """Join and filter for C; `numbered` makes the texts categories first, so that they are compared once."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    import polars as pl  # noqa: PLC0415

    clock = Clock()
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=MOMENT)
    texts = pl.Categorical if numbered else pl.String
    ids = [pl.col("person_id").cast(texts), pl.col("event_name").cast(pl.Enum(NAMES))]
    e = (
        pl.scan_parquet(events)
        .select(*ids, pl.col("item_id").cast(texts), pl.col("time").dt.convert_time_zone("UTC"))
        .collect()
        .lazy()
    )
    q = pl.scan_parquet(moments).with_columns(ids[0]).with_row_index("row").collect().lazy()
    clock.lap("load")
    past = e.filter(pl.col("time") < moment).with_columns(
        age=(pl.lit(moment) - pl.col("time")).dt.total_microseconds() / DAY
    )
    of_name = pl.col("event_name").replace_strict(
        list(NAMES), list(WEIGHTS), return_dtype=pl.Float64
    )
    weight = of_name * (pl.col("age") * (-0.6931471805599453 / HALF_LIFE_DAYS)).exp()
    a = (
        past.with_columns(w=weight)
        .group_by("person_id", "item_id")
        .agg(pl.col("w").sum())
        .collect()
    )
    clock.lap("A")
    name, age = pl.col("event_name"), pl.col("age")
    viewed = name == "view"
    b = (
        past.group_by("person_id")
        .agg(
            *[((name == n) & (age <= d)).sum().alias(f"{n}_{d}") for n in NAMES for d in DAYS],
            *[age.filter(name == n).min().alias(f"recency_{n}") for n in NAMES],
            pl.col("item_id").n_unique().alias("items"),
            pl.col("item_id")
            .filter(viewed)
            .sort_by(pl.col("time").filter(viewed))
            .tail(3)
            .alias("viewed"),
        )
        .collect()
    )
    clock.lap("B")
    since = [pl.col("time_right") >= pl.col("time") - pl.duration(days=d) for d in DAYS]
    c = (
        q.join(e, on="person_id", how="inner")
        .filter((pl.col("time_right") < pl.col("time")) & since[-1])
        .group_by("row")
        .agg(
            *[
                ((name == n) & s).sum().alias(f"{n}_{d}")
                for n in NAMES
                for d, s in zip(DAYS, since, strict=True)
            ]
        )
    )
    c = q.select("row").join(c, on="row", how="left").fill_null(0).collect()
    clock.lap("C")
    columns = [f"{n}_{d}" for n in NAMES for d in DAYS]
    sums = [
        len(a), a["w"].sum(),
        *[b[column].sum() for column in columns], *[b[f"recency_{n}"].sum() for n in NAMES],
        b["items"].sum(), b["viewed"].list.len().sum(),
        len(c), *[c[column].sum() for column in columns],
    ]  # fmt: skip
    return clock.figures(sums)


PEERS = {
    "DuckDB": (with_duckdb, False),
    "DuckDB, ids numbered": (with_duckdb, True),
    "polars": (with_polars, False),
    "polars, ids as categories": (with_polars, True),
}


def main(side: str, events: str, moments: str) -> None:
    """Print the figures of one side as JSON."""
    work, numbered = PEERS[side]
    print(json.dumps(work(events, moments, numbered=numbered)))


if __name__ == "__main__":
    main(*sys.argv[1:])
