"""A progress bar per entry of a tuning, on a terminal; nothing where nobody looks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from training.search.study import StudyTrial
from training.tuning.tune import Told


@contextlib.contextmanager
def trial_bars(console: Console) -> Iterator[Told]:
    """Bars that grow with every trial told; the best value stands beside."""
    bars = Progress(
        TextColumn("      {task.description:20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("best {task.fields[best]:.4g}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def told(entry: str, budget: int, trial: StudyTrial) -> None:
        if entry not in tasks:
            if not tasks:
                console.line()
                bars.start()
            tasks[entry] = bars.add_task(entry, total=budget, best=trial.value)
        best = bars.tasks[tasks[entry]].fields["best"]
        better = best if trial.pruned else max(best, trial.value)
        bars.update(tasks[entry], advance=1, best=better)

    try:
        yield told
    finally:
        bars.stop()
