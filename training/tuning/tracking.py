"""A tuning in MLflow: one run of the whole, and below it one of each trial."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from features import columns as c
from features.run import Run, read_parquet
from training.tracking.runs import PARAMETERS, TRACKED, Tracker

_PARENT: Final = (
    "mlflow.parentRunId"  # MLflow's own tag: its list shows such runs below their parent
)


def track_tuning(run: Run, *, folder: Path, project: str, metric: str, description: str) -> None:
    """Log a finished tuning and its trials, each once, however often it is called.

    A trial's estimates are one metric with a step per part, so that MLflow draws them as a curve; its tag `state` says
    whether it was stopped early.

    Args:
        run: its manifest holds the figures `TRACKED` and `PARAMETERS`; all its files become artifacts.
        folder: where the store is.
        project: tracking project.
        metric: name of what was tuned for.
        description: Markdown shown with the tuning.
    """
    tracker, step = Tracker(folder, project), run.manifest["step"]
    figures = run.manifest["figures"]
    parent = tracker.log_run(
        name=f"{step} {run.run_id}",
        key=run.run_id,
        params=figures[PARAMETERS],
        metrics=figures[TRACKED],
        tags={"step": step, "config_hash": run.manifest["config_hash"]},
        description=description,
        artifacts=run.path,
    )
    for trial in read_parquet(run.path / "trials.parquet").to_pylist():
        name = f"{trial[c.ENTRY]}.{trial[c.TRIAL]:03d}"
        tracker.log_run(
            name=name,
            key=f"{run.run_id}.{name}",
            params=dict(_flat(json.loads(trial[c.SETTING]))),
            metrics={},
            curves={metric: trial[c.ESTIMATES]},
            tags={
                "step": f"{step} trial",
                c.ENTRY: trial[c.ENTRY],
                c.STATE: trial[c.STATE],
                _PARENT: parent,
            },
        )


def _flat(content: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Dotted key and value of everything in nested content."""
    if isinstance(content, Mapping):
        parts = list(content.items())
    elif isinstance(content, list):
        parts = list(enumerate(content))
    else:
        return [(prefix, content)]
    return [
        found
        for key, value in parts
        for found in _flat(value, f"{prefix}.{key}" if prefix else str(key))
    ]
