"""Runs in MLflow: parameters, metrics with intervals, curves, cards and every file of a finished training.

Everything is keyed by content: a run logged under a key is found again, not logged twice, so a job that is killed and
rerun leaves one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from features.errors import InputError
from features.run import Run
from features.store import Workspace
from training.models.registry import ModelRegistry
from training.tracking.lineage import lineage
from training.tracking.mlflow_store import KEY_TAG, MlflowStore, require_key
from training.tracking.model_pages import CARD

TRACKED: Final = "tracked"
PARAMETERS: Final = "parameters"
CURVES: Final = "curves"
"""Figures of a training run's manifest that go to MLflow as metrics, as parameters, and as metrics with one step per
point."""

_METRIC_NAME: Final = re.compile(r"[\w.:/ -]+", re.ASCII)
_PARAMETER_LENGTH: Final = 6_000  # MLflow's limit
_NOTE: Final = "mlflow.note.content"  # shown as the description of a run
_DATA: Final = "data.json"
_BATCH: Final = 900  # metrics per call; MLflow takes 1,000


class Tracker:
    """Runs of one tracking project, in the store of one folder."""

    def __init__(self, folder: Path, project: str) -> None:
        self.store = MlflowStore(folder, project)

    def log_run(
        self,
        *,
        name: str,
        key: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float | None],
        curves: Mapping[str, Sequence[float | None]] | None = None,
        tags: Mapping[str, str] | None = None,
        description: str = "",
        data: Mapping[str, Any] | None = None,
        artifacts: Path | None = None,
    ) -> str:
        """Log one run, or find the finished one logged before under the same key.

        Args:
            name: what a person sees in the list of runs.
            key: content hash of everything that determines the run.
            params: settings, written as text.
            metrics: with their true sign; NaN and None are left out, MLflow has no place for them.
            curves: several values of one metric, at the steps 0, 1, …
            tags: further labels.
            description: Markdown shown with the run.
            data: what it was made from; written as `data.json`.
            artifacts: folder whose files are copied into the run.

        Returns:
            MLflow's id of the run.

        Raises:
            InputError: a key or metric name that MLflow refuses, such as one with '@'.
            WorkspaceError: the store cannot be read or written.
        """
        require_key(key)
        points = {**{name: [value] for name, value in metrics.items()}, **(curves or {})}
        _check_metric_names(points)
        with self.store.explained():
            finished = self._finished_run(key)
            if finished is not None:
                return finished
            client = self.store.client
            labels = {**(tags or {}), KEY_TAG: key} | ({_NOTE: description} if description else {})
            run = client.create_run(self.store.project_id, run_name=name, tags=labels)
            run_id: str = run.info.run_id
            _log_values(client, run_id, params, points, at=run.info.start_time)
            if data is not None:
                client.log_dict(run_id, dict(data), _DATA)
            if artifacts is not None:
                client.log_artifacts(run_id, str(artifacts))
            client.set_terminated(run_id, "FINISHED")
            return run_id

    def _finished_run(self, key: str) -> str | None:
        """The finished run of that key; unfinished ones were killed and are marked so."""
        client, finished = self.store.client, None
        for run in client.search_runs([self.store.project_id], f"tags.`{KEY_TAG}` = '{key}'"):
            if run.info.status == "FINISHED":
                finished = run.info.run_id
            elif run.info.status == "RUNNING":
                client.set_terminated(run.info.run_id, "KILLED")
        return finished


def track_run(run: Run, *, folder: Path, project: str, models: Mapping[str, Path]) -> None:
    """Log a finished training run and register its models; both once per run, however often it is called.

    Which version is in force is decided apart from it, see `training.promotion`.

    Args:
        run: its manifest holds the figures `TRACKED` and perhaps `PARAMETERS` and `CURVES`; all its files become
            artifacts, its `CARD` the description.
        folder: where the store is.
        project: tracking project.
        models: bundle by model name.
    """
    tracker = Tracker(folder, project)
    figures, card = run.manifest["figures"], run.path / CARD
    description = card.read_text(encoding="utf-8") if card.is_file() else ""
    inputs = {f"input.{name}": value for name, value in run.manifest["inputs"].items()}
    run_id = tracker.log_run(
        name=f"{run.manifest['step']} {run.run_id}",
        key=run.run_id,
        params={**figures.get(PARAMETERS, {}), **inputs},
        metrics=figures[TRACKED],
        curves=figures.get(CURVES),
        tags={"step": run.manifest["step"], "config_hash": run.manifest["config_hash"]},
        description=description,
        data=lineage(Workspace(folder), run.manifest["inputs"]),
        artifacts=run.path,
    )
    registry = ModelRegistry(tracker.store)
    for model, bundle in models.items():
        registry.register(
            model, mlflow_run_id=run_id, key=run.run_id, bundle=bundle, description=description
        )


def _log_values(
    client: Any,
    run_id: str,
    params: Mapping[str, Any],
    points: Mapping[str, Sequence[float | None]],
    *,
    at: int,
) -> None:
    from mlflow.entities import Metric, Param  # noqa: PLC0415

    metrics = [
        Metric(name, float(value), at, step=step)
        for name, values in points.items()
        for step, value in enumerate(values)
        if value is not None and math.isfinite(value)
    ]
    client.log_batch(
        run_id,
        params=[Param(name, str(value)[:_PARAMETER_LENGTH]) for name, value in params.items()],
    )
    for first in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[first : first + _BATCH])


def _check_metric_names(metrics: Mapping[str, Any]) -> None:
    for name in metrics:
        if not _METRIC_NAME.fullmatch(name):
            raise InputError(
                f"metric {name!r}",
                "has a name that MLflow refuses",
                rule="names are letters, digits and '_ . : / -' or blanks",
                next_step="Write 'ndcg_at_10', not 'ndcg@10'.",
            )
