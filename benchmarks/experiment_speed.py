"""Seconds and peak memory to measure a large experiment: `python -m benchmarks.experiment_speed [--rows N]`.

10 million assigned persons x 6 metrics with CUPED: four means and two ratios, each with the period before.
This project reads the Parquet file in one pass with DuckDB, two threads, 2 GB; the peer is tea-tasting on a pandas frame of the same
file, the same metrics, reading included. Each side in a process of its own, in turn, this project first and last; what it takes to
load each side's modules stands by itself. The largest relative difference of the effects is printed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.peak_memory import peak_mib
from features.config import validate

ROWS, PIECE = 10_000_000, 1_000_000
OUTCOMES: dict[str, Any] = {
    "conversion": {"kind": "binary", "before": "before_orders"},
    "visits": {"kind": "continuous", "before": "before_orders"},
    "revenue": {"kind": "continuous", "before": "before_revenue"},
    "margin": {"kind": "continuous", "before": "before_revenue"},
    "order_value": {
        "kind": "ratio", "numerator": "revenue", "denominator": "orders", "before": "before_revenue",
    },
    "margin_share": {
        "kind": "ratio", "numerator": "margin", "denominator": "revenue", "before": "before_revenue",
    },
}  # fmt: skip
_LINE = "{:<34} {:>9} {:>9} {:>15} {:>11}"


def write_rows(path: Path, rows: int) -> None:
    """An experiment in pieces."""
    rng = np.random.default_rng(0)
    writer = None
    for first in range(0, rows, PIECE):
        n = min(PIECE, rows - first)
        treated = rng.random(n) < 0.5
        before = rng.poisson(0.5, n).astype(np.float64)
        orders = rng.poisson(0.1 + 0.2 * before + 0.01 * treated).astype(np.float64)
        revenue = orders * rng.lognormal(3, 0.8, n)
        piece = pa.table(
            {
                "arm": pa.array(np.where(treated, "ads", "none")),
                "conversion": (orders > 0).astype(np.float64),
                "visits": orders + rng.poisson(1.0, n),
                "orders": orders,
                "revenue": revenue,
                "margin": revenue * rng.uniform(0.1, 0.5, n),
                "before_orders": before,
                "before_revenue": before * rng.lognormal(3, 0.8, n),
            }
        )
        writer = writer or pq.ParquetWriter(path, piece.schema)
        writer.write_table(piece)
    if writer is not None:
        writer.close()


def ours(path: Path) -> dict[str, float]:
    """Effects after CUPED by one pass of DuckDB."""
    from features.engines.local import LocalEngine  # noqa: PLC0415 - each process pays for its own
    from training.experiments.config import MeasureConfig  # noqa: PLC0415
    from training.experiments.large_table import measure_large  # noqa: PLC0415

    content = {
        "kind": "measure",
        "data": {
            "kind": "large_table", "path": str(path), "arm": "arm", "control": "none", "treated": ["ads"],
            "probability": {"none": 1.0, "ads": 1.0},
        },
        "outcomes": OUTCOMES,
        "primary": ["conversion"],
        "method": "before",
    }  # fmt: skip
    config = validate(MeasureConfig, content, subject="benchmark")
    data = config.data
    if data.kind != "large_table":
        raise TypeError(data.kind)
    found = measure_large(LocalEngine().parquet(path), data, config, source=str(path))
    return {e.outcome: e.lift.effect for e in found.effects if e.headline}


def tea_tasting_on_pandas(path: Path) -> dict[str, float]:
    """The same by tea-tasting on a frame in memory."""
    import pandas as pd  # noqa: PLC0415
    import tea_tasting as tt  # noqa: PLC0415

    frame = pd.read_parquet(path)
    metrics = {
        name: tt.RatioOfMeans(
            outcome.get("numerator", name),
            outcome.get("denominator"),
            outcome["before"],
            equal_var=False,
            use_t=False,
        )
        for name, outcome in OUTCOMES.items()
    }
    found = tt.Experiment(metrics, variant="arm").analyze(frame, control="none")
    return {name: found[name].effect_size for name in metrics}


SIDES = {"retarget, DuckDB": ours, "tea-tasting, pandas": tea_tasting_on_pandas}
MODULES = {
    "retarget, DuckDB": ("ibis.backends.duckdb", "training.experiments.large_table"),
    "tea-tasting, pandas": ("pandas", "pyarrow.parquet", "tea_tasting"),
}
"""What each side loads before it starts."""


def main() -> None:
    """Compare the sides, or run one of them in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side is not None:
        used = time.process_time()
        for module in MODULES[asked.side]:
            importlib.import_module(module)
        loading = time.process_time() - used
        begin, used = time.perf_counter(), time.process_time()
        effects = SIDES[asked.side](asked.file)
        seconds, processor = time.perf_counter() - begin, time.process_time() - used
        print(json.dumps([effects, seconds, processor, loading, peak_mib()]))
        return
    compare(asked.rows)


def compare(rows: int) -> None:
    """Write an experiment, let both sides measure it, print a line each."""
    task = f"{rows:,} persons x {len(OUTCOMES)} metrics"
    print(_LINE.format(task, "s", "CPU s", "loading, CPU s", "peak MiB"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "experiment.parquet"
        write_rows(path, rows)
        first, second = SIDES
        results = [_run(side, path) for side in (first, second, first)]
    differences = [abs(results[0][name] / results[1][name] - 1) for name in OUTCOMES]
    print(f"largest relative difference of an effect: {max(differences):.1e}")


def _run(side: str, path: Path) -> dict[str, float]:
    answer = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "benchmarks.experiment_speed", "--side", side, "--file", str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    effects, seconds, processor, loading, peak = json.loads(answer.stdout)
    shown = (f"{seconds:.1f}", f"{processor:.1f}", f"{loading:.1f}", f"{peak:,.0f}")
    print(_LINE.format(side, *shown), flush=True)
    found: dict[str, float] = effects
    return found


if __name__ == "__main__":
    main()
