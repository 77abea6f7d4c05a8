"""How fast a made-up store is written to partitioned Parquet: `python -m benchmarks.store_speed --persons 100000`.

A month of a busy store, a third of a visit per person and day, with the usual dirt; prints persons, events, seconds, seconds of
the processor, the peak of resident memory, bytes on disk, and what a million persons would take at this pace: a straight line,
not a measurement.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peak_memory import peak_mib
from features.simulate.store.config import DirtConfig, PeopleConfig, StoreConfig
from features.steps.store import simulate_store
from features.store import Workspace

_MILLION = 1_000_000
_LINE = "{:>10} {:>12} {:>8} {:>8} {:>9} {:>9} {:>16}"


def measure(persons: int, folder: Path) -> None:
    """Print the line of one size; a first small store warms up compiled code."""
    simulate_store(Workspace(folder / "warm"), _store(1_000))
    begin, used = time.perf_counter(), time.process_time()
    run = simulate_store(Workspace(folder / "store"), _store(persons))
    seconds, processor = time.perf_counter() - begin, time.process_time() - used
    size = sum(path.stat().st_size for path in run.path.rglob("*.parquet"))
    print(_LINE.format("persons", "events", "s", "CPU s", "peak MiB", "MB", "s a million"))
    print(
        _LINE.format(
            f"{persons:,}",
            f"{run.manifest['figures']['events']:,}",
            f"{seconds:.1f}",
            f"{processor:.1f}",
            f"{peak_mib():,.0f}",
            f"{size / _MILLION:,.0f}",
            f"{seconds * _MILLION / persons:,.0f}",
        )
    )


def _store(persons: int) -> StoreConfig:
    return StoreConfig(
        kind="store",
        seed=1,
        persons=persons,
        first=datetime(2026, 1, 5, tzinfo=UTC),
        days=30,
        people=PeopleConfig(visits_per_day=0.35),
        dirt=DirtConfig(duplicates=0.01, late=0.005, malformed=0.002, id_drift=0.05, bots=10),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=100_000)
    with tempfile.TemporaryDirectory() as scratch:
        measure(parser.parse_args().persons, Path(scratch))
