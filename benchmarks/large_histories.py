"""Histories of up to 100 million events through the disk: `python -m benchmarks.large_histories`.

For each size, in a process of its own: Parquet file -> arrays on disk -> everybody's counts of four events in three windows, read
from the mapped arrays. Prints seconds, the peak of resident memory (mapped pages of files among it), and the exponent b of
seconds ~ events ** b, a straight line through the logarithms.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.feature_task_peers import DAYS, MOMENT, NAMES
from benchmarks.peak_memory import peak_mib

SIZES = (1_000_000, 10_000_000, 100_000_000)
_LINE = "{:>12} {:>9} {:>9} {:>9} {:>9} {:>14}"


def build(events: Path) -> dict[str, Any]:
    """Figures of one size; the arrays are removed again."""
    from features.histories.histories import Histories  # noqa: PLC0415 - each process pays for its own imports
    from features.histories.partitions import write_histories  # noqa: PLC0415
    from features.histories.windows import windowed_counts  # noqa: PLC0415
    from features.run import RunWriter, read_arrays  # noqa: PLC0415

    begin, used = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(dir=events.parent) as folder:
        run = Path(folder) / "run"
        run.mkdir()
        ids = write_histories([events], RunWriter(run, "run"), "histories")
        written = time.perf_counter() - begin
        arrays = read_arrays(run / "histories")
        histories = Histories.from_arrays(arrays, **ids._asdict())
        view = histories.as_of(np.arange(histories.n_persons), MOMENT)
        counts = windowed_counts(view, events=NAMES, days=DAYS)
        return {
            "events": len(histories.time),
            "write": written,
            "all": time.perf_counter() - begin,
            "processor": time.process_time() - used,
            "peak_mib": peak_mib(),
            "counted": int(counts[:, :, -1].sum()),
        }


def compare(folder: Path, sizes: list[int]) -> None:
    """Print a line for each size, and the exponents."""
    from benchmarks.web_shop import Size, write_events  # noqa: PLC0415

    print(_LINE.format("events", "write s", "all s", "CPU s", "peak MiB", "counted"))
    found = []
    for events in sizes:
        path = folder / f"events-{events}.parquet"
        if not path.exists():
            write_events(path, Size.of(events))
        command = [sys.executable, "-m", "benchmarks.large_histories", "--build", str(path)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ourselves
        figures = json.loads(answer.stdout)
        found.append(figures)
        print(
            _LINE.format(
                f"{figures['events']:,}",
                *(f"{figures[name]:.1f}" for name in ("write", "all", "processor")),
                f"{figures['peak_mib']:,.0f}",
                f"{figures['counted']:,}",
            ),
            flush=True,
        )
    if len(found) > 1:
        size = np.log([figures["events"] for figures in found])
        for name, words in (("all", "seconds"), ("processor", "seconds of the processor")):
            exponent = np.polyfit(size, np.log([figures[name] for figures in found]), 1)[0]
            print(f"{words} ~ events ** {exponent:.2f}")


def main() -> None:
    """Compare, or build one file and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=list(SIZES))
    parser.add_argument(
        "--folder", type=Path, help="keep the files here; a temporary folder by default"
    )
    parser.add_argument("--build", type=Path)
    given = parser.parse_args()
    if given.build:
        print(json.dumps(build(given.build)))
    elif given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
        compare(given.folder, given.events)
    else:
        with tempfile.TemporaryDirectory() as folder:
            compare(Path(folder), given.events)


if __name__ == "__main__":
    main()
