"""Score and export killed at random moments, then run again: `python -m benchmarks.killed_jobs PROJECT --kills 100`.

PROJECT is a finished project with an exports.yaml and its workspace inside; it is copied, not changed. Each round removes what score and export wrote,
starts both, kills them with SIGKILL at a random moment, looks whether anything unfinished is in force, and runs them again. The
files have to be, byte for byte, those of an undisturbed run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from features.erasure.erase import EXPORT
from features.project import Project
from features.provenance import file_hash
from features.run import MANIFEST
from serving.plans import plan_export, plan_score
from serving.score import SCORE

STEPS = (SCORE, EXPORT)


def decide_and_export(folder: Path) -> None:
    """Both steps, as the command line runs them."""
    for plan in (
        plan_score(folder / "campaign.yaml", []),
        plan_export(folder / "exports.yaml", []),
    ):
        with plan.workspace.lock():
            for job in plan.jobs:
                job.carry_out()


def in_child(folder: Path, *, kill_after: float | None) -> bool:
    """Run both steps in a process of their own; whether they were killed before their end."""
    child = os.fork()
    if child == 0:
        decide_and_export(folder)
        os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return status != 0


def bytes_of(folder: Path) -> dict[str, str]:
    """Hash of every file that the two steps left, hidden ones included."""
    root = Project(folder).workspace.root
    paths = sorted(path for step in STEPS for path in (root / step).rglob("*") if path.is_file())
    return {str(path.relative_to(root)): file_hash(path) for path in paths}


def partial_in_force(folder: Path) -> bool:
    """Whether a reader could meet a run that is not finished."""
    root = Project(folder).workspace.root
    visible = [path for step in STEPS for path in (root / step).glob("[!.]*")]
    return any(not (path / MANIFEST).is_file() for path in visible)


def main() -> int:
    """Print what became of the kills; 1 where a byte differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = shutil.copytree(asked.project, Path(scratch) / "project", symlinks=True)
        root = Project(folder).workspace.root
        clear(root)
        begin = time.perf_counter()
        in_child(folder, kill_after=None)
        lasts = time.perf_counter() - begin
        good = bytes_of(folder)
        killed = other = partial = 0
        for _ in range(asked.kills):
            clear(root)
            killed += in_child(folder, kill_after=rng.uniform(0, lasts))
            partial += partial_in_force(folder)
            in_child(folder, kill_after=None)
            other += bytes_of(folder) != good
    print(
        f"{asked.kills} kills in the {lasts:.1f} s of an undisturbed run: {killed} hit it, "
        f"{partial} left something unfinished in force, {other} ended with other bytes"
    )
    return int(bool(partial or other or not good))


def clear(root: Path) -> None:
    """Forget what both steps wrote."""
    for step in STEPS:
        shutil.rmtree(root / step, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
