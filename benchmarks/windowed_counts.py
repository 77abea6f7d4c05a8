"""Twelve windowed counts of many (person, moment) rows, against a range join of DuckDB on numbered persons."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.case import Case
from benchmarks.feature_task_peers import DAY, DAYS, NAMES
from benchmarks.web_shop import Size, write_events, write_moments
from features import columns as c
from features.arrays import CodeArray
from features.histories.event_files import read_histories
from features.histories.windows import windowed_counts
from features.tables import EVENT_NAMES

EVENTS = 1_000_000
ROWS = 100_000


def case(scale: float = 1.0) -> Case[CodeArray]:
    """Four events in three windows; both sides have the events in memory, sorted or indexed as they like."""
    size = Size.of(int(EVENTS * scale))
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "events.parquet", Path(folder) / "moments.parquet"
        write_events(paths[0], size)
        write_moments(paths[1], size, rows=int(ROWS * scale))
        histories = read_histories([paths[0]])
        asked = pq.read_table(paths[1])
    persons = histories.person_rows(asked[c.PERSON_ID])
    times = asked[c.TIME].cast("int64").to_numpy()
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    e = pd.DataFrame(
        {
            "person": np.repeat(np.arange(histories.n_persons), np.diff(histories.offsets)),
            "event": histories.event,
            "t": histories.time,
        }
    )
    q = pd.DataFrame({"row": np.arange(len(persons)), "person": persons, "t": times})
    connection.register("event_frame", e)
    connection.register("row_frame", q)
    connection.execute("CREATE TABLE e AS FROM event_frame; CREATE TABLE q AS FROM row_frame")
    counts = ", ".join(
        f"count(*) FILTER (event = {EVENT_NAMES.index(name)} AND e.t >= q.t - {days * DAY})"
        for name in NAMES
        for days in DAYS
    )
    query = (
        f"SELECT {counts} FROM q LEFT JOIN e ON e.person = q.person AND e.t < q.t "  # noqa: S608 - numbers only
        f"AND e.t >= q.t - {max(DAYS) * DAY} GROUP BY row ORDER BY row"
    )

    def peer() -> CodeArray:
        found = connection.execute(query).fetchnumpy()
        return np.stack([*found.values()], axis=1).reshape(-1, len(NAMES), len(DAYS))

    return Case(
        task=f"windowed counts: {len(persons):,} as-of rows x {len(NAMES) * len(DAYS)} over {len(e):,} events",
        rows=len(persons),
        ours=lambda: windowed_counts(histories.as_of(persons, times), events=NAMES, days=DAYS),
        peer_name="DuckDB range join",
        peer=peer,
        require_equal=np.testing.assert_array_equal,
    )
