"""Seconds to fit and to predict with uplift learners, beside the peers: `python -m benchmarks.uplift_speed LEARNER …`.

1 million rows of 50 numbers, as many new rows to predict; every model is LightGBM with the same settings, two folds where a
library lets one choose. Each fit runs in a process of its own, this project before and after each round of peers, which
need `--peers PYTHON`, an interpreter with requirements-bench-uplift.txt. Ratios are to the mean of this project's runs;
those of processor seconds hold on a busy machine as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.uplift_own import ask_peer, own_learners, write_task
from benchmarks.uplift_peers import LIBRARIES, FitClock
from training.uplift.base import TrialRows
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.learners.registry import fit_learner

ROWS, FEATURES = 1_000_000, 50
BASE = BoostedConfig(n_trees=100, n_leaves=31, learning_rate=0.1, min_child_rows=100, n_jobs=2)
OURS = "retarget"
_PARTS = ("fit", "fit CPU", "predict", "predict CPU")
_LINE = "{:<22} {:<14}" + " {:>8} {:>6}" * len(_PARTS)


def write_rows(path: Path, rows: int, base: BoostedConfig) -> None:
    """Training rows, half of them treated, and as many new rows."""
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((2 * rows, FEATURES))
    treated = rng.random(rows) < 0.5
    seen = matrix[:rows]
    level = -2 + 0.5 * seen[:, 0] + 0.4 * seen[:, 1] * seen[:, 2] + 0.3 * np.sin(seen[:, 3])
    change = 0.3 + 0.4 * seen[:, 4] - 0.4 * (seen[:, 5] > 0) + 0.2 * seen[:, 0] * seen[:, 6]
    outcome = rng.random(rows) < 1 / (1 + np.exp(-(level + treated * change)))
    trial = TrialRows(seen, outcome.astype(np.float64), treated, np.full(rows, 0.5), "binary")
    write_task(path, trial, matrix[rows:], base)


def own_seconds(learner: str, task: Path) -> dict[str, float]:
    """One fit and prediction of this project; loading is not timed."""
    with np.load(task) as stored:
        probability = np.full(len(stored["matrix"]), float(stored["probability"]))
        rows = TrialRows(
            stored["matrix"], stored["outcome"], stored["treated"], probability, "binary"
        )
        new = stored["new"]
        base = BASE.model_copy(update={"n_jobs": json.loads(str(stored["settings"]))["n_jobs"]})
    clock = FitClock()
    model = fit_learner(rows, own_learners(base)[learner])
    clock.lap("fit")
    model.predict(new)
    return clock.lap("predict")


def _ours(learner: str, task: Path) -> dict[str, float]:
    answer = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "benchmarks.uplift_speed", "--own", str(task), learner],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds: dict[str, float] = json.loads(answer.stdout)
    return seconds


def compare_all(
    learners: Sequence[str], *, rows: int = ROWS, threads: int = BASE.n_jobs, peers: str | None
) -> None:
    """Print a line for each side of each learner; the peers' only with an interpreter that has them."""
    heads = [head for part in _PARTS for head in (part.replace("predict", "new"), "x")]
    print(_LINE.format("learner", "side", *heads))
    with tempfile.TemporaryDirectory() as folder:
        task = Path(folder) / "task.npz"
        write_rows(task, rows, BASE.model_copy(update={"n_jobs": threads}))
        for learner in learners:
            _compare(learner, task, peers=peers)


def _compare(learner: str, task: Path, *, peers: str | None) -> None:
    found: list[tuple[str, dict[str, Any]]] = [(OURS, _ours(learner, task))]
    for library, learners in LIBRARIES.items():
        if peers and learner in learners:
            _, seconds = ask_peer(peers, library, (learner,), task)
            found.append((library, seconds[learner]))
    found.append((OURS, _ours(learner, task)))
    own = [seconds for side, seconds in found if side == OURS]
    for side, seconds in found:
        cells: list[str] = []
        for part in _PARTS:
            ratio = seconds[part] / np.mean([one[part] for one in own])
            cells += [f"{seconds[part]:.1f}", f"{ratio:.2f}"]
        print(_LINE.format(learner, side, *cells), flush=True)


def main() -> None:
    """Compare the named learners, or time one of ours in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("learners", nargs="+", choices=sorted(own_learners(BASE)))
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--threads", type=int, default=BASE.n_jobs)
    parser.add_argument("--own", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.own is not None:
        print(json.dumps(own_seconds(asked.learners[0], asked.own)))
        return
    compare_all(asked.learners, rows=asked.rows, threads=asked.threads, peers=asked.peers)


if __name__ == "__main__":
    main()
