"""Cleaning, stitching and telling apart made-up logs, against reading and rewriting them: `python -m benchmarks.ingest`."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peak_memory import peak_mib
from benchmarks.shop_logs import write_logs

MEMORY_LIMIT = "640MB"
_RECEIVED_AT = datetime(2026, 12, 1, tzinfo=UTC)
_LINE = "{:>11} {:<22} {:>8} {:>8} {:>12} {:>8} {:>8} {:>9}"


def clean_files(folder: Path, target: Path) -> int:
    """All steps of cleaning, by this project; returns the rows that went in."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - each side pays for its own imports

    from features.engines.local import LocalEngine  # noqa: PLC0415
    from features.ingest.cleaning import CleaningConfig  # noqa: PLC0415
    from features.ingest.ingestion import ingest_events  # noqa: PLC0415
    from features.sources.staging import StagedFile  # noqa: PLC0415
    from features.tables import REJECTS  # noqa: PLC0415

    none = REJECTS.schema.empty_table()
    files = [
        StagedFile(path, pq.read_metadata(path).num_rows, none)
        for path in sorted(folder.glob("*.parquet"))
    ]
    engine = LocalEngine(threads=2, memory_limit=MEMORY_LIMIT, spill=folder / "spill")
    done = ingest_events(files, target, CleaningConfig(), engine, received_at=_RECEIVED_AT)
    return done.events_in


def rewrite_files(folder: Path, target: Path) -> int:
    """Nothing but reading and writing, by DuckDB with the same limits; returns the rows."""
    import duckdb  # noqa: PLC0415

    connection = duckdb.connect()
    connection.execute(f"SET threads = 2; SET memory_limit = '{MEMORY_LIMIT}'")
    rows = connection.execute(
        f"COPY (FROM '{folder}/*.parquet') TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
    ).fetchone()
    return int(rows[0]) if rows else 0


SIDES = {"DuckDB read + rewrite": rewrite_files, "clean": clean_files}


def measured(side: str, folder: Path) -> dict[str, Any]:
    """One side in a process of its own: its seconds, processor seconds, rows and peak memory."""
    command = [sys.executable, "-m", "benchmarks.ingest", "--side", side, "--folder", str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ourselves
    figures: dict[str, Any] = json.loads(answer.stdout)
    return figures


def _run(side: str, folder: Path) -> None:
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as out:
        rows = SIDES[side](folder, Path(out) / "out.parquet")
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "rows": rows,
        "seconds": time.perf_counter() - begin,
        "processor": used.ru_utime + used.ru_stime,
        "peak_mib": peak_mib(),
    }
    print(json.dumps(figures))


def compare(rows: int) -> dict[str, Any]:
    """Print a line for each side and return our figures; the peer runs before and after, and the mean of both counts."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_logs(folder, rows=rows)
        peer, ours, again = (measured(side, folder) for side in (*SIDES, next(iter(SIDES))))
    peer = {key: (value + again[key]) / 2 for key, value in peer.items()}
    for side, figures in zip(SIDES, (peer, ours), strict=True):
        print(
            _LINE.format(
                f"{figures['rows']:,.0f}",
                side,
                f"{figures['seconds']:.1f}",
                f"{figures['processor']:.1f}",
                f"{figures['rows'] / figures['seconds']:,.0f}",
                f"{figures['seconds'] / peer['seconds']:.1f} x",
                f"{figures['processor'] / peer['processor']:.1f} x",
                f"{figures['peak_mib']:,.0f}",
            ),
            flush=True,
        )
    return ours


def compare_all(sizes: Sequence[int]) -> None:
    """Print both sides at each number of rows, and with how many of them the cost grows."""
    print(_LINE.format("rows", "what", "s", "cpu s", "rows per s", "time", "cpu", "peak MiB"))
    done = [compare(rows) for rows in sizes]
    if len(done) > 1:
        rows, spent = ([figures[key] for figures in done] for key in ("rows", "processor"))
        print(f"\nProcessor seconds of cleaning grow like rows^{exponent(rows, spent):.2f}.")


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The power of the size that the cost grows like: least squares on a log-log scale; 1 = linear."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def main() -> None:
    """Compare at each number of rows, or run one side when asked by `measured`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--side", choices=[*SIDES])
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.side:
        _run(given.side, given.folder)
    else:
        compare_all(given.rows)


if __name__ == "__main__":
    main()
