"""The feature task on a made-up web shop, from Parquet to arrays: `python -m benchmarks.feature_task`.

Each side runs in a process of its own, this project before and after the others; the sums of all sides must agree. polars is
no dependency: name an interpreter that has it with `--polars PYTHON`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.feature_task_peers import DAYS, HALF_LIFE_DAYS, MOMENT, NAMES, PEERS, WEIGHTS, Clock

OURS = "retarget"
MOMENTS_SHARE = 0.1
_NOT_NEEDED = ("category", "transaction", "quantity", "value")
_PARTS = ("load", "A", "B", "C")
_LINE = "{:<26}" + " {:>6}" * 5 + " {:>7} {:>9}" + " {:>8}" * 4


def with_histories(events: str, moments: str) -> dict[str, Any]:
    """The task by this project; see `feature_task_peers` for the parts."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - each side pays for its own imports

    from features import columns as c  # noqa: PLC0415
    from features.histories.event_files import read_histories  # noqa: PLC0415
    from features.histories.rhythm import last_items, recency_days  # noqa: PLC0415
    from features.histories.windows import distinct_items, windowed_counts  # noqa: PLC0415
    from features.interactions import InteractionConfig, interaction_matrix  # noqa: PLC0415

    clock = Clock()
    histories = read_histories([Path(events)], leave_out=_NOT_NEEDED)
    asked = pq.read_table(moments)
    persons = histories.person_rows(asked[c.PERSON_ID])
    times = asked[c.TIME].cast("int64").to_numpy()
    clock.lap("load")
    view = histories.as_of(np.arange(histories.n_persons), MOMENT)
    weights = dict(zip(NAMES, WEIGHTS, strict=True))
    config = InteractionConfig(weights=weights, half_life_days=HALF_LIFE_DAYS)
    a = interaction_matrix(view, config)
    clock.lap("A")
    counts = windowed_counts(view, events=NAMES, days=DAYS)
    recency = recency_days(view, events=NAMES)
    items = distinct_items(view, events=NAMES)
    viewed = last_items(view, events=["view"], n=3)
    clock.lap("B")
    rows = histories.as_of(persons, times)
    asked_counts = windowed_counts(rows, events=NAMES, days=DAYS)
    clock.lap("C")
    sums = [
        a.nnz, a.sum(dtype=np.float64),
        *counts.sum(axis=0).ravel(), *np.nansum(recency, axis=0), items.sum(), (viewed >= 0).sum(),
        len(asked_counts), *asked_counts.sum(axis=0).ravel(),
    ]  # fmt: skip
    return clock.figures(sums)


def measured(side: str, events: Path, moments: Path, python: str) -> dict[str, Any]:
    """One side in a process of its own."""
    script = "benchmarks.feature_task" if side == OURS else "benchmarks.feature_task_peers"
    command = [
        python,
        "-m",
        script,
        *(["--side"] if side == OURS else []),
        side,
        str(events),
        str(moments),
    ]
    answer = subprocess.run(  # noqa: S603 - ourselves
        command,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "POLARS_MAX_THREADS": "2"},
    )
    figures: dict[str, Any] = json.loads(answer.stdout)
    return figures


def compare(folder: Path, events: int, polars: str | None) -> None:
    """Print a line for each side."""
    from benchmarks.web_shop import Size, write_events, write_moments  # noqa: PLC0415

    size = Size.of(events)
    paths = folder / f"events-{events}.parquet", folder / f"moments-{events}.parquet"
    if not paths[0].exists():
        write_events(paths[0], size)
        write_moments(paths[1], size, rows=round(events * MOMENTS_SHARE))
    sides = [OURS, *(side for side in PEERS if polars or "polars" not in side), OURS]
    print(
        _LINE.format(
            "side", *_PARTS, "all s", "CPU s", "peak MiB", "all x", "CPU x", "C x", "C CPU x"
        )
    )
    found: list[tuple[str, dict[str, Any]]] = []
    for side in sides:
        python = polars if polars and "polars" in side else sys.executable
        found.append((side, measured(side, *paths, python)))
    ours = [figures for side, figures in found if side == OURS]
    for side, figures in found:
        np.testing.assert_allclose(figures["sums"], ours[0]["sums"], rtol=1e-6)
        ratios = [
            _used(figures, of, parts) / np.mean([_used(own, of, parts) for own in ours])
            for parts in (_PARTS, ("C",))
            for of in ("seconds", "processor")
        ]
        print(
            _LINE.format(
                side,
                *(f"{figures['seconds'][part]:.2f}" for part in _PARTS),
                f"{_used(figures, 'seconds', _PARTS):.2f}",
                f"{_used(figures, 'processor', _PARTS):.2f}",
                f"{figures['peak_mib']:,.0f}",
                *(f"{ratio:.1f}" for ratio in ratios),
            )
        )
    print(
        f"{events:,} events, {size.persons:,} persons, {size.items:,} items; two threads; sums agree to 1e-6; "
        "x = times what this project takes, in seconds or in seconds of the processor."
    )


def _used(figures: dict[str, Any], of: str, parts: Sequence[str]) -> float:
    return float(sum(figures[of][part] for part in parts))


def _warm_up() -> None:
    """The task on next to nothing: compiled code is read from its cache."""
    from benchmarks.web_shop import Size, write_events, write_moments  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "events.parquet", Path(folder) / "moments.parquet"
        size = Size.of(100_000)
        write_events(paths[0], size)
        write_moments(paths[1], size, rows=30_000)
        with_histories(*map(str, paths))


def main() -> None:
    """Compare, or run our side and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument(
        "--folder", type=Path, help="keep the files here; a temporary folder by default"
    )
    parser.add_argument("--polars", help="an interpreter that has polars")
    parser.add_argument("--side", nargs=3)
    given = parser.parse_args()
    if given.side:
        _warm_up()
        print(json.dumps(with_histories(*given.side[1:])))
    elif given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
        compare(given.folder, given.events, given.polars)
    else:
        with tempfile.TemporaryDirectory() as folder:
            compare(Path(folder), given.events, given.polars)


if __name__ == "__main__":
    main()
